package eventsapi_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/snapshot"
)

func filter(source string) func(*eventgateway.Subscription) {
	return func(s *eventgateway.Subscription) { s.Filter = source }
}

func TestFiltersOfCustomEvents(t *testing.T) {
	g := newGateway(t).function("f", same).function("g", same).function("h", same).function("s", says(`"answered"`)).
		subscribeAs(t, "async made POST / f", filter(`data.country == "DE"`)).
		subscribeAs(t, "async made POST / g", filter(`data.total > 100`)).
		subscribeAs(t, "async made POST / h", func(s *eventgateway.Subscription) {
			s.Pattern = json.RawMessage(`{"detail":{"country":["DE","AT"]}}`)
		}).
		subscribeAs(t, "sync made POST / s", filter(`event.source == "/shop"`))
	for _, test := range []struct {
		data   string
		source string
		status int
		queued string
	}{
		{`{"country":"DE","total":7}`, "/a", 202, "made → f h"},
		{`{"country":"AT","total":101}`, "/a", 202, "made → g h"},
		{`{"country":"CH","total":1}`, "/a", 202, ""},
		{`{"country":"CH","total":1000.5}`, "/shop", 200, "made → g"},
		{`{"country":"CH","total":1}`, "/shop", 200, ""},
	} {
		g.queue.items = nil
		res := g.send(request("POST", "/", test.data, "ce-specversion", "1.0", "ce-type", "made", "ce-source", test.source, "ce-id", "1",
			"Content-Type", "application/json"))
		if res.StatusCode != test.status || g.queued() != test.queued {
			t.Errorf("%s from %s: got %d and %q, want %d and %q", test.data, test.source, res.StatusCode, g.queued(), test.status, test.queued)
		}
	}
}

func TestFiltersOfABatch(t *testing.T) {
	g := newGateway(t).function("f", same).function("g", same).
		subscribeAs(t, "async made POST / f", filter(`data.n > 1`)).
		subscribeAs(t, "sync made POST / g", filter(`event.id == "1"`))
	event := func(id, n string) string {
		return `{"specversion":"1.0","type":"made","source":"/s","id":"` + id + `","data":{"n":` + n + `}}`
	}
	res := g.send(request("POST", "/", "["+event("1", "1")+","+event("2", "2")+","+event("3", "1")+"]",
		"Content-Type", "application/cloudevents-batch+json"))
	if got := g.queued(); res.StatusCode != 202 || got != "made → g; made → f" {
		t.Errorf("got %d and %q", res.StatusCode, got)
	}
}

// next reports what a site's next handler would get to read.
func next(t *testing.T, g *gateway, r *http.Request) (handled bool, body string) {
	t.Helper()
	w := httptest.NewRecorder()
	if g.Serve(w, r, "") {
		return true, w.Body.String()
	}
	left, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return false, string(left)
}

func TestFiltersOfHTTPEvents(t *testing.T) {
	g := newGateway(t).function("f", says(`{"body":"f"}`)).
		subscribeAs(t, "sync http POST /orders f", filter(`data.total > 100 && request.headers["x-tenant"] == "acme"`)).
		subscribeAs(t, "sync http GET /users/:id f", filter(`request.params.id.startsWith("a") && "full" in request.query`))
	for _, test := range []struct {
		method, path, body string
		tenant             string
		handled            bool
		left               string
	}{
		{"POST", "/orders", `{"total":101}`, "acme", true, "f"},
		{"POST", "/orders", `{"total":100}`, "acme", false, `{"total":100}`},
		{"POST", "/orders", `{"total":101}`, "other", false, `{"total":101}`},
		{"POST", "/orders", ``, "acme", false, ``},
		{"POST", "/other", `{"total":101}`, "acme", false, `{"total":101}`},
		{"GET", "/users/anna?full=1", ``, "", true, "f"},
		{"GET", "/users/anna", ``, "", false, ``},
		{"GET", "/users/ben?full=1", ``, "", false, ``},
	} {
		r := request(test.method, test.path, test.body, "Content-Type", "application/json", "X-Tenant", test.tenant)
		if handled, left := next(t, g, r); handled != test.handled || left != test.left {
			t.Errorf("%s %s %s: handled %v, left %q; want %v, %q", test.method, test.path, test.body, handled, left, test.handled, test.left)
		}
	}
}

// TestUnwantedBodiesCanBeReadAgain sends bodies of any size and framing over real connections past a filter.
func TestUnwantedBodiesCanBeReadAgain(t *testing.T) {
	g := newGateway(t).function("f", says(`{}`)).subscribeAs(t, "sync http POST / f", filter(`data == "wanted"`))
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !g.Serve(w, r, "") {
			io.Copy(w, r.Body)
		}
	}))
	defer s.Close()
	for _, body := range []string{"x", strings.Repeat("long ", 100_000)} {
		for _, chunked := range []bool{false, true} {
			var reader io.Reader = strings.NewReader(body)
			if chunked {
				reader = io.MultiReader(reader)
			}
			res, err := s.Client().Post(s.URL, "text/plain", reader)
			if err != nil {
				t.Fatal(err)
			}
			if got := bodyOf(t, res); got != body {
				t.Errorf("a body of %d bytes, chunked: %v: the next handler read %d", len(body), chunked, len(got))
			}
		}
	}
}

func TestFilteredBesideUnfiltered(t *testing.T) {
	g := newGateway(t).function("f", says(`{"body":"f"}`)).function("g", same).function("h", same).
		subscribeAs(t, "sync http POST / f", filter(`data.n == 1`)).
		subscribeAs(t, "async http POST / g", filter(`data.n == 2`)).
		subscribe(t, "async http POST / h")
	for _, test := range []struct {
		body   string
		status int
		queued string
	}{
		{`{"n":1}`, 200, "http → h"}, {`{"n":2}`, 202, "http → g h"}, {`{"n":3}`, 202, "http → h"},
	} {
		g.queue.items = nil
		res := g.send(request("POST", "/", test.body, "Content-Type", "application/json"))
		if res.StatusCode != test.status || g.queued() != test.queued {
			t.Errorf("%s: got %d and %q, want %d and %q", test.body, res.StatusCode, g.queued(), test.status, test.queued)
		}
	}
}

func TestFilterOfInvoke(t *testing.T) {
	g := newGateway(t).function("f", same).subscribeAs(t, "sync invoke POST / f", filter(`data.ok`))
	send := func(body string) *http.Response {
		return g.send(request("POST", "/", body, "Event", "invoke", "Function-ID", "f", "Content-Type", "application/json"))
	}
	if res := send(`{"ok":true}`); res.StatusCode != 200 {
		t.Errorf("got %d %s", res.StatusCode, bodyOf(t, res))
	}
	expectError(t, send(`{"ok":false}`), 404, `function "f" cannot be invoked with POST "/"`)
}

// TestOrderingKeysThatFail checks that an event goes without order where its key cannot be evaluated, which is told.
func TestOrderingKeysThatFail(t *testing.T) {
	ordered := func(s *eventgateway.Subscription) {
		s.Delivery = &eventgateway.Delivery{OrderingKey: `{"k": "key"}[data.secret]`}
	}
	g := newGateway(t).function("f", same).subscribeAs(t, "async made POST / f", ordered)
	g.Logger = slog.New(slog.NewTextHandler(&lockedWriter{w: g.log}, &slog.HandlerOptions{Level: slog.LevelDebug}))
	for _, test := range []struct {
		secret string
		told   int
	}{{"k", 0}, {"s3cret", 1}} {
		res := g.send(request("POST", "/", `{"secret":"`+test.secret+`"}`, "Event", "made", "Content-Type", "application/json"))
		if told := g.told(); res.StatusCode != 202 || g.queued() == "" || strings.Count(told, "ordering key failed default ") != test.told {
			t.Errorf("%s: got %d, the observer was told %q", test.secret, res.StatusCode, told)
		}
	}
	if log := g.log.String(); strings.Contains(log, "s3cret") || !strings.Contains(log, `error="delivery.orderingKey: no such key"`) {
		t.Errorf("the log is %s", log)
	}
}

// TestFiltersFailClosed checks that a filter that cannot be evaluated does not match, is counted and leaves no data behind.
func TestFiltersFailClosed(t *testing.T) {
	g := newGateway(t).function("f", same).function("g", same).
		subscribeAs(t, "async made POST / f", filter(`data.missing.deeper + 1 == 2`)).
		subscribeAs(t, "async made POST / g", filter(`{"a": true}[data.secret]`))
	g.Logger = slog.New(slog.NewTextHandler(&lockedWriter{w: g.log}, &slog.HandlerOptions{Level: slog.LevelDebug}))
	res := g.send(request("POST", "/", `{"secret":"s3cret"}`, "Event", "made", "Content-Type", "application/json"))
	if res.StatusCode != 202 || g.queued() != "" {
		t.Errorf("got %d and %q", res.StatusCode, g.queued())
	}
	told := g.told()
	if strings.Count(told, "filter failed default ") != 2 || !strings.Contains(told, "received  made") {
		t.Errorf("the observer was told %q", told)
	}
	if log := g.log.String(); strings.Contains(log, "s3cret") || !strings.Contains(log, `error="no such key: missing"`) {
		t.Errorf("the log is %s", log)
	}
}

func TestPreflightOfAFilteredSubscription(t *testing.T) {
	g := newGateway(t).function("f", says(`{}`)).subscribeAs(t, "sync http POST / f", func(s *eventgateway.Subscription) {
		s.Filter, s.CORS = `data.n == 1`, &eventgateway.CORS{Origins: []string{"https://a.example"}}
	})
	res := g.send(request("OPTIONS", "/", "", "Origin", "https://a.example", "Access-Control-Request-Method", "POST"))
	if got := res.Header.Get("Access-Control-Allow-Origin"); res.StatusCode != 204 || got != "https://a.example" {
		t.Errorf("the preflight got %d and %q", res.StatusCode, got)
	}
	for body, want := range map[string]string{`{"n":1}`: "https://a.example", `{"n":2}`: ""} {
		res = g.send(request("POST", "/", body, "Origin", "https://a.example", "Content-Type", "application/json"))
		if got := res.Header.Get("Access-Control-Allow-Origin"); got != want {
			t.Errorf("%s got %q, want %q", body, got, want)
		}
	}
}

func TestLimitsBeforeAFilter(t *testing.T) {
	g := newGateway(t).function("f", says(`{}`)).subscribeAs(t, "sync http POST / f", filter(`data.n == 1`))
	g.MaxBody = 10
	expectError(t, g.send(request("POST", "/", strings.Repeat("x", 11))), 413, "body: too large")
	expectError(t, g.send(request("POST", "/", `{`, "Content-Type", "application/json")), 400, "body: not valid JSON")
	g.change(func(s *snapshot.Snapshot) { s.Loaded = false })
	expectError(t, g.send(request("POST", "/", `{"n":2}`, "Content-Type", "application/json")), 503, "not loaded")
	if res := g.send(request("POST", "/", `{"n":1}`, "Content-Type", "application/json")); res.StatusCode != 200 {
		t.Errorf("got %d %s", res.StatusCode, bodyOf(t, res))
	}
}
