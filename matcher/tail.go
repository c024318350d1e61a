package matcher

import (
	"strings"

	"github.com/eventgateway/eventgateway"
)

// A node below which there is only one subscription holds that subscription alone, however many segments its pattern still
// has: its tail is read from the pattern when a path comes by. With a million routes nearly all have a tail of their own,
// and a lookup that would otherwise touch a node for each of its segments finds it in one place of memory.

// hasTail reports whether a subscription can be held so: not one with a filter, which needs its index; and an encoded
// segment would have to be decoded at every lookup.
func hasTail(s *eventgateway.Subscription) bool {
	return !isFiltered(s) && strings.IndexByte(s.Path, '%') < 0
}

// at returns n, which stands at a depth, with a tail taken apart by one segment.
func (n node) at(depth int) node {
	if n.more != nil || n.sole == nil || strings.Count(n.sole.Path, "/") == depth {
		return n
	}
	rest := n.sole.Path[1:]
	for range depth {
		_, rest, _ = strings.Cut(rest, "/")
	}
	text, _, _ := strings.Cut(rest, "/")
	kind, text := segmentOf(text)
	return node{more: &branch{edge: eventgateway.Segment{Kind: kind, Text: text}, child: node{sole: n.sole}}}
}

// tailed returns n, or a node with the only subscription below it if that has a tail.
func (n node) tailed() node {
	if n.sole != nil || n.more == nil || n.more.crowd != nil || !n.more.edges.none() {
		return n
	}
	if s := n.more.child.sole; s != nil && n.more.child.more == nil && hasTail(s) {
		return n.more.child
	}
	return n
}

// segmentOf takes apart a segment of a valid pattern that needs no decoding.
func segmentOf(text string) (eventgateway.SegmentKind, string) {
	switch {
	case text == "":
		return eventgateway.Static, text
	case text[0] == ':':
		return eventgateway.Param, text[1:]
	case text[0] == '*':
		return eventgateway.Wildcard, text[1:]
	}
	return eventgateway.Static, text
}

// tail is find below a node that has s alone: it matches the path from segment i on with the tail of the pattern.
func (w *walk) tail(s *eventgateway.Subscription, i, params int) bool {
	rest, more := s.Path[1:], true
	for range i {
		_, rest, more = strings.Cut(rest, "/")
	}
	if !more {
		return i == w.path.len && w.end(node{sole: s}, params)
	}
	tail, found := rest, params
	for at := i; more; at++ {
		var text string
		text, rest, more = strings.Cut(rest, "/")
		kind, text := segmentOf(text)
		switch {
		case at == w.path.len, kind == eventgateway.Static && text != w.path.segment(at),
			kind == eventgateway.Param && w.path.segment(at) == "":
			return false
		case kind == eventgateway.Wildcard:
			return w.take(s, tail, i, params, found+1)
		case kind == eventgateway.Param:
			found++
		}
		if !more && at+1 != w.path.len {
			return false
		}
	}
	return w.take(s, tail, i, params, found)
}

// take makes s what was found. The tail that begins at segment i of the path holds the parameters from params up to all.
func (w *walk) take(s *eventgateway.Subscription, tail string, i, params, all int) bool {
	w.end(node{sole: s}, all)
	for more := params < all; more; i++ {
		var text string
		text, tail, more = strings.Cut(tail, "/")
		kind, text := segmentOf(text)
		if kind == eventgateway.Static {
			continue
		}
		value := w.path.segment(i)
		if kind == eventgateway.Wildcard {
			value = w.path.rest(i)
		}
		w.params[params] = eventgateway.PathParam{Name: text, Value: value}
		params++
		w.static = min(w.static, i)
	}
	return true
}
