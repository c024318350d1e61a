package matcher

import (
	"slices"

	"github.com/eventgateway/eventgateway/internal/hamt"
)

// fieldNode is a node of the tree of fields that an index asks for: all the rest of an event is skipped. It is immutable.
type fieldNode struct {
	field *field
	name  string
	// below counts the conditions on this field and those under it, lists those of them in patterns, which look into lists.
	below, lists int
	// access is nil where nothing is looked up.
	access   *access
	children fieldNodes
}

// fieldNodes is a set of nodes by name.
type fieldNodes struct {
	few  []*fieldNode
	many *hamt.Map[hamt.String, *fieldNode]
}

// fewFields is how many names are compared one by one.
const fewFields = 8

func (s fieldNodes) none() bool { return len(s.few) == 0 && s.many == nil }

func (s fieldNodes) len() int { return len(s.few) + s.many.Len() }

func (s fieldNodes) get(name string) *fieldNode {
	for _, n := range s.few {
		if n.name == name {
			return n
		}
	}
	if s.many == nil {
		return nil
	}
	n, _ := s.many.Get(hamt.String(name))
	return n
}

// all yields all nodes.
func (s fieldNodes) all(yield func(*fieldNode) bool) {
	for _, n := range s.few {
		if !yield(n) {
			return
		}
	}
	for _, n := range s.many.All() {
		if !yield(n) {
			return
		}
	}
}

// put returns the set with n, which replaces one of its name; without that if n is nil.
func (s fieldNodes) put(owner *hamt.Owner, name string, n *fieldNode) fieldNodes {
	if s.many != nil {
		if n == nil {
			return fieldNodes{many: s.many.Without(owner, hamt.String(name))}
		}
		return fieldNodes{many: s.many.With(owner, hamt.String(name), n)}
	}
	few := slices.Clone(s.few)
	i := slices.IndexFunc(few, func(other *fieldNode) bool { return other.name == name })
	switch {
	case i < 0 && n != nil:
		few = append(few, n)
	case i >= 0 && n != nil:
		few[i] = n
	case i >= 0:
		few = slices.Delete(few, i, i+1)
	}
	if len(few) <= fewFields {
		return fieldNodes{few: few}
	}
	var many *hamt.Map[hamt.String, *fieldNode]
	for _, n := range few {
		many = many.With(owner, hamt.String(n.name), n)
	}
	return fieldNodes{many: many}
}

// get returns the node of a field below the roots, or nil.
func (s fieldNodes) find(f *field) *fieldNode {
	if f.parent != nil {
		parent := s.find(f.parent)
		if parent == nil {
			return nil
		}
		s = parent.children
	}
	return s.get(f.path[len(f.path)-1])
}

// change is what happens to the node of a field.
type change struct {
	// below and lists are added to those of the node and all above it.
	below, lists int
	// edit changes the access; nil leaves it.
	edit func(*access) *access
}

// change returns the set in which a field, depth names down from here, is changed. Nodes nothing asks for are left out.
func (s fieldNodes) change(owner *hamt.Owner, f *field, depth int, c change) fieldNodes {
	name := f.path[depth]
	var n fieldNode
	if old := s.get(name); old != nil {
		n = *old
	} else {
		n = fieldNode{field: fieldOf(f.path[:depth+1]), name: name}
	}
	n.below += c.below
	n.lists += c.lists
	switch {
	case depth+1 < len(f.path):
		n.children = n.children.change(owner, f, depth+1, c)
	case c.edit != nil:
		n.access = c.edit(n.access)
	}
	if n.below == 0 {
		return s.put(owner, name, nil)
	}
	return s.put(owner, name, &n)
}
