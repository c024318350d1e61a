package eventsapi_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/delivery"
	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/snapshot"
)

const jsonType = "application/json"

func TestCustomEventWithoutSubscribersIsAccepted(t *testing.T) {
	g := newGateway(t)
	res := g.send(request("POST", "/", `{"name":"Max"}`, "Event", "user.created", "Content-Type", jsonType))
	if body := bodyOf(t, res); res.StatusCode != http.StatusAccepted || body != "" || g.queue.puts != 0 {
		t.Errorf("got %d %q with %d puts, want an empty 202 and none", res.StatusCode, body, g.queue.puts)
	}
	if id := res.Header.Get("Event-Gateway-Event-Id"); len(id) != 36 {
		t.Errorf("the answer names event %q, want a UUID", id)
	}
	if told := g.told(); told != "received  user.created" {
		t.Errorf("the observer was told %q", told)
	}
}

func TestCustomEventGoesToAllAsyncSubscribers(t *testing.T) {
	g := newGateway(t).
		subscribe(t, "async user.created POST /team/:id a").
		subscribe(t, "async user.created POST /team/:id b").
		subscribe(t, "async user.created POST /other c").
		subscribe(t, "async user.deleted POST /team/:id d").
		subscribe(t, "async user.created PUT /team/:id e")
	res := g.send(request("POST", "/team/7", `{"name":"Max"}`, "Event", "user.created", "Content-Type", jsonType))
	if res.StatusCode != http.StatusAccepted || g.queued() != "user.created → a b" || g.queue.puts != 1 {
		t.Fatalf("got %d, queued %q in %d puts", res.StatusCode, g.queued(), g.queue.puts)
	}
	item := g.queue.items[0]
	if got := item.Event; string(got.Data) != `{"name":"Max"}` || got.DataType != jsonType ||
		got.ID != res.Header.Get("Event-Gateway-Event-Id") {
		t.Errorf("queued %+v", got)
	}
	if params := item.Targets[0].Params; len(params) != 1 || params[0] != (eventgateway.PathParam{Name: "id", Value: "7"}) {
		t.Errorf("queued with parameters %v", params)
	}
	if told := g.told(); told != "received default user.created" {
		t.Errorf("the observer was told %q", told)
	}
}

func TestEventThatCannotBeQueuedIsRefused(t *testing.T) {
	for _, test := range []struct {
		err          error
		status       int
		want, reason string
	}{
		{delivery.ErrFull, 503, "the queue is full", "queue_full"},
		{delivery.ErrDraining, 503, "shutting down", "draining"},
		{delivery.ErrTooLarge, 413, "larger than the queue can take", "too_large"},
		{delivery.ErrUnavailable, 503, "the queue is out of reach", "queue_unavailable"},
		{fmt.Errorf("broker-7: %w", delivery.ErrFull), 503, "the queue is full; try again later", "queue_full"},
		{fmt.Errorf("broker-7: %w", delivery.ErrDraining), 503, "is shutting down; try again later", "draining"},
		{fmt.Errorf("broker-7: %w", delivery.ErrTooLarge), 413, "was not accepted: it is larger", "too_large"},
		{fmt.Errorf("broker-7: %w", delivery.ErrUnavailable), 503, "out of reach; try again later", "queue_unavailable"},
		{errors.New("disk of broker-7 on fire"), 503, "the queue failed", "queue_failed"},
	} {
		called := false
		g := newGateway(t).
			function("sync", func(context.Context, *providers.Call) (*providers.Result, error) {
				called = true
				return &providers.Result{}, nil
			}).
			subscribe(t, "async user.created POST / a").
			subscribe(t, "sync user.created POST / sync")
		g.queue.err = test.err
		res := g.send(request("POST", "/", "", "Event", "user.created"))
		expectError(t, res, test.status, test.want)
		if called {
			t.Errorf("%v: the sync function was called for an event that was refused", test.err)
		}
		if told := g.told(); told != "received default user.created; refused default user.created "+test.reason {
			t.Errorf("the observer was told %q", told)
		}
	}
}

// TestSenderThatGoesAwayWhileQueueing cancels a request while the queue has its event: what it has taken is accepted, and
// where it has not, there is nobody to tell.
func TestSenderThatGoesAwayWhileQueueing(t *testing.T) {
	for _, test := range []struct {
		err    error
		status int
		told   string
	}{
		{nil, 202, "received default e"},
		{delivery.ErrUnavailable, 499, "received default e; refused default e canceled"},
		{context.Canceled, 499, "received default e; refused default e canceled"},
		{delivery.ErrFull, 503, "received default e; refused default e queue_full"},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		g := newGateway(t).subscribe(t, "async e POST / f")
		g.queue.err = test.err
		g.queue.during = func(given context.Context) {
			cancel()
			if given.Err() == nil {
				t.Error("the queue was not given the request's context")
			}
		}
		res := g.send(request("POST", "/", "", "Event", "e").WithContext(ctx))
		if told := g.told(); res.StatusCode != test.status || told != test.told {
			t.Errorf("%v: got %d, and the observer was told %q", test.err, res.StatusCode, told)
		}
		if test.err == nil && g.queued() != "e → f" {
			t.Errorf("queued %q", g.queued())
		}
		if log := g.log.String(); log != "" {
			t.Errorf("%v: the log has %s", test.err, log)
		}
	}
}

func TestSyncSubscriberAnswersACustomEvent(t *testing.T) {
	var g *gateway
	g = newGateway(t).
		function("price", func(_ context.Context, call *providers.Call) (*providers.Result, error) {
			if g.queued() != "price.asked → audit" {
				t.Errorf("when the sync function is called, queued is %q", g.queued())
			}
			return &providers.Result{Body: []byte(`{"price":7}`), ContentType: "application/vnd.price+json"}, nil
		}).
		subscribe(t, "sync price.asked POST / price").
		subscribe(t, "async price.asked POST / audit")
	res := g.send(request("POST", "/", `{}`, "Event", "price.asked", "Content-Type", jsonType))
	if body := bodyOf(t, res); res.StatusCode != http.StatusOK || body != `{"price":7}` ||
		res.Header.Get("Content-Type") != "application/vnd.price+json" {
		t.Errorf("got %d %q %v", res.StatusCode, body, res.Header)
	}
	if told := g.told(); told != "received default price.asked; invoked price ; processed default price.asked" {
		t.Errorf("the observer was told %q", told)
	}
}

func TestHTTPEventIsAnsweredByItsFunction(t *testing.T) {
	g := newGateway(t).
		function("users", says(`{"statusCode":201,"headers":{"X-A":"b"},"body":"<p>hi</p>"}`)).
		subscribe(t, "sync http GET /users/:id users").
		subscribe(t, "async http.request GET /users/:id audit")
	res := g.send(request("GET", "/users/7?q=1", ""))
	if body := bodyOf(t, res); res.StatusCode != 201 || body != "<p>hi</p>" || res.Header.Get("X-A") != "b" {
		t.Errorf("got %d %q %v", res.StatusCode, body, res.Header)
	}
	if g.queued() != "http → audit" {
		t.Errorf("queued %q", g.queued())
	}
	if told := g.told(); told != "received default http; invoked users ; processed default http" {
		t.Errorf("the observer was told %q", told)
	}
}

func TestHTTPEventWithAsyncSubscribersAloneIsAccepted(t *testing.T) {
	g := newGateway(t).subscribe(t, "async http POST /hook a")
	res := g.send(request("POST", "/hook", "x=1", "Content-Type", "application/x-www-form-urlencoded"))
	if res.StatusCode != http.StatusAccepted || g.queued() != "http → a" {
		t.Errorf("got %d, queued %q", res.StatusCode, g.queued())
	}
}

func TestHTTPEventWithoutSubscriptionIsLeftUntouched(t *testing.T) {
	g := newGateway(t).subscribe(t, "sync http POST /users users")
	for _, r := range []*http.Request{
		request("POST", "/other", "{broken", "Content-Type", jsonType),
		request("PUT", "/users", "x", "Content-Type", "nonsense"),
		request("POST", "/other", "x", "Space", "not a space"),
		request("POST", "/other", "x", "Event", "http"),
	} {
		res := g.send(r)
		if res.Header.Get("Unhandled") == "" {
			t.Errorf("%s %s was handled", r.Method, r.URL)
		}
		expectError(t, res, http.StatusNotFound, `no http subscription wants `+r.Method+` "`+r.URL.Path+`"`)
		if left := make([]byte, 1); r.Body != nil {
			if n, _ := r.Body.Read(left); n != 1 {
				t.Errorf("%s %s: the body was touched", r.Method, r.URL)
			}
		}
		if told := g.told(); told != "" {
			t.Errorf("the observer was told %q", told)
		}
	}
}

func TestInvoke(t *testing.T) {
	g := newGateway(t).
		function("one", same).function("two", says("plain")).
		subscribe(t, "sync invoke POST / one").
		subscribe(t, "sync invoke POST / two").
		subscribe(t, "sync invoke POST /there gone")
	invoke := func(path, id string) *http.Response {
		return g.send(request("POST", path, `{"a":1}`, "event", "invoke", "function-id", id, "content-type", jsonType))
	}
	res := invoke("/", "one")
	body := bodyOf(t, res)
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != jsonType ||
		!strings.HasPrefix(body, `{"event":"invoke","id":"`) ||
		!strings.HasSuffix(body, `,"data":{"a":1},"dataType":"application/json"}`) {
		t.Errorf("one: got %d %q %v", res.StatusCode, body, res.Header)
	}
	res = invoke("/", "two")
	if body := bodyOf(t, res); body != "plain" || res.Header.Get("Content-Type") != "application/octet-stream" {
		t.Errorf("two: got %d %q %v", res.StatusCode, body, res.Header)
	}
	g.told()
	expectError(t, invoke("/there", "one"), http.StatusNotFound,
		`function "one" cannot be invoked with POST "/there": want a subscription`)
	if told := g.told(); told != "refused  invoke not_found" {
		t.Errorf("the observer was told %q", told)
	}
	expectError(t, invoke("/there", "gone"), http.StatusBadGateway, `function "gone" did not answer: it is gone`)
	expectError(t, g.send(request("POST", "/", "", "Event", "invoke")), http.StatusBadRequest, "Function-ID: missing")
	expectError(t, invoke("/", "a b"), http.StatusBadRequest, `Function-ID: "a b" is not accepted`)
	expectError(t, g.send(request("GET", "/", "", "Event", "invoke", "Function-ID", "one")), http.StatusNotFound,
		"cannot be invoked")
	expectError(t, g.send(request("POST", "/", "{", "Event", "invoke", "Function-ID", "one", "Content-Type", jsonType)),
		http.StatusBadRequest, "body: not valid JSON")
}

func TestSyncFunctionThatDoesNotAnswer(t *testing.T) {
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, test := range []struct {
		name   string
		run    script
		status int
		want   string
	}{
		{"reports an error", failsWith(providers.Errorf(providers.FunctionFailed, "status 500")), 502, "did not answer: status 500"},
		{"cannot be reached", failsWith(providers.Errorf(providers.Unreachable, "no connection")), 502, "no connection"},
		{"is throttled", failsWith(providers.Errorf(providers.Throttled, "too many")), 502, "too many"},
		{"breaks off", failsWith(providers.Errorf(providers.BadAnswer, "broken off")), 502, "broken off"},
		{"times out", failsWith(providers.Errorf(providers.TimedOut, "30s are over")), 504, "30s are over"},
		{"fails without saying why", failsWith(errors.New("http://user:password@host")), 502, "a reason the provider did not explain"},
		{"panics", func(context.Context, *providers.Call) (*providers.Result, error) { panic("boo") }, 502, "panicked"},
		{"answers nonsense", says("secret nonsense"), 502, "its answer cannot be used: answer: not valid JSON"},
		{"answers too much", says(strings.Repeat("x", 1<<20+1)), 502, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := newGateway(t).function("f", test.run).subscribe(t, "sync http GET /f f").subscribe(t, "sync invoke POST /f f")
			res := g.send(request("GET", "/f", ""))
			expectError(t, res, test.status, test.want)
			for _, secret := range []string{"password", "secret", "boo"} {
				if strings.Contains(g.log.String(), secret) {
					t.Errorf("the log holds %q: %s", secret, g.log)
				}
			}
			if told := g.told(); strings.Contains(told, "processed") {
				t.Errorf("the observer was told %q", told)
			}
		})
	}
	t.Run("is gone", func(t *testing.T) {
		g := newGateway(t).subscribe(t, "sync http GET /f f")
		expectError(t, g.send(request("GET", "/f", "")), 502, `function "f" did not answer: it is gone`)
	})
	t.Run("has no sender any more", func(t *testing.T) {
		g := newGateway(t).function("f", failsWith(context.Canceled)).subscribe(t, "sync http GET /f f")
		if res := g.send(request("GET", "/f", "").WithContext(canceled)); res.StatusCode != 499 || bodyOf(t, res) != "" {
			t.Errorf("got %d, want nothing but the status for the access log", res.StatusCode)
		}
	})
}

// TestFunctionChangedUnderARequest closes the handle a request has looked up, as a PUT of the function does.
func TestFunctionChangedUnderARequest(t *testing.T) {
	key := eventgateway.FunctionKey{Space: "default", ID: "f"}
	g := newGateway(t).function("f", says(`{"body":"old"}`)).subscribe(t, "sync http GET /f f")
	old := g.snapshot.Load()
	handle, _ := old.Functions.Get(key)
	handle.Close()
	expectError(t, g.send(request("GET", "/f", "")), 502, "changed or deleted just now")

	g.function("f", says(`{"body":"new"}`))
	first := true
	g.Snapshot = func() *snapshot.Snapshot {
		if first {
			first = false
			return old
		}
		return g.snapshot.Load()
	}
	if res := g.send(request("GET", "/f", "")); res.StatusCode != 200 || bodyOf(t, res) != "new" {
		t.Errorf("got %d, want the answer of the function as it is now", res.StatusCode)
	}
}
