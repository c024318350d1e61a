package matcher_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/matcher"
)

// dice makes subscriptions and queries out of alphabets so small that they meet often.
type dice struct{ *rand.Rand }

func pick[T any](d dice, of ...T) T { return of[d.IntN(len(of))] }

func (d dice) pattern() string {
	var b strings.Builder
	for range 1 + d.IntN(4) {
		b.WriteString("/" + pick(d, "", "a", "b", "a%2Fb", "%61", ":x", ":y"))
	}
	if d.IntN(5) == 0 {
		b.WriteString("/" + pick(d, "*x2", "*rest"))
	}
	return b.String()
}

func (d dice) path() string {
	var b strings.Builder
	for range 1 + d.IntN(5) {
		b.WriteString("/" + pick(d, "", "a", "b", "c", "a%2Fb", "%61", "%zz", ":x", "*rest"))
	}
	return b.String()
}

func (d dice) subscription() *eventgateway.Subscription {
	s := &eventgateway.Subscription{
		Space:          pick(d, "s1", "s2", "s3", "s4"),
		Type:           pick(d, eventgateway.Sync, eventgateway.Async),
		Event:          d.listensTo(),
		FunctionID:     pick(d, "f1", "f2", "f3"),
		Method:         pick(d, "GET", "POST"),
		CreateRevision: int64(d.IntN(3)),
	}
	switch {
	case s.Event == eventgateway.EventInvoke:
		s.Type, s.Method = eventgateway.Sync, "POST"
	case eventgateway.IsSystemEvent(s.Event):
		s.Type, s.Method, s.Path = eventgateway.Async, "POST", "/"
	case eventgateway.IsEventPattern(s.Event):
		s.Type = eventgateway.Async
	}
	for s.Path == "" {
		if p := d.pattern(); validPath(p) {
			s.Path = p
		}
	}
	s.Normalize()
	return s
}

// listensTo makes the event of a subscription, eventName that of a query.
func (d dice) listensTo() string {
	switch d.IntN(4) {
	case 0:
		return pick(d, "http", "http.request", "invoke")
	case 1:
		return pick(d, "user.created", "user.", "use")
	case 2:
		return pick(d, "*", "user.*", "user*", "us*", "user.created*", "user.cx*", "uz*", "http*", "http.*", "in*", "invoke*", "g*", "gateway*")
	}
	return pick(d, "gateway.*", "eventgateway.*", "gateway.f*", "eventgateway.function.invo*", "gateway.x*",
		"gateway.event.received", "eventgateway.event.received", "gateway.function.invoked", "eventgateway.function.invocationFailed")
}

func (d dice) eventName() string {
	switch d.IntN(3) {
	case 0:
		return pick(d, "http", "http.request", "invoke", "gateway.event.received", "eventgateway.event.received", "gateway.function.invoked",
			"gateway.function.invoking", "gateway.function.invocationFailed", "gateway.x", "gateway.")
	case 1:
		return pick(d, "", "u", "use", "user", "user.", "user.c", "http.x", "httpx", "invoker", "gateway", "gatewayx", "eventgateway")
	}
	return "user.created"
}

// elsewhere makes the same subscription in another space: only the space tells which of the two answers.
func (d dice) elsewhere(s *eventgateway.Subscription) *eventgateway.Subscription {
	c := *s
	c.Space = pick(d, "s1", "s2", "s3", "s4")
	return &c
}

func validPath(p string) bool {
	_, err := eventgateway.ParsePath(p)
	return err == nil
}

func (d dice) query() *matcher.Query {
	q := &matcher.Query{
		Space:      pick(d, "", "", "s1", "s2", "s3", "s4", "s5"),
		Method:     pick(d, "GET", "POST"),
		Path:       d.path(),
		Event:      d.eventName(),
		FunctionID: pick(d, "f1", "f2", "f3", "*"),
	}
	if d.IntN(3) == 0 {
		q.Except = []string{pick(d, "s1", "s2"), pick(d, "s2", "s3")}
	}
	return q
}

// TestTableAgainstNaive makes random changes, some through an editor, and compares everything the table says with the
// specification, and every earlier version of the table with itself.
func TestTableAgainstNaive(t *testing.T) {
	for seed := range uint64(40) {
		d := dice{rand.New(rand.NewPCG(seed, 1))}
		var table *matcher.Table
		var list naive
		type version struct {
			table *matcher.Table
			list  naive
		}
		var versions []version
		check := func(v version) {
			t.Helper()
			if v.table.Len() != len(v.list) {
				t.Fatalf("seed %d: Len() = %d, want %d", seed, v.table.Len(), len(v.list))
			}
			var m matcher.Match
			for range 20 {
				q := d.query()
				found, want := v.table.Find(q, &m), v.list.find(q)
				if got := renderMatch(&m); !slices.Equal(got, want) || found != (len(want) > 0) {
					t.Fatalf("seed %d: Find(%+v) = %v\n got %q\nwant %q", seed, *q, found, got, want)
				}
			}
			for _, event := range append(eventgateway.SystemEvents, "gateway.x", "user.created", "") {
				want := slices.Contains(eventgateway.SystemEvents, event) && v.list.listens(event)
				if got := v.table.Listens(event); got != want {
					t.Fatalf("seed %d: Listens(%s) = %v, want %v", seed, event, got, want)
				}
			}
			s := d.subscription()
			other, reason := v.table.Conflict(s)
			if want := v.list.conflicts(s); (other != nil) != want || (reason != "") != want {
				t.Fatalf("seed %d: Conflict(%s) = %v, %q, want %v", seed, s.Path, other, reason, want)
			}
			if other != nil && !naiveConflict(s, other) {
				t.Fatalf("seed %d: Conflict(%s) = %s, which it has no conflict with", seed, s.Path, other.Path)
			}
		}
		for range 60 {
			var edit *matcher.Editor
			if d.IntN(2) == 0 {
				edit = table.Edit()
			}
			for range d.IntN(12) {
				s := d.subscription()
				if len(list) > 0 && d.IntN(2) == 0 {
					s = list[d.IntN(len(list))]
					if d.IntN(3) == 0 {
						s = d.elsewhere(s)
					}
				}
				if edit != nil && d.IntN(6) == 0 {
					versions = append(versions, version{edit.Table(), list})
				}
				insert := d.IntN(2) == 0
				if insert {
					list = list.insert(s)
				} else {
					list = list.delete(s)
				}
				switch {
				case edit != nil && insert:
					edit.Insert(s)
				case edit != nil:
					edit.Delete(s)
				case insert:
					table = table.Insert(s)
				default:
					table = table.Delete(s)
				}
			}
			if edit != nil {
				table = edit.Table()
			}
			versions = append(versions, version{table, list})
			check(version{table, list})
		}
		for _, v := range versions {
			check(v)
		}
		for _, s := range list {
			table = table.Delete(s)
		}
		if table.Len() != 0 || table.Find(d.query(), new(matcher.Match)) {
			t.Fatalf("seed %d: %d subscriptions left in the emptied table", seed, table.Len())
		}
	}
}

// TestOrderDoesNotMatter builds one content in several orders, with detours, and expects the same answers.
func TestOrderDoesNotMatter(t *testing.T) {
	for seed := range uint64(20) {
		d := dice{rand.New(rand.NewPCG(seed, 2))}
		var list naive
		for range 60 {
			list = list.insert(d.subscription())
		}
		var first *matcher.Table
		for range 4 {
			edit := (*matcher.Table)(nil).Edit()
			var detour []*eventgateway.Subscription
			for range 30 {
				detour = append(detour, d.subscription())
				edit.Insert(detour[len(detour)-1])
			}
			for _, i := range d.Perm(len(list)) {
				edit.Insert(list[i])
			}
			for _, s := range detour {
				if !slices.ContainsFunc(list, func(o *eventgateway.Subscription) bool { return o.Space == s.Space && o.ID == s.ID }) {
					edit.Delete(s)
				}
			}
			table := edit.Table()
			if first == nil {
				first = table
			}
			for range 100 {
				q := d.query()
				var a, b matcher.Match
				first.Find(q, &a)
				table.Find(q, &b)
				if a, b := renderMatch(&a), renderMatch(&b); !slices.Equal(a, b) {
					t.Fatalf("seed %d: Find(%+v) depends on the order of insertion:\n%q\n%q", seed, *q, a, b)
				}
			}
		}
	}
}
