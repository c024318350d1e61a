package matcher

import (
	"fmt"

	"github.com/eventgateway/eventgateway"
)

// Conflict returns a subscription of the same space that cannot stand beside s, with the reason in the words of a
// user message, or nil: the same sync route, a static segment beside a parameter, or two names for one parameter.
// s itself (same space and ID) is no conflict. Subscriptions of different methods or events never conflict, nor do those
// of different functions to the invoke event, which names its function. An empty segment, as after the last slash of
// "/users/", may stand beside a parameter or wildcard.
func (t *Table) Conflict(s *eventgateway.Subscription) (other *eventgateway.Subscription, reason string) {
	segments, err := eventgateway.ParsePath(s.Path)
	if err != nil || t.Len() == 0 {
		return nil, ""
	}
	n, _ := t.tries.Get(listenerOf(s))
	for depth, segment := range segments {
		n = n.at(depth)
		if other, rule := n.excludes(segment); other != nil {
			return other, fmt.Sprintf("path %s cannot stand beside %s: %s (subscription %s)", s.Path, other.Path, rule, other.ID)
		}
		n = n.get(segment)
	}
	if other := n.at(len(segments)).otherSync(s); other != nil {
		return other, fmt.Sprintf("path %s already has a sync subscription for method %s and event %s: function %s (subscription %s)",
			other.Path, other.Method, other.Event, other.FunctionID, other.ID)
	}
	return nil, ""
}

// excludes returns a subscription below an edge of n that cannot stand beside segment, and why; or nil.
func (n node) excludes(segment eventgateway.Segment) (*eventgateway.Subscription, string) {
	for edge, child := range n.all {
		if rule := clash(segment, edge); rule != "" {
			return child.any(), rule
		}
		if segment.Kind == eventgateway.Static && edge.Kind == eventgateway.Static {
			break // static edges come last, and there may be a million of them
		}
	}
	return nil, ""
}

// clash says why a new segment cannot stand beside an edge at the same position, or nothing if it can.
func clash(segment, edge eventgateway.Segment) string {
	empty := eventgateway.Segment{Kind: eventgateway.Static}
	switch {
	case segment == edge, segment == empty, edge == empty:
		return ""
	case segment.Kind != edge.Kind:
		return fmt.Sprintf("a %s beside a %s", kindNames[segment.Kind], kindNames[edge.Kind])
	case segment.Kind == eventgateway.Static:
		return ""
	default:
		return "two names for one " + kindNames[segment.Kind]
	}
}

var kindNames = [...]string{
	eventgateway.Static:   "static segment",
	eventgateway.Param:    "parameter",
	eventgateway.Wildcard: "wildcard",
}

// any returns some subscription at or below n, which is not empty.
func (n node) any() *eventgateway.Subscription {
	s := n.leaf().any()
	for _, child := range n.all {
		if s != nil {
			break
		}
		s = child.any()
	}
	return s
}

// otherSync returns a sync subscription of n itself that a sync s would contend with, or nil.
func (n node) otherSync(s *eventgateway.Subscription) *eventgateway.Subscription {
	if s.Type != eventgateway.Sync {
		return nil
	}
	for _, other := range n.leaf().sync() {
		if other.ID != s.ID {
			return other
		}
	}
	return nil
}
