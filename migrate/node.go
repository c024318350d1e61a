package migrate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// node is a value of a document together with the line it stands on, whichever format it was written in.
type node struct {
	line int
	kind kind
	// text is a string's value, or a number's or boolean's JSON.
	text string
	// filled is whether a placeholder stood in the text.
	filled  bool
	members []member
	items   []*node
}

// member is one member of an object.
type member struct {
	name  string
	line  int
	value *node
}

type kind string

const (
	kindObject  kind = "an object"
	kindList    kind = "a list"
	kindString  kind = "a string"
	kindNumber  kind = "a number"
	kindBoolean kind = "a boolean"
	kindNull    kind = "null"
)

const (
	// maxNesting bounds how deep a document may nest.
	maxNesting = 100
	// maxAliased bounds how many values the aliases of a document may stand for: a short one can stand for very many.
	maxAliased = 100_000
)

// member returns an object's member; nil if there is none, or only a null.
func (n *node) member(name string) *node {
	for _, m := range n.members {
		if m.name == name && m.value.kind != kindNull {
			return m.value
		}
	}
	return nil
}

// string returns the text of a string member, and whether there is one.
func (n *node) string(name string) string {
	if m := n.member(name); m != nil && m.kind == kindString {
		return m.text
	}
	return ""
}

// lookup follows a path of member names and list indexes joined with dots as far as it goes. It returns the last node
// reached and the line it is named on. Names may hold dots themselves: the longest that fits counts.
func (n *node) lookup(path string) (found *node, line int) {
	line = n.line
	for path != "" {
		next, rest, at := n.step(path)
		if next == nil {
			break
		}
		n, path, line = next, rest, at
	}
	return n, line
}

func (n *node) step(path string) (next *node, rest string, line int) {
	longest := -1
	for _, m := range n.members {
		after, ok := strings.CutPrefix(path, m.name)
		if ok && (after == "" || after[0] == '.') && len(m.name) > longest {
			longest, next, rest, line = len(m.name), m.value, strings.TrimPrefix(after, "."), m.line
		}
	}
	for i, item := range n.items {
		after, ok := strings.CutPrefix(path, fmt.Sprint(i))
		if ok && (after == "" || after[0] == '.') {
			next, rest, line = item, strings.TrimPrefix(after, "."), item.line
		}
	}
	return next, rest, line
}

// json returns the node as JSON, members in the order they were written in.
func (n *node) json() json.RawMessage {
	var b bytes.Buffer
	n.writeJSON(&b)
	return b.Bytes()
}

func (n *node) writeJSON(b *bytes.Buffer) {
	switch n.kind {
	case kindObject:
		b.WriteByte('{')
		for i, m := range n.members {
			if i > 0 {
				b.WriteByte(',')
			}
			b.Write(quoteJSON(m.name))
			b.WriteByte(':')
			m.value.writeJSON(b)
		}
		b.WriteByte('}')
	case kindList:
		b.WriteByte('[')
		for i, item := range n.items {
			if i > 0 {
				b.WriteByte(',')
			}
			item.writeJSON(b)
		}
		b.WriteByte(']')
	case kindString:
		b.Write(quoteJSON(n.text))
	case kindNull:
		b.WriteString("null")
	default:
		b.WriteString(n.text)
	}
}

// quoteJSON returns a text as a JSON string, without the escapes meant for HTML.
func quoteJSON(s string) []byte {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(s); err != nil {
		panic("migrate: a string does not encode: " + err.Error())
	}
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'})
}
