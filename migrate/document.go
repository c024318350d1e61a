// Package migrate is configuration as a document: reading and writing one, telling how it differs from what a gateway has,
// and making the gateway have it. It also reads what the gateway's predecessor left in etcd.
package migrate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/eventgateway/eventgateway"
)

// Document is the configuration of one or more spaces.
type Document struct {
	// Name is the file's name, for messages.
	Name   string
	Spaces []*Space

	// several is whether the spaces stand in a list, even if there is only one of them.
	several bool
	// expanded are the texts that stand for placeholders, which are shown by name only.
	expanded map[string]string
}

// Space is the configuration of one space.
type Space struct {
	// Name is the space's name. Default: "default".
	Name string
	// Given tells which lists the document has. A list it does not have says nothing about the resources of its kind.
	Given [kindCount]bool
	// Resources are in the order of the document, kind by kind.
	Resources []*Resource

	line int
}

// Resource is a resource as a document has it.
type Resource struct {
	// Name says which resource it is, for messages.
	Name string

	identity
	node *node
}

// Problem is something wrong in a document.
type Problem struct {
	// File and Line say where. Line is 0 if that is not known.
	File string
	Line int
	// Resource is the name of the resource, empty for the document itself.
	Resource string
	// Message begins with the field.
	Message string
}

func (p Problem) Error() string {
	where := p.File
	if p.Line > 0 {
		where += fmt.Sprint(":", p.Line)
	}
	if p.Resource != "" {
		where += ": " + p.Resource
	}
	return where + ": " + p.Message
}

// Problems is all that is wrong in a document.
type Problems []Problem

func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = problem.Error()
	}
	return strings.Join(lines, "\n")
}

// Parse reads a document in JSON or YAML. Placeholders are expanded with what getenv returns for their names; see
// os.LookupEnv. The error is Problems. It checks what a document is made of; the resources themselves are checked by Compare.
func Parse(name string, data []byte, getenv func(string) (string, bool)) (*Document, error) {
	root, err := readTree(data)
	if err != nil {
		return nil, Problems{{File: name, Message: err.Error()}}
	}
	r := &reader{doc: &Document{Name: name, expanded: map[string]string{}}, getenv: getenv}
	r.document(root)
	if len(r.problems) > 0 {
		return nil, r.problems
	}
	return r.doc, nil
}

// reader makes a document of a tree.
type reader struct {
	doc      *Document
	getenv   func(string) (string, bool)
	problems Problems
}

func (r *reader) fail(line int, resource, format string, args ...any) {
	r.problems = append(r.problems, Problem{r.doc.Name, line, resource, fmt.Sprintf(format, args...)})
}

func (r *reader) document(root *node) {
	spaces := root.member("spaces")
	if spaces == nil {
		r.space(root)
		return
	}
	r.doc.several = true
	for _, m := range root.members {
		if m.name != "spaces" {
			r.fail(m.line, "", "%s: not accepted beside spaces: want it in one of them", eventgateway.Quote(m.name))
		}
	}
	if spaces.kind != kindList {
		r.fail(spaces.line, "", "spaces: %s is not accepted: want a list", spaces.kind)
		return
	}
	for _, item := range spaces.items {
		if item.kind == kindObject && item.member("space") == nil {
			r.fail(item.line, "", "space: missing: want the name of the space")
			continue
		}
		r.space(item)
	}
}

// space reads the configuration of one space.
func (r *reader) space(n *node) {
	if n.kind != kindObject {
		r.fail(n.line, "", "%s is not accepted: want an object with space, %s", n.kind, lists())
		return
	}
	s := &Space{Name: eventgateway.DefaultSpace, line: n.line}
	for _, m := range n.members {
		k := slices.IndexFunc(names[:], func(n struct{ list, path, one string }) bool { return n.list == m.name })
		switch {
		case m.name == "space":
			r.spaceName(s, m)
		case k < 0:
			r.fail(m.line, "", "unknown field %s: want only space, %s", eventgateway.Quote(m.name), lists())
		case m.value.kind == kindNull:
		case m.value.kind != kindList:
			r.fail(m.value.line, "", "%s: %s is not accepted: want a list", m.name, m.value.kind)
		default:
			s.Given[k] = true
			r.resources(s, Kind(k), m.value.items)
		}
	}
	for _, other := range r.doc.Spaces {
		if other.Name == s.Name {
			r.fail(s.line, "", "space: %s is given twice: it is at line %d too", eventgateway.Quote(s.Name), other.line)
		}
	}
	slices.SortStableFunc(s.Resources, func(a, b *Resource) int { return int(a.kind - b.kind) })
	r.doc.Spaces = append(r.doc.Spaces, s)
}

func (r *reader) spaceName(s *Space, m member) {
	if m.value.kind == kindNull {
		return
	}
	if m.value.kind != kindString {
		r.fail(m.line, "", "space: %s is not accepted: want a string", m.value.kind)
		return
	}
	s.Name = m.value.text
	if err := eventgateway.ValidateID("space", s.Name); err != nil {
		r.fail(m.line, "", "%v", err)
	}
}

func (r *reader) resources(s *Space, k Kind, items []*node) {
	lines := map[string]int{}
	for i, item := range items {
		id, name, err := identify(k, item)
		if err != nil {
			r.fail(item.line, fmt.Sprintf("%s %d", names[k].one, i+1), "%v", err)
			continue
		}
		if line, ok := lines[id.id]; ok {
			r.fail(item.line, name, "given twice: it is at line %d too", line)
			continue
		}
		lines[id.id] = item.line
		if k == Functions {
			r.expand(name, item)
		}
		s.Resources = append(s.Resources, &Resource{name, id, item})
	}
}

// lists names the lists of a document.
func lists() string {
	var all []string
	for k := range Kind(kindCount) {
		all = append(all, k.String())
	}
	return strings.Join(all, ", ")
}

// Into makes the document's only space the one called name, whatever it calls it. Of several spaces it keeps the one of that
// name.
func (d *Document) Into(name string) error {
	if err := eventgateway.ValidateID("space", name); err != nil {
		return err
	}
	if !d.several && len(d.Spaces) == 1 {
		d.Spaces[0].Name = name
		for _, r := range d.Spaces[0].Resources {
			r.node.drop("space")
		}
		return nil
	}
	i := slices.IndexFunc(d.Spaces, func(s *Space) bool { return s.Name == name })
	if i < 0 {
		return eventgateway.Errorf(eventgateway.NotFound, "%s: space %s is not among its spaces", d.Name, eventgateway.Quote(name))
	}
	d.Spaces = d.Spaces[i : i+1]
	return nil
}

// drop removes a member.
func (n *node) drop(name string) {
	n.members = slices.DeleteFunc(n.members, func(m member) bool { return m.name == name })
}
