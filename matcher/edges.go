package matcher

import (
	"slices"
	"strings"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/internal/hamt"
)

// edges lead from one node to others by the next segment. The zero edges are none.
type edges struct {
	static  *hamt.Map[hamt.String, node]
	dynamic *dynamic
}

// dynamic edges are sorted by name. Without conflicts there is at most one.
type dynamic struct{ params, wildcards []named }

type named struct {
	name string
	node node
}

func (e edges) none() bool { return e == edges{} }

func (e edges) len() int { return e.static.Len() + len(e.params()) + len(e.wildcards()) }

func (e edges) params() []named {
	if e.dynamic == nil {
		return nil
	}
	return e.dynamic.params
}

func (e edges) wildcards() []named {
	if e.dynamic == nil {
		return nil
	}
	return e.dynamic.wildcards
}

func (e edges) get(edge eventgateway.Segment) node {
	list := e.wildcards()
	switch edge.Kind {
	case eventgateway.Static:
		child, _ := e.static.Get(hamt.String(edge.Text))
		return child
	case eventgateway.Param:
		list = e.params()
	}
	if i, ok := search(list, edge.Text); ok {
		return list[i].node
	}
	return node{}
}

// put makes edge lead to child, or nowhere if child is empty.
func (e *edges) put(owner *hamt.Owner, edge eventgateway.Segment, child node) {
	params, wildcards := e.params(), e.wildcards()
	switch edge.Kind {
	case eventgateway.Static:
		if child.empty() {
			e.static = e.static.Without(owner, hamt.String(edge.Text))
		} else {
			e.static = e.static.With(owner, hamt.String(edge.Text), child)
		}
		return
	case eventgateway.Param:
		params = put(params, edge.Text, child)
	case eventgateway.Wildcard:
		wildcards = put(wildcards, edge.Text, child)
	}
	e.dynamic = nil
	if len(params)+len(wildcards) > 0 {
		e.dynamic = &dynamic{params, wildcards}
	}
}

// all yields every edge and where it leads: parameters and wildcards by name, then static ones in no particular order.
func (e edges) all(yield func(eventgateway.Segment, node) bool) {
	for _, edge := range e.params() {
		if !yield(eventgateway.Segment{Kind: eventgateway.Param, Text: edge.name}, edge.node) {
			return
		}
	}
	for _, edge := range e.wildcards() {
		if !yield(eventgateway.Segment{Kind: eventgateway.Wildcard, Text: edge.name}, edge.node) {
			return
		}
	}
	for text, child := range e.static.All() {
		if !yield(eventgateway.Segment{Kind: eventgateway.Static, Text: string(text)}, child) {
			return
		}
	}
}

func (e edges) any() (eventgateway.Segment, node) {
	for edge, child := range e.all {
		return edge, child
	}
	return eventgateway.Segment{}, node{}
}

// put returns a new list in which name leads to child, or nowhere if child is empty.
func put(list []named, name string, child node) []named {
	i, ok := search(list, name)
	before, after := list[:i], list[i:]
	if ok {
		after = after[1:]
	}
	if child.empty() {
		return slices.Concat(before, after)
	}
	return slices.Concat(before, []named{{name, child}}, after)
}

func search(list []named, name string) (int, bool) {
	return slices.BinarySearchFunc(list, name, func(n named, name string) int { return strings.Compare(n.name, name) })
}
