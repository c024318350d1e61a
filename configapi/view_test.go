package configapi_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/configapi"
)

func static(functions []*eventgateway.Function, subscriptions ...*eventgateway.Subscription) configapi.Static {
	return configapi.Static{Functions: functions, Subscriptions: subscriptions}
}

func TestStaticHidesDynamic(t *testing.T) {
	s := newStore(t)
	fn := testFunction("a", "f")
	fn.Provider = []byte(`{"url":"dynamic"}`)
	sub := testSubscription("a", "http", "f", "/x")
	sub.Metadata = map[string]string{"from": "store"}
	s.put(key("a", configapi.Functions, "f"), encode(fn))
	s.put(key("a", configapi.Subscriptions, sub.ID), encode(sub))

	in := newInstance(t, s, configapi.Static{})
	v, err := in.mirror.NewView(static([]*eventgateway.Function{testFunction("a", "f")}, testSubscription("a", "http", "f", "/x")))
	if err != nil {
		t.Fatal(err)
	}
	check := func(step, wantURL string) {
		t.Helper()
		if got := string(handle(v, "a", "f").Function.Provider); got != wantURL {
			t.Errorf("%s: the view has %s, want %s", step, got, wantURL)
		}
		if v.Snapshot().Table.Len() != 1 || find(v, "a", "http", "/x") != "f" {
			t.Errorf("%s: the view has %d subscriptions", step, v.Snapshot().Table.Len())
		}
	}
	check("new", `{"url":"u"}`)
	fn.Provider = []byte(`{"url":"changed"}`)
	in.wait(s.put(key("a", configapi.Functions, "f"), encode(fn)))
	check("after a change", `{"url":"u"}`)
	if got := string(handle(in.view, "a", "f").Function.Provider); got != `{"url":"changed"}` {
		t.Errorf("the view without statics has %s", got)
	}
	s.list(in.mirror)
	check("after a load", `{"url":"u"}`)
	in.wait(s.happen([]configapi.Change{
		{Entry: configapi.Entry{Key: key("a", configapi.Functions, "f")}, Deleted: true},
		{Entry: configapi.Entry{Key: key("a", configapi.Subscriptions, sub.ID)}, Deleted: true},
	}))
	check("after a delete", `{"url":"u"}`)
	v.Close()
	v.Close()
	in.wait(s.put(key("a", configapi.Functions, "g"), encode(testFunction("a", "g"))))
	if handle(v, "a", "g") != nil {
		t.Error("a closed view follows")
	}
	check("closed", `{"url":"u"}`)
}

func TestViewCloseClosesStaticHandles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lives := newLives("closing")
		in := unloadedInstance(t, newStore(t), static([]*eventgateway.Function{testFunction("closing", "f"), testFunction("closing", "g")}))
		in.view.Close()
		if lives.closed.Load() != 0 {
			t.Error("closed at once: requests that looked a function up would fail")
		}
		time.Sleep(5 * time.Second) // of the test's own clock
		synctest.Wait()
		if n := lives.closed.Load(); n != 2 {
			t.Errorf("%d handles were closed, want 2", n)
		}
	})
}

// Whatever happens, a view that followed shows what a view made anew shows.
func TestViewsFollowAsIfMadeAnew(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	fixed := static([]*eventgateway.Function{testFunction("a", "f0"), testFunction("b", "f1")},
		testSubscription("a", "e", "f1", "/"), testSubscription("a", "http", "f0", "/p2"))
	fixed.EventTypes = []*eventgateway.EventType{{Space: "a", Name: "e", AuthorizerID: "f1"}}
	fixed.CORS = []*eventgateway.CORSResource{testCORS("a", "GET", "/p1"), testCORS("b", "GET", "/p2")}
	s := newStore(t)
	in := unloadedInstance(t, s, fixed)
	s.list(in.mirror)
	for step := range 400 {
		var changes []configapi.Change
		for range 1 + random.IntN(4) {
			changes = append(changes, randomChange(random))
		}
		revision := s.happen(changes)
		if random.IntN(20) == 0 {
			s.list(in.mirror)
		} else {
			in.mirror.Apply(revision, changes)
		}
		anew, err := in.mirror.NewView(fixed)
		if err != nil {
			t.Fatal(err)
		}
		got, want := describe(in.view), describe(anew)
		anew.Close()
		if got != want || strings.Contains(got, "miscounted") {
			t.Fatalf("step %d: got\n%s\nwant\n%s", step, got, want)
		}
		empty := unloadedInstance(t, s, fixed)
		s.list(empty.mirror)
		if want := describe(empty.view); got != want {
			t.Fatalf("step %d: got\n%s\na mirror loaded anew has\n%s", step, got, want)
		}
	}
}

func randomChange(random *rand.Rand) configapi.Change {
	space, id := string("ab"[random.IntN(2)]), fmt.Sprintf("f%d", random.IntN(3))
	var c configapi.Change
	switch random.IntN(4) {
	case 0:
		et := &eventgateway.EventType{Space: space, Name: []string{"e", "http", "http.request"}[random.IntN(3)], AuthorizerID: id}
		if random.IntN(2) == 0 {
			et.Schema = []byte(`{"type":"object"}`)
		}
		c.Entry = configapi.Entry{Key: key(space, configapi.EventTypes, et.ID()), Value: []byte(encode(et))}
	case 1:
		cors := testCORS(space, "GET", fmt.Sprintf("/p%d", random.IntN(3)))
		cors.AllowCredentials = random.IntN(2) == 0
		c.Entry = configapi.Entry{Key: key(space, configapi.CORS, cors.ID), Value: []byte(encode(cors))}
	case 2:
		fn := testFunction(space, id)
		fn.Provider = fmt.Appendf(nil, `{"url":"%d"}`, random.IntN(2))
		c.Entry = configapi.Entry{Key: key(space, configapi.Functions, id), Value: []byte(encode(fn))}
	case 3:
		sub := testSubscription(space, "e", id, "/")
		if random.IntN(2) == 0 {
			sub = testSubscription(space, "http", id, fmt.Sprintf("/p%d", random.IntN(3)))
		} else {
			sub.Paused = random.IntN(2) == 0
			sub.Delivery = &eventgateway.Delivery{DeadLetter: fmt.Sprintf("d%d", random.IntN(2))}
		}
		c.Entry = configapi.Entry{Key: key(space, configapi.Subscriptions, sub.ID), Value: []byte(encode(sub))}
	}
	switch random.IntN(4) {
	case 0:
		c.Entry.Value, c.Deleted = nil, true
	case 1:
		c.Entry.Value = c.Entry.Value[:random.IntN(len(c.Entry.Value))]
	}
	return c
}

// describe tells all that a view shows.
func describe(v *configapi.View) string {
	var b strings.Builder
	for _, space := range []string{"a", "b"} {
		fmt.Fprintln(&b, space, maps.Collect(v.Counts())[space])
		for _, id := range []string{"d0", "d1", "f0", "f1", "f2"} {
			count, users := configapi.Uses(v, space, id)
			if count != len(users) {
				fmt.Fprintln(&b, "miscounted as", count)
			}
			fmt.Fprintln(&b, id, users)
		}
		for i := range 3 {
			sub := testSubscription(space, "e", fmt.Sprintf("f%d", i), "/")
			if sub = v.Snapshot().Subscription(space, sub.ID); sub != nil {
				fmt.Fprintln(&b, sub.FunctionID, sub.Paused, encode(sub.Delivery))
			}
			if h := handle(v, space, fmt.Sprintf("f%d", i)); h != nil {
				fmt.Fprintln(&b, h.Function.ID, string(h.Function.Provider))
			}
			fmt.Fprintln(&b, find(v, space, "http", fmt.Sprintf("/p%d", i)) != "")
			fmt.Fprintln(&b, encode(corsAt(v, space, fmt.Sprintf("/p%d", i))))
		}
		for _, name := range []string{"e", "http", "http.request"} {
			count, listeners := configapi.Listeners(v, space, name)
			if count != len(listeners) {
				fmt.Fprintln(&b, "miscounted as", count)
			}
			fmt.Fprintln(&b, name, listeners)
			if et := v.Snapshot().EventType(space, name); et != nil {
				fmt.Fprintln(&b, encode(et.EventType), et.Schema != nil)
			}
		}
		fmt.Fprintln(&b, len(find(v, space, "e", "/")))
	}
	fmt.Fprintln(&b, v.Snapshot().Table.Len(), v.Snapshot().Functions.Len(), v.Snapshot().CORS.Len())
	return b.String()
}

func TestCounts(t *testing.T) {
	s := newStore(t)
	fixed := static([]*eventgateway.Function{testFunction("a", "f"), testFunction("only", "f")})
	fixed.EventTypes = []*eventgateway.EventType{{Space: "a", Name: "fixed"}}
	fixed.CORS = []*eventgateway.CORSResource{testCORS("a", "PUT", "/")}
	in := newInstance(t, s, fixed)
	in.must(201, "POST", "/v1/spaces/a/functions", `{"functionId":"g","type":"test","provider":{"url":"u"}}`)
	in.must(201, "POST", "/v1/spaces/a/subscriptions", `{"functionId":"f","event":"e"}`)
	in.must(201, "POST", "/v1/spaces/b/functions", `{"functionId":"g","type":"test","provider":{"url":"u"}}`)
	in.must(204, "DELETE", "/v1/spaces/b/functions/g", "")
	in.must(201, "POST", "/v1/spaces/a/eventtypes", `{"name":"e"}`)
	in.must(201, "POST", "/v1/spaces/a/cors", `{"method":"GET","path":"/"}`)
	in.must(201, "POST", "/v1/spaces/typed/eventtypes", `{"name":"e"}`)
	want := map[string]configapi.Counts{
		"a": {Functions: 2, Subscriptions: 1, EventTypes: 2, CORS: 2}, "b": {}, "only": {Functions: 1}, "typed": {EventTypes: 1},
	}
	if got := maps.Collect(in.view.Counts()); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestCheckStatic(t *testing.T) {
	fn, sub := testFunction("", "f"), testSubscription("", "http", "elsewhere", "/x")
	valid := static([]*eventgateway.Function{fn}, sub, testSubscription("other", "http", "f", "/x"))
	if err := configapi.CheckStatic(valid); err != nil {
		t.Errorf("a subscription of a function of the store is refused: %v", err)
	}
	if fn.Space != "" {
		t.Error("the caller's function was changed")
	}
	for name, test := range map[string]struct {
		static configapi.Static
		want   string
	}{
		"function twice": {
			static([]*eventgateway.Function{testFunction("", "f"), testFunction("default", "f")}),
			`static function "f" in space "default" is given twice`,
		},
		"bad function": {
			static([]*eventgateway.Function{testFunction("", "f f")}),
			`static function "f f" in space "default": functionId: "f f" is not accepted: want 1 to 255 letters, digits, dots, dashes or underscores`,
		},
		"bad provider field": {
			static([]*eventgateway.Function{{ID: "f", Type: "test", Provider: []byte(`{"uri":"u"}`)}}),
			`static function "f" in space "default": provider: unknown field "uri": want url, secret`,
		},
		"unknown type": {
			static([]*eventgateway.Function{{ID: "f", Type: "nothing", Provider: []byte(`{}`)}}),
			`static function "f" in space "default": type: "nothing" is not accepted: want one of the providers built in: `,
		},
		"bad subscription": {
			static(nil, &eventgateway.Subscription{Event: "http", FunctionID: "f", Path: "/x"}),
			`static subscription of function "f" to event "http" on path "/x" in space "default": method: missing: want an HTTP method such as GET for event "http"`,
		},
		"subscription twice": {
			static(nil, testSubscription("", "http", "f", "/x"), testSubscription("", "http", "f", "/x")),
			`static subscription of function "f" to event "http" on GET "/x" in space "default" is given twice`,
		},
		"conflict": {
			static(nil, testSubscription("", "http", "f", "/x"), testSubscription("", "http", "g", "/x")),
			`static subscription of function "g" to event "http" on GET "/x" in space "default": path /x already has a sync subscription`,
		},
		"bad event type": {
			configapi.Static{EventTypes: []*eventgateway.EventType{{Name: "a*"}}},
			`static event type "a*" in space "default": name: "a*" is not accepted: want 1 to 255 bytes`,
		},
		"bad schema": {
			configapi.Static{EventTypes: []*eventgateway.EventType{{Name: "e", Schema: []byte(`{"type":"nmber"}`)}}},
			`static event type "e" in space "default": schema`,
		},
		"event type twice": {
			configapi.Static{EventTypes: []*eventgateway.EventType{{Name: "http"}, {Name: "http.request"}}},
			`static event type "http.request" in space "default" is given twice`,
		},
		"bad CORS resource": {
			configapi.Static{CORS: []*eventgateway.CORSResource{{Method: "GET"}}},
			`static CORS resource for "GET" on path "" in space "default": path: missing: want a path such as /users/:id`,
		},
		"CORS resource twice": {
			configapi.Static{CORS: []*eventgateway.CORSResource{testCORS("", "get", "/x"), testCORS("", "GET", "/x")}},
			`static CORS resource for "GET" on path "/x" in space "default" is given twice`,
		},
		"CORS conflict": {
			configapi.Static{CORS: []*eventgateway.CORSResource{testCORS("", "GET", "/x"), testCORS("", "GET", "/:y")}},
			`static CORS resource for "GET" on path "/:y" in space "default": path /:y cannot stand beside /x: a parameter beside a static segment`,
		},
	} {
		err := configapi.CheckStatic(test.static)
		if err == nil || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("%s:\ngot  %v\nwant %s", name, err, test.want)
		}
		if _, newErr := unloadedInstance(t, newStore(t), configapi.Static{}).mirror.NewView(test.static); newErr == nil ||
			newErr.Error() != err.Error() {
			t.Errorf("%s: NewView says %v", name, newErr)
		}
	}
}
