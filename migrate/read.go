package migrate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// readTree reads JSON or YAML, whichever it is.
func readTree(data []byte) (*node, error) {
	if !utf8.Valid(data) {
		return nil, errors.New("not valid UTF-8: want JSON or YAML in UTF-8")
	}
	data = bytes.TrimPrefix(data, []byte("\uFEFF"))
	if json.Valid(data) {
		r := jsonReader{data: data, decoder: json.NewDecoder(bytes.NewReader(data)), line: 1}
		r.decoder.UseNumber()
		return r.value(0)
	}
	n, err := readYAML(data)
	if begin := bytes.TrimSpace(data); err != nil && len(begin) > 0 && begin[0] == '{' {
		err = jsonError(data)
	}
	return n, err
}

// jsonError tells what is wrong with data that is not JSON.
func jsonError(data []byte) error {
	var syntax *json.SyntaxError
	if err := json.Unmarshal(data, new(json.RawMessage)); !errors.As(err, &syntax) {
		return errors.New("not valid JSON")
	}
	before := data[:min(int(syntax.Offset), len(data))]
	return errorAt(1+bytes.Count(before, []byte{'\n'}), "not valid JSON: "+syntax.Error())
}

// jsonReader reads valid JSON and counts lines.
type jsonReader struct {
	data    []byte
	decoder *json.Decoder
	// line is that of the byte at counted.
	line    int
	counted int64
}

// token returns the next token and the line it ends on, which for all but a long string of YAML is where it begins.
func (r *jsonReader) token() (json.Token, int, error) {
	token, err := r.decoder.Token()
	if err != nil {
		return nil, 0, err
	}
	offset := r.decoder.InputOffset()
	r.line += bytes.Count(r.data[r.counted:offset], []byte{'\n'})
	r.counted = offset
	return token, r.line, nil
}

func (r *jsonReader) value(depth int) (*node, error) {
	token, line, err := r.token()
	if err != nil {
		return nil, err
	}
	if depth > maxNesting {
		return nil, tooDeep(line)
	}
	switch v := token.(type) {
	case string:
		return &node{line: line, kind: kindString, text: v}, nil
	case json.Number:
		return &node{line: line, kind: kindNumber, text: v.String()}, nil
	case bool:
		return &node{line: line, kind: kindBoolean, text: fmt.Sprint(v)}, nil
	case json.Delim:
		if v == '{' {
			return r.object(line, depth)
		}
		return r.list(line, depth)
	}
	return &node{line: line, kind: kindNull}, nil
}

func (r *jsonReader) object(line, depth int) (*node, error) {
	n := &node{line: line, kind: kindObject}
	seen := map[string]bool{}
	for r.decoder.More() {
		token, line, err := r.token()
		if err != nil {
			return nil, err
		}
		name := token.(string)
		if seen[name] {
			return nil, twice(line, name)
		}
		seen[name] = true
		value, err := r.value(depth + 1)
		if err != nil {
			return nil, err
		}
		n.members = append(n.members, member{name, line, value})
	}
	_, _, err := r.token()
	return n, err
}

func (r *jsonReader) list(line, depth int) (*node, error) {
	n := &node{line: line, kind: kindList}
	for r.decoder.More() {
		item, err := r.value(depth + 1)
		if err != nil {
			return nil, err
		}
		n.items = append(n.items, item)
	}
	_, _, err := r.token()
	return n, err
}

// readYAML reads exactly one YAML document.
func readYAML(data []byte) (*node, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var document, more yaml.Node
	switch err := decoder.Decode(&document); {
	case errors.Is(err, io.EOF):
		return nil, errors.New("empty: want a document with functions, eventTypes, cors or subscriptions")
	case err != nil:
		return nil, errors.New("not valid YAML: " + strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if err := decoder.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, errorAt(more.Line, "a second document begins: want one; several spaces stand under \"spaces\"")
	}
	r := yamlReader{left: maxAliased}
	return r.value(document.Content[0], 0)
}

// yamlReader turns YAML's nodes into those they stand for.
type yamlReader struct {
	// aliases is how many aliases are being followed, left how many more values they may stand for.
	aliases, left int
}

func (r *yamlReader) value(from *yaml.Node, depth int) (*node, error) {
	if r.aliases > 0 {
		r.left--
	}
	if r.left < 0 {
		return nil, errorAt(from.Line, fmt.Sprintf("aliases are not accepted for more than %d values in all", maxAliased))
	}
	if depth > maxNesting {
		return nil, tooDeep(from.Line)
	}
	n := &node{line: from.Line}
	switch from.Kind {
	case yaml.AliasNode:
		r.aliases++
		value, err := r.value(from.Alias, depth+1)
		r.aliases--
		if err != nil {
			return nil, err
		}
		value.line = from.Line
		return value, nil
	case yaml.SequenceNode:
		n.kind = kindList
		for _, item := range from.Content {
			value, err := r.value(item, depth+1)
			if err != nil {
				return nil, err
			}
			n.items = append(n.items, value)
		}
		return n, nil
	case yaml.MappingNode:
		return n, r.object(n, from, depth)
	}
	return n, n.setScalar(from)
}

func (r *yamlReader) object(n *node, from *yaml.Node, depth int) error {
	n.kind = kindObject
	seen := map[string]bool{}
	for i := 0; i+1 < len(from.Content); i += 2 {
		key := from.Content[i]
		if key.Tag == "!!merge" {
			return errorAt(key.Line, "<<: merging is not accepted: want the members themselves")
		}
		if key.Kind != yaml.ScalarNode {
			return errorAt(key.Line, "a name that is no text: want a text before the colon")
		}
		if seen[key.Value] {
			return twice(key.Line, key.Value)
		}
		seen[key.Value] = true
		value, err := r.value(from.Content[i+1], depth+1)
		if err != nil {
			return err
		}
		n.members = append(n.members, member{key.Value, key.Line, value})
	}
	return nil
}

// jsonNumber matches what is a number in JSON.
var jsonNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?$`)

func (n *node) setScalar(from *yaml.Node) error {
	switch from.ShortTag() {
	case "!!null":
		n.kind = kindNull
	case "!!bool":
		n.kind, n.text = kindBoolean, strings.ToLower(from.Value)
	case "!!int", "!!float":
		n.kind, n.text = kindNumber, from.Value
		if jsonNumber.MatchString(from.Value) {
			return nil
		}
		var value any
		if err := from.Decode(&value); err != nil {
			return errorAt(from.Line, "not a number")
		}
		text, err := json.Marshal(value)
		if err != nil {
			return errorAt(from.Line, from.Value+" is not accepted: want a finite number")
		}
		n.text = string(text)
	case "!!str", "!!timestamp":
		n.kind, n.text = kindString, from.Value
	default:
		return errorAt(from.Line, "tag "+from.Tag+" is not accepted: want plain texts, numbers, booleans, lists and objects")
	}
	return nil
}

func errorAt(line int, message string) error { return fmt.Errorf("line %d: %s", line, message) }

func tooDeep(line int) error {
	return errorAt(line, fmt.Sprintf("nested too deep: want at most %d levels", maxNesting))
}

func twice(line int, name string) error {
	return errorAt(line, fmt.Sprintf("%q is given twice: want every name once", name))
}
