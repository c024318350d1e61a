package matcher

import (
	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/internal/hamt"
)

// node is a node of a trie of path patterns; an edge is one segment. It is an immutable value, and empty when zero. With
// a million subscriptions nearly all nodes have one subscription at or below them: that needs nothing else, see hasTail.
type node struct {
	sole *eventgateway.Subscription
	more *branch
}

// branch is what few nodes have: edges, or many subscriptions. Where a path goes on there is mostly one way, so one edge is
// held in the branch itself.
type branch struct {
	crowd *crowd
	// edge is the only edge, if child is not empty.
	edge  eventgateway.Segment
	child node
	// edges are all edges when there are two or more.
	edges edges
}

func (n node) empty() bool { return n == node{} }

func (n node) leaf() leaf {
	if n.more == nil {
		return leaf{sole: n.sole}
	}
	return leaf{n.sole, n.more.crowd}
}

func (n node) withLeaf(l leaf) node {
	if n.more == nil && l.crowd == nil {
		return node{sole: l.sole}
	}
	more := n.branch()
	more.crowd = l.crowd
	return node{l.sole, more.orNil()}
}

// branch returns a copy of the branch, for a change.
func (n node) branch() *branch {
	if n.more == nil {
		return &branch{}
	}
	b := *n.more
	return &b
}

func (b *branch) orNil() *branch {
	if b.crowd == nil && b.child.empty() && b.edges.none() {
		return nil
	}
	return b
}

// insert returns the node, which stands at a depth, with s under segments from there on, and whether it replaced a
// subscription of the same ID.
func (n node) insert(
	owner *hamt.Owner, segments []eventgateway.Segment, depth int, s *eventgateway.Subscription,
) (_ node, replaced bool) {
	if n.empty() && hasTail(s) {
		return node{sole: s}, false
	}
	n = n.at(depth)
	if depth == len(segments) {
		l := n.leaf()
		replaced = l.insert(owner, s)
		return n.withLeaf(l), replaced
	}
	child, replaced := n.get(segments[depth]).insert(owner, segments, depth+1, s)
	return n.put(owner, segments[depth], child).tailed(), replaced
}

// remove returns the node, which stands at a depth, without s under segments from there on, and whether it had it.
func (n node) remove(
	owner *hamt.Owner, segments []eventgateway.Segment, depth int, s *eventgateway.Subscription,
) (_ node, removed bool) {
	if n.empty() {
		return n, false
	}
	n = n.at(depth)
	if depth == len(segments) {
		l := n.leaf()
		removed = l.remove(owner, s)
		return n.withLeaf(l).tailed(), removed
	}
	child, removed := n.get(segments[depth]).remove(owner, segments, depth+1, s)
	if !removed {
		return n.tailed(), false
	}
	return n.put(owner, segments[depth], child).tailed(), true
}

// get returns the node that edge leads to, empty if there is no such edge.
func (n node) get(edge eventgateway.Segment) node {
	switch {
	case n.more == nil:
		return node{}
	case !n.more.edges.none():
		return n.more.edges.get(edge)
	case n.more.edge == edge:
		return n.more.child
	}
	return node{}
}

// put returns the node with edge leading to child; without edge if child is empty.
func (n node) put(owner *hamt.Owner, edge eventgateway.Segment, child node) node {
	b := n.branch()
	switch {
	case !b.edges.none():
		b.edges.put(owner, edge, child)
		if b.edges.len() == 1 {
			b.edge, b.child = b.edges.any()
			b.edges = edges{}
		}
	case b.child.empty() || b.edge == edge:
		b.edge, b.child = edge, child
		if child.empty() {
			b.edge = eventgateway.Segment{}
		}
	default:
		b.edges.put(owner, b.edge, b.child)
		b.edges.put(owner, edge, child)
		b.edge, b.child = eventgateway.Segment{}, node{}
	}
	return node{n.sole, b.orNil()}
}

// all yields every edge and where it leads: parameters and wildcards by name, then static ones in no particular order.
func (n node) all(yield func(eventgateway.Segment, node) bool) {
	switch {
	case n.more == nil:
	case !n.more.edges.none():
		n.more.edges.all(yield)
	case !n.more.child.empty():
		yield(n.more.edge, n.more.child)
	}
}
