package configapi_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/configapi"
	"github.com/eventgateway/eventgateway/expression"
	"github.com/eventgateway/eventgateway/matcher"
)

const explain = "/v1/spaces/a/explain"

// subscribed returns a subscription of space a.
func subscribed(event, function, path string, change ...func(*eventgateway.Subscription)) *eventgateway.Subscription {
	s := testSubscription("a", event, function, path)
	for _, c := range change {
		c(s)
	}
	s.Normalize()
	return s
}

func filtered(filter string) func(*eventgateway.Subscription) {
	return func(s *eventgateway.Subscription) { s.Filter = filter }
}

func TestExplain(t *testing.T) {
	plain := subscribed("order.placed", "plain", "/orders")
	paused := subscribed("order.placed", "paused", "/orders", filtered("data.total > 100"), func(s *eventgateway.Subscription) { s.Paused = true })
	answering := subscribed("order.placed", "answering", "/orders", func(s *eventgateway.Subscription) { s.Type = eventgateway.Sync })
	wrong := subscribed("order.placed", "wrong", "/orders", filtered("data.totl > 100"))
	elsewhere := subscribed("order.paid", "elsewhere", "/paid", filtered("data.total < 100"))
	user := subscribed("http", "user", "/users/:id", filtered("request.params.id == '7' && request.path == '/users/7'"))
	invoked := subscribed("invoke", "invoked", "/")
	other := testSubscription("b", "order.placed", "plain", "/orders")
	in := newInstance(t, newStore(t), static(nil, plain, paused, answering, wrong, elsewhere, user, invoked, other))

	matches := func(list ...string) string { return `"matches":[` + strings.Join(list, ",") + `]` }
	match := func(s *eventgateway.Subscription, more string) string {
		return fmt.Sprintf(`{"subscriptionId":"%s","functionId":"%s","type":"%s"%s}`, s.ID, s.FunctionID, s.Type, more)
	}
	others := func(list ...string) string { return `"others":[` + strings.Join(list, ",") + `]` }
	misses := func(s *eventgateway.Subscription, reasons ...string) string {
		return fmt.Sprintf(`{"subscriptionId":"%s","functionId":"%s","reasons":%s}`, s.ID, s.FunctionID, encode(reasons))
	}
	async := []string{match(plain, ""), match(paused, `,"paused":true`)} // in the order of the ids, as all below
	event := "event: order.placed is not "
	placed := `{"event":"order.placed","method":"POST","path":"/orders",` + matches(append([]string{match(answering, `,"answers":true`)}, async...)...) + ","
	farther := []string{
		misses(invoked, event+"invoke", "path: /orders does not match /"),
		misses(elsewhere, event+"order.paid", "path: /orders does not match /paid", "filter: is false"),
		misses(user, event+"http", "method: POST is not GET", "path: /orders does not match /users/:id", "filter: no such attribute(s): request"),
	}
	in.play([]step{
		{"POST", explain, `{"event":{"event":"order.placed","data":{"total":101}},"path":"/orders"}`, 200, placed + others(append([]string{
			misses(wrong, "filter: no such key: totl"),
		}, farther...)...) + "}"},
		{"POST", explain + "?limit=1", `{"event":{"event":"order.placed","data":{"total":101}},"path":"/orders"}`, 200, placed + others(
			misses(wrong, "filter: no such key: totl"),
		) + `,"truncated":true}`},
		{"POST", explain + "?limit=1", `{"event":{"http":{"path":"/users/7"}}}`, 200, `{"event":"http","method":"GET","path":"/users/7",` +
			matches(match(user, `,"answers":true,"params":{"id":"7"}`)) + `,` +
			others(misses(plain, "event: http is not order.placed", "method: GET is not POST", "path: /users/7 does not match /orders")) + `,"truncated":true}`},
		{"POST", explain + "?limit=1", `{"event":{"http":{}},"method":"GET","path":"/users/%37"}`, 200, `{"event":"http","method":"GET","path":"/users/%37",` +
			matches(match(user, `,"answers":true,"params":{"id":"7"}`)) + `,` +
			others(misses(plain, "event: http is not order.placed", "method: GET is not POST", "path: /users/%37 does not match /orders")) + `,"truncated":true}`},
		{"POST", explain + "?limit=1", `{"event":{"event":"invoke"},"functionId":"invoked"}`, 200, `{"event":"invoke","method":"POST","path":"/",` +
			matches(match(invoked, `,"answers":true`)) + `,` +
			others(misses(plain, "event: invoke is not order.placed", "path: / does not match /orders")) + `,"truncated":true}`},
		{"POST", explain + "?limit=1", `{"event":{"event":"invoke"},"functionId":"other"}`, 200, `{"event":"invoke","method":"POST","path":"/",` +
			matches() + `,` + others(misses(invoked, "functionId: other is not invoked")) + `,"truncated":true}`},
		{
			"POST", "/v1/spaces/empty/explain", `{"event":{"specversion":"1.0","id":"1","source":"/","type":"e"}}`, 200,
			`{"event":"e","method":"POST","path":"/",` + matches() + "," + others() + "}",
		},
	})
	if got := <-in.seen; got != "a events explain OK" {
		t.Errorf("the observer was told %q", got)
	}
}

func TestExplainRefusals(t *testing.T) {
	in := newInstance(t, newStore(t), configapi.Static{})
	for _, test := range []struct{ query, body, want string }{
		{"", ``, "body: empty: want a JSON object"},
		{"", `[]`, "body: an array is not accepted: want a JSON object"},
		{"", `{}`, "event: missing: want a CloudEvent, an object with event and data, or one with http"},
		{"", `{"event":{"event":"e"},"space":"b"}`, `unknown field "space": want only event, method, path, functionId`},
		{"", `{"event":"e"}`, "event: not accepted: want a JSON object"},
		{"", `{"event":{"event":"a b"}}`, `event.event: "a b" is not accepted: want 1 to 255 bytes of printable characters without spaces or *`},
		{"", `{"event":{"specversion":"1.0","id":"1","source":"/","type":"http"}}`, `event.type: "http" is not accepted: want the type of a custom event; http and invoke are built in`},
		{"", `{"event":{"specversion":"1.0","id":"1","source":"/","type":"invoke"}}`, `event.type: "invoke" is not accepted: want the type of a custom event; http and invoke are built in`},
		{"", `{"event":{"specversion":"1.0","id":"1","source":"/","type":"a b"}}`, `event.type: "a b" is not accepted: want 1 to 255 bytes of printable characters without spaces or *`},
		{"", `{"event":{"event":"e"},"path":"a"}`, `path: "a" is not accepted: want a path as in a URL: it starts with /, without query`},
		{"", `{"event":{"event":"e"},"path":"/a?b"}`, `path: "/a?b" is not accepted: want a path as in a URL: it starts with /, without query`},
		{"", `{"event":{"event":"e"},"path":"/%zz"}`, `path: "/%zz" is not accepted: want a path as in a URL: it starts with /, without query`},
		{"", `{"event":{"http":{"path":"users"}}}`, `path: "users" is not accepted: want a path as in a URL: it starts with /, without query`},
		{"", `{"event":{"event":"e"},"method":""}`, `method: "" is not accepted: want an HTTP method such as GET`},
		{"", `{"event":{"event":"e"},"method":"GET /"}`, `method: "GET /" is not accepted: want an HTTP method such as GET`},
		{"", `{"event":{"event":"e"},"functionId":"f"}`, `functionId: not accepted for event "e": want it only for invoke`},
		{"?limit=0", `{}`, `query parameter "limit": "0" is not accepted: want a whole number from 1 to 1000`},
		{"?limit=1&limit=2", `{}`, `query parameter "limit": given 2 times: want it once`},
		{"?x=1", `{}`, `unknown query parameter "x": want only limit`},
	} {
		a := in.do("POST", explain+test.query, test.body)
		if a.Code != 400 || a.message() != test.want {
			t.Errorf("%s %s:\n got %d %s\nwant 400 %s", test.query, test.body, a.Code, a.message(), test.want)
		}
	}
	in.must(413, "POST", explain, `{"event":{"event":"e","data":"`+strings.Repeat("x", 1<<20)+`"}}`)
	in.must(405, "GET", explain, "")
	in.must(404, "POST", "/v1/explain", "{}")
	in = unloadedInstance(t, newStore(t), configapi.Static{})
	in.must(503, "POST", explain, `{"event":{"event":"e"}}`)
}

// explained is an answer.
type explained struct {
	Matches []struct {
		SubscriptionID, FunctionID, Type string
		Answers                          bool
		Params                           map[string]string
	}
	Others []struct {
		SubscriptionID, FunctionID string
		Reasons                    []string
	}
	Truncated bool
}

// TestExplainIsThePathOfTheData compares what is explained of random events with what the table that serves events finds. Every
// subscription of the space is among the matches or among the others, and none among both; each of the others has a reason.
func TestExplainIsThePathOfTheData(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	pick := func(of ...string) string { return of[random.IntN(len(of))] }
	matched, missed := 0, 0
	for range 40 {
		in := newInstance(t, newStore(t), configapi.Static{})
		in.must(201, "POST", "/v1/spaces/a/functions", `{"functionId":"f","type":"test","provider":{"url":"u"}}`)
		in.must(201, "POST", "/v1/spaces/a/functions", `{"functionId":"g","type":"test","provider":{"url":"u"}}`)
		known := map[string]bool{}
		for range 40 {
			body := map[string]any{
				"functionId": pick("f", "g"), "event": pick("e", "e", "e.x", "e*", "*", "gateway.*", "http", "http", "invoke"), "path": pick("/", "/a", "/:x", "/*all", "/a/b", "/%61/:y"),
			}
			if body["event"] != "invoke" {
				body["type"], body["method"] = pick("sync", "async"), pick("GET", "POST")
			}
			if eventgateway.IsEventPattern(body["event"].(string)) {
				body["type"] = "async"
			}
			switch random.IntN(4) {
			case 0:
				body["filter"] = pick("true", "false", "data.n == 1", "data.n > 1", "data.missing == 1", "event.type == 'e'", "data.list.all(x, x < 3)")
			case 1:
				body["pattern"] = map[string]any{"detail": map[string]any{"n": []any{random.IntN(3)}}}
			}
			if body["event"] == "http" && random.IntN(2) == 0 {
				delete(body, "pattern")
				body["filter"] = pick("request.params.x == 'a'", "request.method == 'GET'", "request.path == '/a'")
			}
			if a := in.do("POST", "/v1/spaces/a/subscriptions", encode(body)); a.Code == 201 {
				known[a.field("subscriptionId").(string)] = true
			}
		}
		for range 20 {
			event := map[string]any{"event": pick("e", "e.x", "f", "gateway.event.received", "invoke"), "data": map[string]any{"n": random.IntN(3), "list": []int{1, 2, 3}[:random.IntN(4)]}}
			path := pick("/", "/a", "/b", "/a/b", "/%61/%2F", "/a/b/c")
			body := map[string]any{"event": event, "method": pick("GET", "POST"), "path": path}
			if event["event"] == "invoke" {
				body["functionId"] = pick("f", "g")
			} else if random.IntN(2) == 0 {
				body["event"] = map[string]any{"http": map[string]any{"body": event["data"]}}
			}
			var got explained
			if err := json.Unmarshal([]byte(in.must(200, "POST", explain, encode(body)).body), &got); err != nil {
				t.Fatal(err)
			}
			seen := map[string]bool{}
			for _, m := range got.Matches {
				seen[m.SubscriptionID] = true
			}
			if want := servedTo(t, in, body); !slices.Equal(want, renderMatches(got)) {
				t.Fatalf("%s:\nexplained %v\nserved to %v", encode(body), renderMatches(got), want)
			}
			for _, o := range got.Others {
				if len(o.Reasons) == 0 || seen[o.SubscriptionID] {
					t.Fatalf("%s: %+v is among the others", encode(body), o)
				}
				seen[o.SubscriptionID] = true
			}
			if len(seen) != len(known) || len(got.Matches)+len(got.Others) != len(known) || got.Truncated {
				t.Fatalf("%s: %d of %d subscriptions, truncated: %t", encode(body), len(seen), len(known), got.Truncated)
			}
			matched, missed = matched+len(got.Matches), missed+len(got.Others)
			checkLimit(t, in, body, got)
		}
	}
	if matched == 0 || missed == 0 {
		t.Errorf("%d matched, %d missed", matched, missed)
	}
}

// servedTo returns what the table says that serves events.
func servedTo(t *testing.T, in *instance, body map[string]any) []string {
	ev, _, err := eventgateway.ParseDocument("event", []byte(encode(body["event"])), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	q := matcher.Query{Space: "a", Method: body["method"].(string), Path: body["path"].(string), Event: ev.Type}
	q.FunctionID, _ = body["functionId"].(string)
	if ev.HTTP != nil {
		ev.HTTP.Method = q.Method
		ev.HTTP.Path = strings.NewReplacer("%61", "a", "%2F", "/").Replace(q.Path)
	}
	q.Input = expression.NewInput(ev)
	var m matcher.Match
	in.view.Snapshot().Table.Find(&q, &m)
	list := []string{}
	add := func(target matcher.Target, answers bool) {
		params := map[string]string{}
		for _, p := range target.Params {
			params[p.Name] = p.Value
		}
		list = append(list, fmt.Sprint(target.Subscription.ID, target.Subscription.FunctionID, target.Subscription.Type, answers, params))
	}
	for _, target := range m.Async {
		add(target, false)
	}
	if m.Sync.Subscription != nil {
		add(m.Sync, true)
	}
	slices.Sort(list)
	return list
}

func renderMatches(e explained) []string {
	list := []string{}
	for _, m := range e.Matches {
		if m.Params == nil {
			m.Params = map[string]string{}
		}
		list = append(list, fmt.Sprint(m.SubscriptionID, m.FunctionID, m.Type, m.Answers, m.Params))
	}
	slices.Sort(list)
	return list
}

// checkLimit explains an event again with every limit: the nearest are the same, and fewest reasons come first.
func checkLimit(t *testing.T, in *instance, body map[string]any, all explained) {
	t.Helper()
	for i := range all.Others {
		if i > 0 && len(all.Others[i].Reasons) < len(all.Others[i-1].Reasons) {
			t.Fatalf("%s: %v comes after %v", encode(body), all.Others[i], all.Others[i-1])
		}
	}
	limit := 1 + len(all.Others)/2
	var got explained
	a := in.must(200, "POST", fmt.Sprintf("%s?limit=%d", explain, limit), encode(body))
	if err := json.Unmarshal([]byte(a.body), &got); err != nil {
		t.Fatal(err)
	}
	nearest := all.Others[:min(limit, len(all.Others))]
	if encode(got.Others) != encode(nearest) || got.Truncated != (len(nearest) < len(all.Others)) {
		t.Fatalf("%s: limit %d:\ngot  %v %t\nwant %v", encode(body), limit, got.Others, got.Truncated, nearest)
	}
}

// FuzzExplain explains anything. Whatever it is: the answer is JSON in the contract's form, and parts the subscriptions in two.
func FuzzExplain(f *testing.F) {
	for _, seed := range []string{
		`{"event":{"event":"order.placed","data":{"total":101}},"path":"/orders"}`,
		`{"event":{"http":{"path":"/users/7","headers":{"X-A":"b"},"body":[1]}},"method":"GET"}`,
		`{"event":{"specversion":"1.0","type":"e","source":"/","id":"1"},"path":"/%2F//"}`,
		`{"event":{"event":"invoke"},"functionId":"f"}`, `{"event":{"event":"\ud800"}}`, `{}`, `[`, "\xff",
	} {
		f.Add(seed)
	}
	subs := []*eventgateway.Subscription{
		subscribed("order.placed", "f", "/orders", filtered("data.total > 100")), subscribed("http", "f", "/users/:id"),
		subscribed("e", "f", "/*all", filtered("data.all(x, x.matches('^(a+)+$'))")), subscribed("invoke", "f", "/"),
		subscribed("e", "g", "/:a/b", func(s *eventgateway.Subscription) {
			s.Method, s.Pattern = "GET", []byte(`{"detail":{"n":[{"exists":false}]}}`)
		}),
	}
	f.Fuzz(func(t *testing.T, body string) {
		in := newInstance(t, newStore(t), static(nil, subs...))
		a := in.do("POST", explain, body)
		var got explained
		if err := json.Unmarshal([]byte(a.body), &got); err != nil {
			t.Fatalf("%d %q", a.Code, a.body)
		}
		switch a.Code {
		case 400, 413:
			if a.message() == "" {
				t.Fatalf("no message: %s", a.body)
			}
		case 200:
			seen := map[string]bool{}
			for _, m := range got.Matches {
				seen[m.SubscriptionID] = true
			}
			for _, o := range got.Others {
				seen[o.SubscriptionID] = true
				if len(o.Reasons) == 0 {
					t.Fatalf("no reasons: %s", a.body)
				}
			}
			if len(seen) != len(subs) || len(got.Matches)+len(got.Others) != len(subs) {
				t.Fatalf("%s", a.body)
			}
		default:
			t.Fatalf("%d %s", a.Code, a.body)
		}
	})
}
