package matcher_test

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/expression"
	"github.com/eventgateway/eventgateway/matcher"
)

// withFilter gives some subscriptions a filter or a pattern.
func (d dice) withFilter(s *eventgateway.Subscription) {
	switch d.IntN(6) {
	case 0:
		s.Filter = pick(d, "true", "false", "data.missing == 1", `request.params.x == "a"`, "data.all(e, true)", "no CEL")
	case 1:
		s.Filter = d.compiled().Filter
	case 2:
		s.Pattern = []byte(pick(d, `{"detail":{"a":["a"]}}`, `{"detail":{"a":[{"exists":true}]}}`, `{"detail":"no pattern"}`))
	}
}

// route is what differs between a query and a subscription by itself.
func route(q *matcher.Query, s *eventgateway.Subscription) (differences []matcher.Differences) {
	add := func(d matcher.Differences, differs bool) {
		if differs {
			differences = append(differences, d)
		}
	}
	event := eventgateway.CanonicalEvent(q.Event)
	_, matches := naiveParams(segments(s), q.Path)
	add(matcher.DifferentEvent, !naiveListens(s.Event, q.Event))
	add(matcher.DifferentMethod, q.Method != s.Method)
	add(matcher.DifferentFunction, event == "invoke" && s.Event == "invoke" && q.FunctionID != s.FunctionID)
	add(matcher.DifferentPath, !matches)
	return differences
}

func segments(s *eventgateway.Subscription) []eventgateway.Segment {
	pattern, _ := eventgateway.ParsePath(s.Path)
	return pattern
}

// explain is the specification of an Explainer: everything that differs, and whether the filter alone lets the event through.
func (n naive) explain(q *matcher.Query, s *eventgateway.Subscription) (differences []matcher.Differences, filter bool) {
	in := expression.NewInput(q.Input.Event())
	if params, ok := naiveParams(segments(s), q.Path); ok {
		in.SetParams(params)
	}
	filter = accepts(s, in)
	if differences = route(q, s); len(differences) > 0 {
		return differences, filter
	}
	beside := slices.DeleteFunc(slices.Clone(n), func(o *eventgateway.Subscription) bool {
		return o.Space != s.Space || eventgateway.CanonicalEvent(o.Event) != eventgateway.CanonicalEvent(s.Event) || len(route(q, o)) > 0
	})
	first := slices.MinFunc(beside, func(a, b *eventgateway.Subscription) int { return compareSegments(segments(a), segments(b)) })
	if !slices.Equal(segments(first), segments(s)) {
		return []matcher.Differences{matcher.OtherPattern}, filter
	}
	if s.Type == eventgateway.Sync && slices.ContainsFunc(beside, func(o *eventgateway.Subscription) bool {
		return o.Type == eventgateway.Sync && slices.Equal(segments(o), segments(s)) && accepts(o, in) &&
			cmp.Or(cmp.Compare(o.CreateRevision, s.CreateRevision), cmp.Compare(o.ID, s.ID)) < 0
	}) {
		return []matcher.Differences{matcher.OtherAnswers}, filter
	}
	return nil, filter
}

func accepts(s *eventgateway.Subscription, in *expression.Input) bool {
	filter, err := matcher.CompileFilter(s, expression.Scope{Event: "http"})
	if err != nil {
		return false
	}
	ok, err := filter.Match(in)
	return ok && err == nil
}

// TestExplainAgainstNaive explains every subscription of random tables for random events. A subscription matches exactly if
// nothing keeps the event from it, and what is said to differ is what does.
func TestExplainAgainstNaive(t *testing.T) {
	seen := map[matcher.Differences]int{}
	refused, matched := 0, 0
	for seed := range uint64(60) {
		d := dice{rand.New(rand.NewPCG(seed, 3))}
		edit := (*matcher.Table)(nil).Edit()
		var list naive
		for range 50 {
			s := d.subscription()
			if len(list) > 0 && d.IntN(3) == 0 { // of the same route as another
				beside := *list[d.IntN(len(list))]
				beside.FunctionID, beside.CreateRevision = pick(d, "f1", "f2", "f3"), int64(d.IntN(3))
				beside.Filter, beside.Pattern = "", nil
				beside.Normalize()
				s = &beside
			}
			d.withFilter(s)
			list = list.insert(s)
			edit.Insert(s)
		}
		table := edit.Table()
		for range 30 {
			q := d.query()
			q.Space = pick(d, "s1", "s2", "s3", "s4", "s5")
			if d.IntN(2) == 0 { // so that more of them meet
				s := list[d.IntN(len(list))]
				q.Space, q.Method, q.Event, q.FunctionID = s.Space, s.Method, s.Event, s.FunctionID
				q.Event = strings.Replace(q.Event, "*", pick(d, "", "x"), 1)
				q.Path = strings.NewReplacer(":x", "a", ":y", "b", "*rest", "a/b", "*x2", "").Replace(s.Path)
			}
			ev := d.event()
			q.Input = expression.NewInput(ev)
			e := table.Explain(q)
			found := targets(e.Match())
			var m matcher.Match
			q.Input = expression.NewInput(ev)
			table.Find(q, &m)
			if got, want := renderMatch(e.Match()), renderMatch(&m); !slices.Equal(got, want) {
				t.Fatalf("seed %d: explains %q, finds %q", seed, got, want)
			}
			for _, s := range list {
				if s.Space != q.Space {
					continue
				}
				got, refuses := e.Differences(s), e.Refuses(s)
				want, passes := list.explain(q, s)
				var all matcher.Differences
				for _, one := range want {
					all |= one
					seen[one]++
				}
				if got != all || got.Len() != len(want) || len(e.Reasons(s, got)) != len(want) || refuses == passes {
					t.Fatalf("seed %d: %s %s %s %s %s of %+v for %+v: got %b %q %t, want %b %t", seed, s.Event, s.Method, s.Path, s.Filter, s.Pattern, *ev, *q,
						got, e.Reasons(s, got), refuses, all, passes)
				}
				if matches := got == 0 && !refuses; matches != found[s.ID] {
					t.Fatalf("seed %d: %s %s %s %s matches: %t, found: %t", seed, s.Event, s.Method, s.Path, s.Filter, matches, found[s.ID])
				}
				if refuses {
					refused++
				}
			}
			matched += len(found)
		}
	}
	t.Logf("%d matches, %d refused by filters, differences: %v", matched, refused, seen)
	if matched == 0 || refused == 0 || len(seen) != 6 {
		t.Fatal("the random subscriptions are of one sort")
	}
}

func targets(m *matcher.Match) map[string]bool {
	ids := map[string]bool{}
	for _, target := range m.Async {
		ids[target.Subscription.ID] = true
	}
	if s := m.Sync.Subscription; s != nil {
		ids[s.ID] = true
	}
	return ids
}

func TestExplainReasons(t *testing.T) {
	made := func(change func(*eventgateway.Subscription)) *eventgateway.Subscription {
		s := &eventgateway.Subscription{Event: "order.placed", FunctionID: "f", Path: "/a"}
		change(s)
		s.Normalize()
		return s
	}
	sync := made(func(s *eventgateway.Subscription) { s.FunctionID, s.Type = "answers", eventgateway.Sync })
	ev := &eventgateway.Event{Type: "order.placed", DataType: "application/json", Data: []byte(`{"total":7}`)}
	invoke := made(func(s *eventgateway.Subscription) { s.Event, s.FunctionID = "invoke", "g" })
	long := "/" + strings.Repeat("ä", 100)
	for _, test := range []struct {
		of   *eventgateway.Subscription
		q    matcher.Query
		want []string
	}{
		{made(func(s *eventgateway.Subscription) { s.Filter = "data.total == 7" }), matcher.Query{}, nil},
		{sync, matcher.Query{}, nil},
		{
			made(func(s *eventgateway.Subscription) { s.Event, s.Method, s.Path = "order.paid", "PUT", "/b" }),
			matcher.Query{},
			[]string{"event: order.placed is not order.paid", "method: POST is not PUT", "path: /a does not match /b"},
		},
		{made(func(s *eventgateway.Subscription) { s.Filter = "data.total > 7" }), matcher.Query{}, []string{"filter: is false"}},
		{made(func(s *eventgateway.Subscription) { s.Filter = "data.totl > 7" }), matcher.Query{}, []string{"filter: no such key: totl"}},
		{
			made(func(s *eventgateway.Subscription) { s.Filter = "datum.total > 7" }),
			matcher.Query{},
			[]string{"filter: 1:1: undeclared reference to 'datum' (in container '')"},
		},
		{
			made(func(s *eventgateway.Subscription) { s.Pattern = []byte(`{"detail":{"total":[8]}}`) }),
			matcher.Query{},
			[]string{"pattern: does not match"},
		},
		{
			made(func(s *eventgateway.Subscription) { s.Path = "/*rest" }),
			matcher.Query{},
			[]string{"path: /a matches /*rest, but first /a of subscription " + sync.ID},
		},
		{
			made(func(s *eventgateway.Subscription) { s.Type, s.CreateRevision = eventgateway.Sync, 1 }),
			matcher.Query{},
			[]string{"type: sync subscription " + sync.ID + " answers, which comes first"},
		},
		{invoke, matcher.Query{Event: "invoke"}, []string{"functionId: the event names none: want g"}},
		{invoke, matcher.Query{Event: "invoke", FunctionID: "h"}, []string{"functionId: h is not g"}},
		{made(func(s *eventgateway.Subscription) { s.Event = "order.*" }), matcher.Query{}, nil},
		{
			made(func(s *eventgateway.Subscription) { s.Event = "user.*" }),
			matcher.Query{},
			[]string{"event: order.placed does not match user.*"},
		},
		{
			made(func(s *eventgateway.Subscription) { s.Event = "*" }),
			matcher.Query{Event: "invoke", FunctionID: "f"},
			[]string{"event: invoke does not match *"},
		},
		{
			made(func(s *eventgateway.Subscription) { s.Event, s.Path = "*", "/" }),
			matcher.Query{Event: "gateway.event.received", Path: "/"},
			[]string{"event: gateway.event.received does not match *"},
		},
		{
			made(func(s *eventgateway.Subscription) { s.Event, s.Path = "eventgateway.e*", "/" }),
			matcher.Query{Event: "gateway.event.received", Path: "/"},
			nil,
		},
		{made(func(s *eventgateway.Subscription) { s.Event, s.Path = "*", "/*rest" }), matcher.Query{}, nil},
		{sync, matcher.Query{Path: long}, []string{"path: /" + strings.Repeat("ä", 39) + "… does not match /a"}},
		{sync, matcher.Query{Path: "a"}, []string{"path: a does not match /a"}},
	} {
		q := matcher.Query{
			Space: "default", Method: "POST", Event: cmp.Or(test.q.Event, "order.placed"), Path: cmp.Or(test.q.Path, "/a"),
			FunctionID: test.q.FunctionID, Input: expression.NewInput(ev),
		}
		table := (*matcher.Table)(nil).Insert(sync).Insert(test.of)
		e := table.Explain(&q)
		got := e.Reasons(test.of, e.Differences(test.of))
		if e.Refuses(test.of) {
			got = append(got, e.Refusal(test.of))
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("got  %q\nwant %q", got, test.want)
		}
		if targets(e.Match())[test.of.ID] != (test.want == nil) {
			t.Errorf("%q, but it matches: %v", test.want, test.want != nil)
		}
	}
	var empty *matcher.Table
	e := empty.Explain(&matcher.Query{Space: "default", Path: "/a", Method: "POST", Event: "order.placed", Input: expression.NewInput(ev)})
	if d := e.Differences(sync); d != matcher.DifferentPath {
		t.Errorf("a subscription that is not in the table: %b", d)
	}
}
