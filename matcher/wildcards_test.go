package matcher_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/expression"
	"github.com/eventgateway/eventgateway/matcher"
)

// functions lists who gets an event, by function and parameters.
func functions(m *matcher.Match) string {
	var out []string
	for _, t := range m.Async {
		out = append(out, strings.TrimSpace(t.Subscription.FunctionID+" "+params(t)))
	}
	if s := m.Sync.Subscription; s != nil {
		out = append(out, strings.TrimSpace("sync "+s.FunctionID+" "+params(m.Sync)))
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

func TestWildcards(t *testing.T) {
	answers := listen("one", "user.created", "answers", "/team/:id")
	answers.Type = eventgateway.Sync
	answers.Normalize()
	filtered := listen("one", "user.*", "filtered", "/team/:id")
	filtered.Filter = `data.n == 1 || event.type == "user.deleted"`
	table := build([]*eventgateway.Subscription{
		answers,
		filtered,
		listen("one", "user.created", "exact", "/team/:id"),
		listen("one", "*", "all", "/team/*rest"),
		listen("one", "user*", "users", "/team/a"),
		listen("one", "user.*", "dotted", "/team/:name"), // beside :id it stands only in a table that has conflicts
		listen("two", "user.*", "other", "/team/:id"),
		listen("one", "http*", "https", "/team/:id"),
		listen("one", "invoke*", "invokes", "/team/:id"),
		listen("one", "gateway.*", "system", "/"),
		listen("two", "eventgateway.function.invo*", "calls", "/"),
		listen("two", "eventgateway.event.received", "received", "/"),
		listen("one", "gate*", "custom", "/"),
		listen("one", "*", "root", "/"),
	})
	for _, test := range []struct{ space, event, path, want string }{
		{"one", "user.created", "/team/a", "all rest=a, exact id=a, filtered id=a, sync answers id=a, users"},
		{"", "user.created", "/team/a", "all rest=a, exact id=a, filtered id=a, other id=a, sync answers id=a, users"},
		{"two", "user.created", "/team/a", "other id=a"},
		{"one", "user.created", "/team/b", "all rest=b, exact id=b, filtered id=b, sync answers id=b"},
		{"one", "user.created", "/team/b/c", "all rest=b/c"},
		{"one", "user.", "/team/b", "all rest=b, filtered id=b"},
		{"one", "user", "/team/a", "all rest=a, users"},
		{"one", "use", "/team/a", "all rest=a"},
		{"one", "http", "/team/a", ""},
		{"one", "http.request", "/team/a", ""},
		{"one", "http.other", "/team/a", "all rest=a, https id=a"},
		{"one", "invoke", "/team/a", ""},
		{"one", "invoker", "/team/a", "all rest=a, invokes id=a"},
		{"", "gateway.event.received", "/", "received, system"},
		{"", "eventgateway.event.received", "/", "received, system"},
		{"", "gateway.function.invocationFailed", "/", "calls, system"},
		{"two", "gateway.function.invoking", "/", "calls"},
		{"", "gates", "/", "custom, root"},
		{"", "gateway", "/", "custom, root"},
	} {
		ev := &eventgateway.Event{Type: test.event, DataType: "application/json", Data: []byte(`{"n":1}`)}
		q := matcher.Query{Space: test.space, Method: "POST", Event: test.event, Path: test.path, FunctionID: "*", Input: expression.NewInput(ev)}
		var m matcher.Match
		found := table.Find(&q, &m)
		if got := functions(&m); got != test.want || found != (got != "") {
			t.Errorf("%s in %q on %s: %v, got %q, want %q", test.event, test.space, test.path, found, got, test.want)
		}
	}
}

func TestWildcardsDoNotConflict(t *testing.T) {
	table := build([]*eventgateway.Subscription{
		listen("s", "user.*", "f", "/team/:id"), listen("s", "*", "f", "/team/a"), listen("s", "user.created", "f", "/team/:other"),
	})
	for _, test := range []struct {
		of       *eventgateway.Subscription
		conflict bool
	}{
		{listen("s", "user.c*", "g", "/team/a"), false},
		{listen("s", "user.deleted", "g", "/team/a"), false},
		{listen("s", "user.*", "g", "/team/:id/x"), false},
		{listen("s", "user.*", "g", "/team/a"), true},
		{listen("s", "user.*", "g", "/team/:name"), true},
		{listen("s", "*", "g", "/team/*rest"), true},
	} {
		if other, reason := table.Conflict(test.of); (other != nil) != test.conflict {
			t.Errorf("%s %s: %v %q", test.of.Event, test.of.Path, other, reason)
		}
	}
}

// TestWildcardsDoNotAllocate is for events that no pattern matches, and for those that one without parameters does.
func TestWildcardsDoNotAllocate(t *testing.T) {
	edit := (*matcher.Table)(nil).Edit()
	for i := range 100 {
		edit.Insert(listen(fmt.Sprint("space-", i%3), fmt.Sprintf("user.%d.*", i), "f", "/"))
	}
	edit.Insert(listen("space-1", "user.*", "f", "/a"))
	table := edit.Table()
	var m matcher.Match
	for _, test := range []struct {
		query matcher.Query
		found bool
	}{
		{matcher.Query{Method: "POST", Path: "/", Event: "user.7.created"}, true},
		{matcher.Query{Method: "POST", Path: "/", Event: "user.7.created", Space: "space-1"}, true},
		{matcher.Query{Method: "POST", Path: "/", Event: "user.7.created", Space: "space-2"}, false},
		{matcher.Query{Method: "POST", Path: "/", Event: "user.x"}, false},
		{matcher.Query{Method: "POST", Path: "/", Event: "order.placed", Space: "space-1"}, false},
		{matcher.Query{Method: "POST", Path: "/", Event: strings.Repeat("user.", 1000)}, false},
	} {
		if got := table.Find(&test.query, &m); got != test.found {
			t.Errorf("%.80v: found %v", test.query, got)
		}
		if allocs := testing.AllocsPerRun(100, func() { table.Find(&test.query, &m) }); allocs > 0 {
			t.Errorf("%.80v: %v allocations", test.query, allocs)
		}
	}
}

func TestListens(t *testing.T) {
	var table *matcher.Table
	all := func() string {
		var out []string
		for _, event := range eventgateway.SystemEvents {
			if table.Listens(event) {
				out = append(out, strings.TrimPrefix(event, "gateway."))
			}
		}
		return strings.Join(out, " ")
	}
	for _, step := range []struct {
		event string
		want  string
	}{
		{"", ""},
		{"*", ""},
		{"gateway*", ""},
		{"gateway.nothing*", ""},
		{"gateway.function.invoked", "function.invoked"},
		{"eventgateway.event.*", "event.received function.invoked"},
		{"gateway.*", "event.received function.invoking function.invoked function.invocationFailed function.retreated"},
		{"-gateway.*", "event.received function.invoked"},
		{"-eventgateway.function.invoked", "event.received"},
		{"-gateway.function.invoked", "event.received"}, // it is gone already
		{"gateway.event.*", "event.received"},           // the same as one that is there
		{"-gateway.event.*", ""},
	} {
		if event, gone := strings.CutPrefix(step.event, "-"); gone {
			table = table.Delete(listen("s", event, "f", "/"))
		} else if event != "" {
			table = table.Insert(listen("s", event, "f", "/"))
		}
		if got := all(); got != step.want {
			t.Errorf("after %q: %q, want %q", step.event, got, step.want)
		}
	}
	if table.Listens("gateway.x") || table.Listens("user.created") {
		t.Error("it listens to what is no system event")
	}
}

// BenchmarkWildcards finds an event in tables of 1,000 subscriptions: without wildcards, with 1,000 others that do not match,
// and with some that do.
func BenchmarkWildcards(b *testing.B) {
	for _, kind := range []struct {
		name    string
		matches int
		pattern func(i int) string
		n       int
	}{
		{"none", 1, nil, 0},
		{"1000-others", 1, func(i int) string { return fmt.Sprintf("order.%d.*", i) }, 1000},
		{"1-matches", 2, func(int) string { return "user.*" }, 1},
		{"3-match", 4, func(i int) string { return "user.created"[:4*i] + "*" }, 3},
	} {
		edit := build(shapes[0].subscriptions(1000)).Edit()
		edit.Insert(listen("default", "user.created", "f", "/myteam"))
		for i := range kind.n {
			edit.Insert(listen("default", kind.pattern(i), fmt.Sprint("f", i), "/myteam"))
		}
		table := edit.Table()
		for _, test := range []struct{ name, space, path string }{
			{"hit/space", "default", "/myteam"}, {"hit/all", "", "/myteam"}, {"miss/space", "default", "/none"}, {"miss/all", "", "/none"},
		} {
			b.Run(kind.name+"/"+test.name, func(b *testing.B) {
				q := matcher.Query{Space: test.space, Method: "POST", Event: "user.created", Path: test.path}
				var m matcher.Match
				b.ReportAllocs()
				for b.Loop() {
					if table.Find(&q, &m); test.path == "/myteam" && len(m.Async) != kind.matches {
						b.Fatal(len(m.Async))
					}
				}
			})
		}
	}
}

// BenchmarkListens asks whether anybody wants a system event.
func BenchmarkListens(b *testing.B) {
	table := build(shapes[0].subscriptions(1000))
	for b.Loop() {
		if table.Listens(eventgateway.FunctionInvoked) {
			b.Fatal("nobody listens")
		}
	}
}
