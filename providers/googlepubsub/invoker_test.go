package googlepubsub

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/googleaccount/googletest"
)

func open(t *testing.T, p *Provider) *invoker {
	t.Helper()
	if err := p.Validate(); err != nil {
		t.Fatal(err)
	}
	f, err := p.Open(providers.Env{Logger: slog.New(slog.DiscardHandler), MaxResponse: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.(*invoker).Close() })
	return f.(*invoker)
}

func call(payload string) *providers.Call {
	return &providers.Call{
		Payload: []byte(payload), ContentType: "application/json", Event: &eventgateway.Event{Type: "order.placed", ID: "7"},
	}
}

func TestMessage(t *testing.T) {
	orders := &topic{open: true}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if err := orders.take(w, r, body); err != nil {
			t.Error(err)
		}
	}))
	defer server.Close()
	custom, fromCloud, binary, large := call("\x00<&>"), call(""), call("x"), call("y")
	fromCloud.Event = &eventgateway.Event{Type: "t", ID: "8", CloudEvent: &eventgateway.CloudEventAttributes{Source: "/shop"}}
	fromCloud.ContentType = "application/cloudevents+json"
	binary.Header = http.Header{"Ce-Id": {"9"}, "Ce-Type": {"t"}, "Ce-Source": {"/shop"}, "Ce-Specversion": {"1.0"}, "X-Tenant": {"a", "b"}}
	large.Header = http.Header{"Tracestate": {strings.Repeat("x", 1025)}, "Event-Gateway-Cause": {strings.Repeat("x", 1025)}, "Event-Gateway-Depth": {"1"}}
	f := open(t, &Provider{Topic: testTopic, Endpoint: server.URL})
	for i, test := range []struct {
		call *providers.Call
		data string
		want map[string]string
	}{
		{custom, "\x00<&>", map[string]string{"content-type": "application/json", "event-type": "order.placed", "event-id": "7"}},
		{fromCloud, "", map[string]string{"content-type": "application/cloudevents+json", "event-type": "t", "event-id": "8", "event-source": "/shop"}},
		{binary, "x", map[string]string{
			"content-type": "application/json", "ce-id": "9", "ce-type": "t", "ce-source": "/shop", "ce-specversion": "1.0", "x-tenant": "a, b",
		}},
		{large, "y", map[string]string{"content-type": "application/json", "event-type": "order.placed", "event-id": "7", "event-gateway-depth": "1"}},
	} {
		result, err := f.Invoke(t.Context(), test.call)
		if want := `{"messageIds":["` + strconv.Itoa(i+1) + `"]}`; err != nil || string(result.Body) != want || result.ContentType != "application/json" {
			t.Fatalf("got %v, error %v, want %s", result, err, want)
		}
		got := orders.requests[i][0]
		if string(got.Data) != test.data || !maps.Equal(got.Attributes, test.want) || got.OrderingKey != "" {
			t.Errorf("got %+v, want %q with %v", got, test.data, test.want)
		}
	}
}

func TestUnfitEvents(t *testing.T) {
	f := open(t, &Provider{Topic: testTopic, Endpoint: "http://127.0.0.1:1", OrderingKey: "id"})
	long, many, reserved, key := call("x"), call("x"), call("x"), call("x")
	long.Header = http.Header{"Ce-Type": {"t"}, "Ce-Subject": {strings.Repeat("s", 1025)}}
	many.Header = http.Header{}
	for i := range 100 {
		many.Header.Set("X-"+strconv.Itoa(i), "1")
	}
	reserved.Header = http.Header{"Google-Thing": {"1"}}
	key.Key = strings.Repeat("k", 1025)
	for name, call := range map[string]*providers.Call{"long attribute": long, "many attributes": many, "reserved name": reserved, "long key": key} {
		_, err := f.Invoke(t.Context(), call)
		var e *providers.Error
		if !errors.As(err, &e) || e.Failure != providers.FunctionFailed || !e.Permanent || strings.Contains(e.Message, "sss") {
			t.Errorf("%s: got %+v", name, err)
		}
	}
}

// holding is a topic whose first request waits until it is released.
func holding(t *testing.T) (orders *topic, url string, arrived chan struct{}, release func()) {
	t.Helper()
	orders = &topic{open: true}
	arrived, hold := make(chan struct{}, 1000), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		arrived <- struct{}{}
		<-hold
		if err := orders.take(w, r, body); err != nil {
			t.Error(err)
		}
	}))
	release = sync.OnceFunc(func() { close(hold) })
	t.Cleanup(func() {
		release()
		server.Close()
	})
	return orders, server.URL, arrived, release
}

func TestConcurrentEventsGoTogether(t *testing.T) {
	orders, url, arrived, release := holding(t)
	f := open(t, &Provider{Topic: testTopic, Endpoint: url})
	const calls = 300
	var mu sync.Mutex
	ids := make(map[string]int)
	var all sync.WaitGroup
	for i := range calls {
		all.Go(func() {
			result, err := f.Invoke(t.Context(), call(strconv.Itoa(i)))
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			ids[string(result.Body)] = i
		})
		if i == 0 {
			<-arrived // the others find a request in flight
		}
	}
	release()
	all.Wait()
	if len(ids) != calls {
		t.Errorf("%d answers for %d calls", len(ids), calls)
	}
	if len(orders.requests) >= calls {
		t.Errorf("%d events took %d requests", calls, len(orders.requests))
	}
	serial := 0
	for _, request := range orders.requests {
		for _, m := range request {
			serial++
			answer := `{"messageIds":["` + strconv.Itoa(serial) + `"]}`
			if got := strconv.Itoa(ids[answer]); got != string(m.Data) {
				t.Errorf("the call of %s was told %s, of %s", got, answer, m.Data)
			}
		}
	}
}

// Events of one key go one after the other, those of others beside them.
func TestOrderingKeys(t *testing.T) {
	orders, url, arrived, release := holding(t)
	f := open(t, &Provider{Topic: testTopic, Endpoint: url, OrderingKey: "data.customer"})
	var all sync.WaitGroup
	invoke := func(data, key string) {
		c := call(data)
		c.Key = key
		all.Go(func() {
			if _, err := f.Invoke(t.Context(), c); err != nil {
				t.Error(err)
			}
		})
	}
	invoke("a1", "a")
	<-arrived
	invoke("a2", "a")
	invoke("b1", "b")
	<-arrived // b1 goes while a1 is in flight
	release()
	all.Wait()
	var keys []string
	last := make(map[string]string)
	for _, request := range orders.requests {
		if len(request) != 1 {
			t.Fatalf("got a request of %d", len(request))
		}
		m := request[0]
		if string(m.Data) < last[m.OrderingKey] {
			t.Errorf("%s came after %s", m.Data, last[m.OrderingKey])
		}
		last[m.OrderingKey] = string(m.Data)
		keys = append(keys, m.OrderingKey)
	}
	if len(keys) != 3 || last["a"] != "a2" || last["b"] != "b1" {
		t.Errorf("got %q, last %v", keys, last)
	}
}

// One event that Pub/Sub does not take costs those beside it nothing.
func TestOneUnfitAmongMany(t *testing.T) {
	orders := &topic{open: true}
	arrived, hold := make(chan struct{}, 1000), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		arrived <- struct{}{}
		<-hold
		if strings.Contains(string(body), "YmFk") { // bad
			refuse(w, http.StatusBadRequest, "INVALID_ARGUMENT", "s3cret")
			return
		}
		if err := orders.take(w, r, body); err != nil {
			t.Error(err)
		}
	}))
	defer server.Close()
	f := open(t, &Provider{Topic: testTopic, Endpoint: server.URL})
	var all sync.WaitGroup
	for i, data := range []string{"one", "bad", "two", "three"} {
		all.Go(func() {
			_, err := f.Invoke(t.Context(), call(data))
			var e *providers.Error
			if data == "bad" && (!errors.As(err, &e) || !e.Permanent) || data != "bad" && err != nil {
				t.Errorf("%s: got error %v", data, err)
			}
		})
		if i == 0 {
			<-arrived
		}
	}
	close(hold)
	all.Wait()
	if orders.taken != 3 {
		t.Errorf("%d were taken", orders.taken)
	}
}

func TestFailures(t *testing.T) {
	google := googletest.Start(t)
	const echoed = "text-of-google"
	var code int
	var body, after string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if after != "" {
			w.Header().Set("Retry-After", after)
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}))
	defer server.Close()
	authorized := open(t, &Provider{Topic: testTopic, Endpoint: server.URL, Credentials: google.ServiceAccount()})
	emulator := open(t, &Provider{Topic: testTopic, Endpoint: server.URL})
	said := func(status, details string) string {
		text, _ := json.Marshal(map[string]any{"error": map[string]any{
			"status": status, "message": echoed, "details": json.RawMessage(`[` + details + `]`),
		}})
		return string(text)
	}
	const retry = `{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"3.5s"}`
	for name, test := range map[string]struct {
		f         *invoker
		code      int
		body      string
		after     string
		failure   providers.Failure
		permanent bool
		wait      time.Duration
		message   string
	}{
		"event":                  {authorized, 400, said("INVALID_ARGUMENT", ""), "", providers.FunctionFailed, true, 0, "does not take the event"},
		"topic's state":          {authorized, 400, said("FAILED_PRECONDITION", ""), "", providers.Unreachable, false, 0, "the state of " + testTopic},
		"token":                  {authorized, 401, said("UNAUTHENTICATED", ""), "", providers.Unreachable, false, 0, "check provider.credentials"},
		"no token":               {emulator, 401, said("UNAUTHENTICATED", ""), "", providers.Unreachable, false, 0, "set provider.credentials"},
		"permission":             {authorized, 403, said("PERMISSION_DENIED", ""), "", providers.Unreachable, false, 0, "roles/pubsub.publisher) on " + testTopic},
		"topic":                  {authorized, 404, said("NOT_FOUND", ""), "", providers.Unreachable, false, 0, "there is no topic " + testTopic},
		"quota":                  {authorized, 429, said("RESOURCE_EXHAUSTED", retry), "", providers.Throttled, false, 3500 * time.Millisecond, "throttles"},
		"quota, header":          {authorized, 429, said("RESOURCE_EXHAUSTED", ""), "7", providers.Throttled, false, 7 * time.Second, "throttles"},
		"unavailable":            {authorized, 503, said("UNAVAILABLE", ""), "", providers.Unreachable, false, 0, "not available"},
		"unavailable, for a bit": {authorized, 503, said("UNAVAILABLE", retry), "", providers.Throttled, false, 3500 * time.Millisecond, "not available"},
		"internal":               {authorized, 500, said("INTERNAL", ""), "", providers.Unreachable, false, 0, "could not publish: INTERNAL"},
		"another status":         {authorized, 500, said(echoed, ""), "", providers.Unreachable, false, 0, "status 500"},
		"no JSON":                {authorized, 404, echoed, "", providers.Unreachable, false, 0, "there is no topic"},
		"too large":              {authorized, 413, echoed, "", providers.FunctionFailed, true, 0, "too large"},
		"redirect":               {authorized, 302, echoed, "", providers.Unreachable, false, 0, "status 302"},
		"large refusal":          {authorized, 403, strings.Repeat("x", 1<<20), "", providers.Unreachable, false, 0, "roles/pubsub.publisher"},
		"no ids":                 {authorized, 200, `{}`, "", providers.BadAnswer, false, 0, "does not say what became"},
		"too many ids":           {authorized, 200, `{"messageIds":["1","2"]}`, "", providers.BadAnswer, false, 0, "does not say what became"},
		"nonsense":               {authorized, 200, echoed, "", providers.BadAnswer, false, 0, "does not say what became"},
	} {
		t.Run(name, func(t *testing.T) {
			code, body, after = test.code, test.body, test.after
			_, err := test.f.Invoke(t.Context(), call("x"))
			var e *providers.Error
			if !errors.As(err, &e) || e.Failure != test.failure || e.Permanent != test.permanent || e.RetryAfter != test.wait ||
				!strings.Contains(e.Message, test.message) || strings.Contains(e.Message, echoed) {
				t.Errorf("got %+v", err)
			}
		})
	}
}

// The server's own token goes to Google alone.
func TestWhoGetsATokenOfTheServer(t *testing.T) {
	for endpoint, want := range map[string]bool{
		"":                                       true,
		"https://us-east1-pubsub.googleapis.com": true,
		"https://googleapis.com.evil.example":    false,
		"https://evilgoogleapis.com":             false,
		"http://pubsub.googleapis.com":           false,
		"http://localhost:8085":                  false,
		"https://pubsub.example.com":             false,
	} {
		if f := open(t, &Provider{Topic: testTopic, Endpoint: endpoint}); (f.tokens != nil) != want {
			t.Errorf("%q: a token is sent: %t", endpoint, f.tokens != nil)
		}
	}
}
