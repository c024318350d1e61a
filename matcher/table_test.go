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

// get makes a sync subscription to GET requests; the function is named like the path.
func get(path string) *eventgateway.Subscription { return httpTo("default", path) }

// listen makes an async subscription to an event.
func listen(space, event, function, path string) *eventgateway.Subscription {
	s := &eventgateway.Subscription{Space: space, Event: event, FunctionID: function, Path: path}
	s.Normalize()
	return s
}

// params writes parameters as name=value pairs.
func params(t matcher.Target) string {
	var out []string
	for _, p := range t.Params {
		out = append(out, p.Name+"="+p.Value)
	}
	return strings.Join(out, " ")
}

func TestPaths(t *testing.T) {
	for _, test := range []struct {
		patterns string
		// cases are lines of a path, the pattern it finds or -, and its parameters.
		cases string
	}{
		{"/", `
			/   /
			//  -
			/a  -
			*   -
			a   -`},
		{"/users /users/", `
			/users   /users
			/users/  /users/
			/Users   -
			/users// -
			//users  -`},
		{"/users/:id", `
			/users/1        /users/:id id=1
			/users/a%2Fb    /users/:id id=a/b
			/users/a%20b    /users/:id id=a b
			/users/%zz      /users/:id id=%zz
			/users/%        /users/:id id=%
			/users/:id      /users/:id id=:id
			/users/         -
			/users          -
			/users/1/       -
			/users/1/2      -
			/%75sers/1      /users/:id id=1`},
		{"/:a/x/:b/y", `
			/1/x/2/y        /:a/x/:b/y a=1 b=2
			/x/x/x/y        /:a/x/:b/y a=x b=x
			/1/x//y         -
			//x/2/y         -
			/1/x/2/z        -`},
		{"/files/*rest", `
			/files/         /files/*rest rest=
			/files/a        /files/*rest rest=a
			/files/a/b//c/  /files/*rest rest=a/b//c/
			/files/a%2Fb/%63/%zz /files/*rest rest=a/b/c/%zz
			/files          -
			/filesa         -`},
		{"/*rest", `
			/               /*rest rest=
			//              /*rest rest=/
			/a/b            /*rest rest=a/b
			*               -`},
		{"/users/ /users/*rest /users2/ /users2/:id", `
			/users/         /users/
			/users/1        /users/*rest rest=1
			/users/1/2      /users/*rest rest=1/2
			/users//2       /users/*rest rest=/2
			/users2/        /users2/
			/users2/1       /users2/:id id=1`},
		{"/a%2Fb /c/%3Aid", `
			/a%2Fb          /a%2Fb
			/a%2fb          /a%2Fb
			/a/b            -
			/c/:id          /c/%3Aid
			/c/1            -`},
		// These conflict: what matches is still certain, and going back finds what the first way misses.
		{"/a/b/c /a/:x/d /a/*rest /:y/b/e", `
			/a/b/c          /a/b/c
			/a/b/d          /a/:x/d x=b
			/a/b/e          /a/*rest rest=b/e
			/a/             /a/*rest rest=
			/z/b/e          /:y/b/e y=z
			/z/b/c          -`},
		{"/:b/1 /:a/1 /:b/2 /*z /*y", `
			/x/1            /:a/1 a=x
			/x/2            /:b/2 b=x
			/x/3            /*y y=x/3`},
	} {
		var table *matcher.Table
		for pattern := range strings.FieldsSeq(test.patterns) {
			table = table.Insert(get(pattern))
		}
		for line := range strings.Lines(strings.TrimSpace(test.cases)) {
			path, want, _ := strings.Cut(strings.TrimSpace(line), " ")
			want = strings.TrimSpace(want)
			for _, space := range []string{"", "default"} {
				var m matcher.Match
				got := "-"
				found := table.Find(&matcher.Query{Space: space, Method: "GET", Path: path, Event: "http"}, &m)
				if found {
					got = strings.TrimSuffix(m.Sync.Subscription.Path+" "+params(m.Sync), " ")
				}
				if got != want {
					t.Errorf("%s: %s finds %q, want %q", test.patterns, path, got, want)
				}
			}
		}
	}
}

func TestNilAndEmptyTable(t *testing.T) {
	var none *matcher.Table
	s := get("/a")
	for _, table := range []*matcher.Table{none, none.Edit().Table(), none.Insert(s).Delete(s)} {
		m := matcher.Match{Async: []matcher.Target{{Subscription: s}}}
		if table.Find(&matcher.Query{Method: "GET", Path: "/a", Event: "http"}, &m) || len(m.Async) > 0 || table.Len() != 0 {
			t.Error("an empty table finds something")
		}
		if other, _ := table.Conflict(s); other != nil {
			t.Error("an empty table has a conflict")
		}
		if table.Delete(s) != table {
			t.Error("deleting nothing makes a table")
		}
	}
}

func TestInvalidPathIsLeftOut(t *testing.T) {
	bad := get("/*rest/x")
	table := (*matcher.Table)(nil).Insert(bad).Insert(get("/a"))
	if table.Len() != 1 || table.Delete(bad) != table {
		t.Errorf("Len() = %d", table.Len())
	}
	if other, _ := table.Conflict(bad); other != nil {
		t.Error("an invalid path conflicts")
	}
}

func TestWhatQueriesSee(t *testing.T) {
	invoke := func(function string) *eventgateway.Subscription { return listen("default", "invoke", function, "/") }
	post := &eventgateway.Subscription{Event: "http.request", Method: "POST", FunctionID: "log"}
	post.Normalize()
	table := (*matcher.Table)(nil)
	for _, s := range []*eventgateway.Subscription{
		get("/"), post, invoke("f"), invoke("g"),
		listen("default", "user.created", "a", "/"), listen("other", "user.created", "b", "/"),
	} {
		table = table.Insert(s)
	}
	for _, test := range []struct {
		query matcher.Query
		want  string
	}{
		{matcher.Query{Method: "GET", Event: "http"}, "sync function"},
		{matcher.Query{Method: "GET", Event: "http.request", FunctionID: "ignored"}, "sync function"},
		{matcher.Query{Method: "POST", Event: "http"}, "sync log"},
		{matcher.Query{Method: "get", Event: "http"}, ""},
		{matcher.Query{Method: "POST", Event: "invoke", FunctionID: "f"}, "sync f"},
		{matcher.Query{Method: "POST", Event: "invoke", FunctionID: "g", Space: "default"}, "sync g"},
		{matcher.Query{Method: "POST", Event: "invoke", FunctionID: "g", Space: "other"}, ""},
		{matcher.Query{Method: "POST", Event: "invoke", FunctionID: "h"}, ""},
		{matcher.Query{Method: "POST", Event: "invoke"}, ""},
		{matcher.Query{Method: "POST", Event: "user.created"}, "async a async b"},
		{matcher.Query{Method: "POST", Event: "user.created", Space: "default"}, "async a"},
		{matcher.Query{Method: "POST", Event: "user.created", Space: "other"}, "async b"},
		{matcher.Query{Method: "POST", Event: "user.created", Space: "none"}, ""},
		{matcher.Query{Method: "POST", Event: "User.created"}, ""},
	} {
		test.query.Path = "/"
		var m matcher.Match
		found := table.Find(&test.query, &m)
		var got []string
		for _, target := range m.Async {
			got = append(got, "async "+target.Subscription.FunctionID)
		}
		if m.Sync.Subscription != nil {
			got = append(got, "sync "+m.Sync.Subscription.FunctionID)
		}
		slices.Sort(got)
		if strings.Join(got, " ") != test.want || found != (test.want != "") {
			t.Errorf("%+v finds %v, want %q", test.query, got, test.want)
		}
	}
}

// TestOldestAnswers lets many subscriptions claim one request, and takes away the one that has it again and again.
// TestEventsForSeveralSpaces checks when the filters of one space may hold up the events of others.
func TestEventsForSeveralSpaces(t *testing.T) {
	in := func(space string) *eventgateway.Subscription {
		s := &eventgateway.Subscription{Space: space, Event: "e", FunctionID: "f", Path: "/"}
		s.Normalize()
		return s
	}
	shared := func(table *matcher.Table, space string) bool {
		var m matcher.Match
		input := expression.NewInput(&eventgateway.Event{Type: "e"})
		table.Find(&matcher.Query{Method: "POST", Path: "/", Event: "e", Space: space, Input: input}, &m)
		return input.Shared()
	}
	one := (*matcher.Table)(nil).Insert(in("a"))
	two := one.Insert(in("b"))
	for name, test := range map[string]struct {
		table *matcher.Table
		want  bool
	}{"one space": {one, false}, "two spaces": {two, true}, "one left": {two.Delete(in("a")), false}} {
		if got := shared(test.table, ""); got != test.want {
			t.Errorf("%s: an event for all spaces is shared: %v, want %v", name, got, test.want)
		}
		if shared(test.table, "a") {
			t.Errorf("%s: an event for one space is shared", name)
		}
	}
}

func TestOldestAnswers(t *testing.T) {
	claim := func(space, id string, revision int64) *eventgateway.Subscription {
		s := httpTo(space, "/:"+space)
		s.ID, s.CreateRevision = id, revision
		return s
	}
	order := []*eventgateway.Subscription{
		claim("b", "2", 0), claim("a", "3", 0), claim("b", "1", 7), claim("c", "1", 7), claim("d", "1", 7),
		claim("e", "1", 7), claim("f", "1", 7), claim("a", "9", 8),
	}
	table := (*matcher.Table)(nil)
	for _, i := range []int{3, 0, 4, 7, 2, 5, 1, 6} {
		table = table.Insert(order[i])
	}
	q := matcher.Query{Method: "GET", Path: "/x", Event: "http"}
	for _, want := range order {
		var m matcher.Match
		if table.Find(&q, &m); m.Sync.Subscription != want || params(m.Sync) != want.Space+"=x" {
			t.Fatalf("%+v answers with %s, want %+v", m.Sync.Subscription, params(m.Sync), want)
		}
		table = table.Delete(want)
	}
	if table.Find(&q, new(matcher.Match)) {
		t.Error("something is left")
	}
}

func TestInsertReplaces(t *testing.T) {
	for _, others := range []int{0, 1, 5} {
		for _, event := range []string{"http", "user.created"} {
			table := (*matcher.Table)(nil)
			to := func(function string) *eventgateway.Subscription {
				s := &eventgateway.Subscription{Event: event, Method: "POST", FunctionID: function, Path: "/a"}
				s.Normalize()
				return s
			}
			for i := range others {
				table = table.Insert(to(fmt.Sprint("other-", i)))
			}
			first, second := to("f"), to("f")
			second.Metadata = map[string]string{"version": "2"}
			second.CreateRevision = -1
			before := table.Insert(first)
			after := before.Insert(second)
			if before.Len() != others+1 || after.Len() != others+1 {
				t.Fatalf("Len() = %d, then %d, want %d", before.Len(), after.Len(), others+1)
			}
			var m matcher.Match
			after.Find(&matcher.Query{Method: "POST", Path: "/a", Event: event}, &m)
			found := m.Async
			if event == "http" {
				found = []matcher.Target{m.Sync}
			}
			if !slices.ContainsFunc(found, func(t matcher.Target) bool { return t.Subscription == second }) ||
				slices.ContainsFunc(found, func(t matcher.Target) bool { return t.Subscription == first }) {
				t.Errorf("%d others, event %s: the second is not in the place of the first", others, event)
			}
			if left := after.Delete(first); left.Len() != others {
				t.Errorf("%d others, event %s: %d are left", others, event, left.Len())
			}
		}
	}
}

func TestMatchIsUsedAgain(t *testing.T) {
	table := (*matcher.Table)(nil).Insert(get("/a/:x"))
	table = table.Insert(listen("default", "e", "f", "/")).Insert(listen("default", "e", "g", "/"))
	var m matcher.Match
	if table.Find(&matcher.Query{Method: "POST", Path: "/", Event: "e"}, &m); len(m.Async) != 2 || m.Sync.Subscription != nil {
		t.Fatalf("found %+v", m)
	}
	if table.Find(&matcher.Query{Method: "GET", Path: "/a/1", Event: "http"}, &m); len(m.Async) != 0 || m.Sync.Subscription == nil {
		t.Fatalf("found %+v", m)
	}
	if held := m.Async[:2]; held[0].Subscription != nil || held[1].Subscription != nil {
		t.Error("the memory that is kept holds on to subscriptions")
	}
	if table.Find(&matcher.Query{Method: "GET", Path: "/a/", Event: "http"}, &m) || m.Sync.Subscription != nil {
		t.Fatalf("found %+v", m)
	}
}

func TestFindDoesNotAllocate(t *testing.T) {
	edit := (*matcher.Table)(nil).Edit()
	for i := range 200 {
		edit.Insert(get(fmt.Sprintf("/static/%d", i)))
		edit.Insert(get(fmt.Sprintf("/p%d/:id/x", i)))
		edit.Insert(httpTo(fmt.Sprint("space-", i), "/shared/:id"))
		edit.Insert(listen("default", "e", fmt.Sprint("f", i), "/"))
	}
	table := edit.Table()
	var m matcher.Match
	for _, test := range []struct {
		query matcher.Query
		found bool
	}{
		{matcher.Query{Method: "GET", Path: "/static/7", Event: "http"}, true},
		{matcher.Query{Method: "GET", Path: "/static/7", Event: "http", Space: "default"}, true},
		{matcher.Query{Method: "POST", Path: "/", Event: "e"}, true},
		{matcher.Query{Method: "GET", Path: "/static/none", Event: "http"}, false},
		{matcher.Query{Method: "GET", Path: "/p7/1/y", Event: "http"}, false},
		{matcher.Query{Method: "GET", Path: "/p7/1/y", Event: "http", Space: "default"}, false},
		{matcher.Query{Method: "GET", Path: "/shared/1/2", Event: "http"}, false},
		{matcher.Query{Method: "GET", Path: "/shared/", Event: "http.request"}, false},
		{matcher.Query{Method: "GET", Path: strings.Repeat("/x", 32<<10), Event: "http"}, false},
		{matcher.Query{Method: "PUT", Path: "/static/7", Event: "http"}, false},
		{matcher.Query{Method: "POST", Path: "/", Event: "none", Space: "default"}, false},
	} {
		if got := table.Find(&test.query, &m); got != test.found {
			t.Errorf("%+v: found %v", test.query, got)
		}
		if allocs := testing.AllocsPerRun(100, func() { table.Find(&test.query, &m) }); allocs > 0 {
			t.Errorf("%+v: %v allocations", test.query, allocs)
		}
	}
}

func TestDeepestPatternsAndLongerPaths(t *testing.T) {
	var b strings.Builder
	for i := range eventgateway.MaxPathSegments - 1 {
		fmt.Fprintf(&b, "/:%d", i)
	}
	pattern, path := b.String(), strings.Repeat("/v", eventgateway.MaxPathSegments-1)
	table := (*matcher.Table)(nil).Insert(get(pattern + "/*rest"))
	for _, test := range []struct{ rest, want string }{
		{"/", ""}, {"/a", "a"}, {"/a/b", "a/b"}, {"/a/b/", "a/b/"}, {"/a/%62/c%2Fd/%zz//", "a/b/c/d/%zz//"},
	} {
		var m matcher.Match
		if !table.Find(&matcher.Query{Method: "GET", Path: path + test.rest, Event: "http"}, &m) {
			t.Fatalf("%q finds nothing", test.rest)
		}
		if p := m.Sync.Params; len(p) != eventgateway.MaxPathSegments || p[62].Value != "v" || p[63].Value != test.want {
			t.Errorf("%q gives the parameters %v", test.rest, p)
		}
	}
	exact := (*matcher.Table)(nil).Insert(get(pattern + "/:last"))
	for rest, want := range map[string]bool{"/a": true, "/": false, "": false, "/a/": false, "/a/b": false, "/a%2Fb/c%2Fd": false} {
		if exact.Find(&matcher.Query{Method: "GET", Path: path + rest, Event: "http"}, new(matcher.Match)) != want {
			t.Errorf("%q: want %v", rest, want)
		}
	}
}
