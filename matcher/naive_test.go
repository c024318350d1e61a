package matcher_test

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/matcher"
)

// naive is the specification of a table, as slow and as plain as can be: a list of subscriptions.
type naive []*eventgateway.Subscription

func (n naive) insert(s *eventgateway.Subscription) naive { return append(n.delete(s), s) }

func (n naive) delete(s *eventgateway.Subscription) naive {
	return slices.DeleteFunc(slices.Clone(n), func(o *eventgateway.Subscription) bool { return o.Space == s.Space && o.ID == s.ID })
}

// find returns what should be found, in the form of render.
func (n naive) find(q *matcher.Query) []string {
	// A channel of its own, in which one path pattern comes first, is what one space has for one event name or pattern of names.
	type channel struct{ space, event string }
	best := map[channel][]eventgateway.Segment{}
	candidates := map[channel][]*eventgateway.Subscription{}
	for _, s := range n {
		if q.Space != "" && q.Space != s.Space || q.Space == "" && slices.Contains(q.Except, s.Space) || q.Method != s.Method ||
			!naiveListens(s.Event, q.Event) || s.Event == eventgateway.EventInvoke && s.FunctionID != q.FunctionID {
			continue
		}
		in := channel{s.Space, eventgateway.CanonicalEvent(s.Event)}
		pattern, _ := eventgateway.ParsePath(s.Path)
		if _, ok := naiveParams(pattern, q.Path); !ok {
			continue
		}
		if old, ok := best[in]; !ok || compareSegments(pattern, old) < 0 {
			best[in], candidates[in] = pattern, nil
		}
		if compareSegments(pattern, best[in]) == 0 {
			candidates[in] = append(candidates[in], s)
		}
	}
	var sync *eventgateway.Subscription
	var out []string
	for in, list := range candidates {
		params, _ := naiveParams(best[in], q.Path)
		for _, s := range list {
			if s.Type == eventgateway.Async {
				out = append(out, render(matcher.Target{Subscription: s, Params: params}))
			} else if sync == nil || cmp.Or(cmp.Compare(s.CreateRevision, sync.CreateRevision),
				cmp.Compare(s.ID, sync.ID), cmp.Compare(s.Space, sync.Space)) < 0 {
				sync = s
			}
		}
	}
	if sync != nil {
		params, _ := naiveParams(best[channel{sync.Space, eventgateway.CanonicalEvent(sync.Event)}], q.Path)
		out = append(out, render(matcher.Target{Subscription: sync, Params: params}))
	}
	slices.Sort(out)
	return out
}

// naiveListens reports whether a subscription to an event name, which may end in a *, is for an event.
func naiveListens(to, event string) bool {
	to, event = eventgateway.CanonicalEvent(to), eventgateway.CanonicalEvent(event)
	prefix, many := strings.CutSuffix(to, "*")
	switch {
	case !many:
		return to == event
	case event == "http", event == "invoke":
		return false
	case strings.HasPrefix(event, "gateway."):
		return strings.HasPrefix(prefix, "gateway.") && strings.HasPrefix(event, prefix)
	}
	return strings.HasPrefix(event, prefix)
}

// listens is what Table.Listens should say.
func (n naive) listens(event string) bool {
	return slices.ContainsFunc(n, func(s *eventgateway.Subscription) bool { return naiveListens(s.Event, event) })
}

func compareSegments(a, b []eventgateway.Segment) int {
	return slices.CompareFunc(a, b, func(a, b eventgateway.Segment) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Text, b.Text))
	})
}

func naiveParams(pattern []eventgateway.Segment, path string) (eventgateway.PathParams, bool) {
	if !strings.HasPrefix(path, "/") {
		return nil, false
	}
	var parts []string
	for _, part := range strings.Split(path[1:], "/") {
		if decoded, err := url.PathUnescape(part); err == nil {
			part = decoded
		}
		parts = append(parts, part)
	}
	var params eventgateway.PathParams
	for i, segment := range pattern {
		if i >= len(parts) {
			return nil, false
		}
		switch segment.Kind {
		case eventgateway.Static:
			if parts[i] != segment.Text {
				return nil, false
			}
		case eventgateway.Param:
			if parts[i] == "" {
				return nil, false
			}
			params = append(params, eventgateway.PathParam{Name: segment.Text, Value: parts[i]})
		case eventgateway.Wildcard:
			return append(params, eventgateway.PathParam{Name: segment.Text, Value: strings.Join(parts[i:], "/")}), true
		}
	}
	return params, len(pattern) == len(parts)
}

// conflicts reports whether s cannot stand beside what is there.
func (n naive) conflicts(s *eventgateway.Subscription) bool {
	return slices.ContainsFunc(n, func(o *eventgateway.Subscription) bool { return naiveConflict(s, o) })
}

func naiveConflict(s, o *eventgateway.Subscription) bool {
	if s.Space != o.Space || s.ID == o.ID || s.Method != o.Method ||
		eventgateway.CanonicalEvent(s.Event) != eventgateway.CanonicalEvent(o.Event) ||
		s.Event == eventgateway.EventInvoke && s.FunctionID != o.FunctionID {
		return false
	}
	a, _ := eventgateway.ParsePath(s.Path)
	b, _ := eventgateway.ParsePath(o.Path)
	empty := eventgateway.Segment{}
	for i := range min(len(a), len(b)) {
		if a[i] == b[i] {
			continue
		}
		bothStatic := a[i].Kind == eventgateway.Static && b[i].Kind == eventgateway.Static
		return !bothStatic && a[i] != empty && b[i] != empty
	}
	return len(a) == len(b) && s.Type == eventgateway.Sync && o.Type == eventgateway.Sync
}

// render makes comparable text of a target.
func render(t matcher.Target) string {
	s := t.Subscription
	return fmt.Sprintf("%s %s %s %d %q", s.Type, s.Space, s.ID, s.CreateRevision, t.Params)
}

func renderMatch(m *matcher.Match) []string {
	var out []string
	for _, t := range m.Async {
		out = append(out, render(t))
	}
	if m.Sync.Subscription != nil {
		out = append(out, render(m.Sync))
	}
	slices.Sort(out)
	return out
}
