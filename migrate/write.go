package migrate

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
)

// Format is how a document is written.
type Format string

// The formats.
const (
	YAML Format = "yaml"
	JSON Format = "json"
)

// derived are the fields that follow from others, or from where a resource stands: they are left out of documents.
var derived = map[string]bool{"space": true, "subscriptionId": true, "corsId": true, "eventType": true}

// kept are the fields of a weighted function's provider that the gateway keeps itself, of the weights before: they are left out
// of documents too.
var kept = map[string]bool{"previous": true, "retreated": true}

// Write returns the document of what a gateway has in one space or several. The same content is always written the same.
// Credentials are the "***" the gateway shows.
func Write(states []*State, format Format) ([]byte, error) {
	root := &node{kind: kindObject}
	if len(states) == 1 {
		root = spaceNode(states[0])
	} else {
		list := &node{kind: kindList}
		for _, state := range states {
			list.items = append(list.items, spaceNode(state))
		}
		root.members = []member{{name: "spaces", value: list}}
	}
	var b bytes.Buffer
	if format == JSON {
		err := json.Indent(&b, root.json(), "", "  ")
		b.WriteByte('\n')
		return b.Bytes(), err
	}
	encoder := yaml.NewEncoder(&b)
	encoder.SetIndent(2)
	if err := encoder.Encode(root.yaml()); err != nil {
		return nil, err
	}
	err := encoder.Close()
	return b.Bytes(), err
}

// spaceNode returns the document of one space. It has every list, also an empty one: so it says that there is nothing.
func spaceNode(state *State) *node {
	n := &node{kind: kindObject, members: []member{{name: "space", value: &node{kind: kindString, text: state.Space}}}}
	var lists [kindCount]*node
	for k := range lists {
		lists[k] = &node{kind: kindList}
	}
	for _, r := range state.Resources {
		lists[r.Kind].items = append(lists[r.Kind].items, r.document())
	}
	for k, list := range lists {
		missing := false
		for _, m := range state.Missing {
			missing = missing || m == Kind(k)
		}
		if !missing {
			n.members = append(n.members, member{name: names[k].list, value: list})
		}
	}
	return n
}

// document returns the resource as a document has it.
func (e *Existing) document() *node {
	n := e.node.essence()
	if provider := n.member("provider"); e.Kind == Functions && provider != nil {
		provider.eachText(func(text *node, _ string) { text.text = escapePlaceholders(text.text) })
	}
	return n
}

// essence returns a copy of a resource without the fields that follow from others.
func (n *node) essence() *node {
	c := n.clone()
	event := c.member("event") != nil
	c.members = slices.DeleteFunc(c.members, func(m member) bool {
		return derived[m.name] && (m.name != "eventType" || event)
	})
	if provider := c.member("provider"); provider != nil && c.string("type") == "weighted" {
		provider.members = slices.DeleteFunc(provider.members, func(m member) bool { return kept[m.name] })
	}
	return c
}

func (n *node) clone() *node {
	c := *n
	c.members, c.items = make([]member, len(n.members)), make([]*node, len(n.items))
	for i, m := range n.members {
		c.members[i] = member{m.name, m.line, m.value.clone()}
	}
	for i, item := range n.items {
		c.items[i] = item.clone()
	}
	return &c
}

// yaml returns the node as YAML has it.
func (n *node) yaml() *yaml.Node {
	switch n.kind {
	case kindObject:
		y := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
		for _, m := range n.members {
			y.Content = append(y.Content, yamlText(m.name), m.value.yaml())
		}
		return y
	case kindList:
		y := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
		for _, item := range n.items {
			y.Content = append(y.Content, item.yaml())
		}
		return y
	case kindString:
		return yamlText(n.text)
	case kindNull:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Value: n.text} // plain: a JSON number or boolean is one of YAML
}

// yamlText returns a text that is read back as that text.
func yamlText(text string) *yaml.Node {
	y := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text}
	switch {
	case text == "<<":
		y.Style = yaml.DoubleQuotedStyle
	case strings.Contains(text, "\n"):
		y.Style = yaml.DoubleQuotedStyle
		if isBlock(text) {
			y.Style = yaml.LiteralStyle
		}
	}
	return y
}

// isBlock reports whether a text reads well in lines of their own: nothing but printable lines, indented at most inside.
func isBlock(text string) bool {
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if strings.TrimRight(line, " ") != line || strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) {
			return false
		}
	}
	return text[0] != ' ' && text[0] != '\n' && !strings.HasSuffix(text, "\n\n")
}
