package eventsapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
)

// asked is an authorizer that counts how often it is called, and keeps what it got.
type asked struct {
	calls    atomic.Int64
	mu       sync.Mutex
	payloads []string
	header   http.Header
	answer   func(call *providers.Call) (*providers.Result, error)
}

// granting returns an authorizer that grants, with members that are added to the authorization.
func granting(more string) *asked {
	body := `{"authorization":{"principalId":"max","context":{"plan":"free"}` + more + `}}`
	return &asked{answer: func(*providers.Call) (*providers.Result, error) { return &providers.Result{Body: []byte(body)}, nil }}
}

// answering returns an authorizer that gives always the same answer.
func answering(body string) *asked {
	return &asked{answer: func(*providers.Call) (*providers.Result, error) { return &providers.Result{Body: []byte(body)}, nil }}
}

func (a *asked) invoke(_ context.Context, call *providers.Call) (*providers.Result, error) {
	a.calls.Add(1)
	a.mu.Lock()
	a.payloads = append(a.payloads, string(call.Payload))
	a.header = call.Header
	a.mu.Unlock()
	return a.answer(call)
}

// authorized returns a gateway whose event types e, http and invoke of the default space have an authorizer.
func authorized(t testing.TB, a *asked) *gateway {
	g := newGateway(t).function("f", same).function("h", echo).function("auth", a.invoke).
		subscribe(t, "async e POST / f").subscribe(t, "sync e POST /sync f").subscribe(t, "sync http POST /http/:id h").
		subscribe(t, "sync invoke POST / f")
	for _, name := range []string{"e", "http", "invoke"} {
		g.eventType(t, name, authorizedBy("auth"))
	}
	return g
}

// sent are events in every form, which an authorizer decides about.
func sent() map[string]*http.Request {
	return map[string]*http.Request{
		"custom":      request("POST", "/", `{"a":1}`, "Event", "e", "Content-Type", jsonType),
		"custom sync": request("POST", "/sync", `{"a":1}`, "Event", "e", "Content-Type", jsonType),
		"structured":  request("POST", "/", structured("e"), "Content-Type", cloudEvents),
		"binary":      request("POST", "/", `{"a":1}`, "ce-specversion", "1.0", "ce-id", "1", "ce-source", "/s", "ce-type", "e", "Content-Type", jsonType),
		"http":        request("POST", "/http/7?q=1", `{"a":1}`, "Content-Type", jsonType),
		"invoke":      request("POST", "/", `{"a":1}`, "Event", "invoke", "Function-ID", "f", "Content-Type", jsonType),
		"batch":       request("POST", "/", "["+structured("e")+","+structured("other")+"]", "Content-Type", batchType),
	}
}

// TestAuthorizerGrants checks what an authorizer gets, and that what it grants goes along.
func TestAuthorizerGrants(t *testing.T) {
	for name, r := range sent() {
		t.Run(name, func(t *testing.T) {
			a := granting("")
			g := authorized(t, a)
			res := g.send(r)
			if body := bodyOf(t, res); res.StatusCode >= 300 {
				t.Fatalf("got %d %s", res.StatusCode, body)
			} else if res.StatusCode == 200 && !strings.Contains(body, `"eventgateway":{"authorization":{"principalId":"max","context":{"plan":"free"}}}`) {
				t.Errorf("the function got %s", body)
			}
			if a.calls.Load() != 1 {
				t.Fatalf("asked %d times", a.calls.Load())
			}
			var payload map[string]json.RawMessage
			if err := json.Unmarshal([]byte(a.payloads[0]), &payload); err != nil || len(payload) != 2 {
				t.Fatalf("payload %s: %v", a.payloads[0], err)
			}
			var ev struct {
				Event string
				ID    string
				Data  json.RawMessage
			}
			var of struct {
				Path, Method, Host string
				Headers            map[string]string
				Query              map[string][]string
				Params             map[string]string
				Body               json.RawMessage
			}
			if json.Unmarshal(payload["event"], &ev) != nil || json.Unmarshal(payload["request"], &of) != nil || ev.ID == "" {
				t.Fatalf("payload %s", a.payloads[0])
			}
			if of.Path != r.URL.Path || of.Method != "POST" || of.Host != "example.com" || of.Headers["Content-Type"] != r.Header.Get("Content-Type") {
				t.Errorf("request %s", payload["request"])
			}
			switch name {
			case "http":
				if string(payload["request"]) != string(ev.Data) || of.Params["id"] != "7" || of.Query["q"][0] != "1" {
					t.Errorf("payload %s", a.payloads[0])
				}
			case "batch":
				if string(of.Body) != "null" || string(ev.Data) != `{"a":1}` {
					t.Errorf("payload %s", a.payloads[0])
				}
			case "structured":
				if string(of.Body) != structured("e") {
					t.Errorf("body %s", of.Body)
				}
			default:
				if string(of.Body) != `{"a":1}` || string(ev.Data) != `{"a":1}` {
					t.Errorf("payload %s", a.payloads[0])
				}
			}
			for _, item := range g.queue.items {
				if got := string(item.Event.Authorization); got != `{"principalId":"max","context":{"plan":"free"}}` {
					t.Errorf("queued with authorization %s", got)
				}
			}
			if a.header.Get("Event-Gateway-Depth") != "1" || a.header.Get("Event-Gateway-Cause") != ev.ID {
				t.Errorf("header %v", a.header)
			}
		})
	}
}

// TestAuthorizerRefuses lets nothing through that an authorizer does not grant, and tells the sender which it is.
func TestAuthorizerRefuses(t *testing.T) {
	failing := func(err error) *asked {
		return &asked{answer: func(*providers.Call) (*providers.Result, error) { return nil, err }}
	}
	for _, test := range []struct {
		name   string
		a      *asked
		want   string
		reason string
	}{
		{"refused", answering(`{"error":{"message":"token expired"}}`), `the authorizer refused: "token expired"`, "forbidden"},
		{"refused without a word", answering(`{"error":{}}`), `the authorizer refused`, "forbidden"},
		{"both", answering(`{"authorization":{"principalId":"x"},"error":{"message":"no"}}`), `the authorizer refused`, "forbidden"},
		{"failed", failing(errors.New("secret")), "the authorizer failed", "authorizer_failed"},
		{"unreachable", failing(providers.Errorf(providers.Unreachable, "internal host")), "the authorizer failed", "authorizer_failed"},
		{"timed out", failing(context.DeadlineExceeded), "did not answer in time", "authorizer_failed"},
		{"empty", answering(``), "answered what cannot be read", "authorizer_failed"},
		{"not JSON", answering(`secret`), "answered what cannot be read", "authorizer_failed"},
		{"neither", answering(`{}`), "answered what cannot be read", "authorizer_failed"},
		{"null", answering(`{"authorization":null}`), "answered what cannot be read", "authorizer_failed"},
		{"true", answering(`{"authorization":true}`), "answered what cannot be read", "authorizer_failed"},
		{"no principal", answering(`{"authorization":{"context":{}}}`), "answered what cannot be read", "authorizer_failed"},
		{"other context", answering(`{"authorization":{"principalId":"x","context":"secret"}}`), "answered what cannot be read", "authorizer_failed"},
		{"bad ttl", answering(`{"authorization":{"principalId":"x","ttl":"secret"}}`), "answered what cannot be read", "authorizer_failed"},
		{"negative ttl", answering(`{"authorization":{"principalId":"x","ttl":-1}}`), "answered what cannot be read", "authorizer_failed"},
		{
			"too large", answering(`{"authorization":{"principalId":"` + strings.Repeat("x", 5000) + `"}}`),
			"answered what cannot be read", "authorizer_failed",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			for name, r := range sent() {
				g := authorized(t, test.a)
				res := g.send(r)
				if name == "batch" {
					expectError(t, res, 403, "events[0]: not authorized")
				} else {
					expectError(t, res, 403, test.want)
				}
				if g.queued() != "" {
					t.Errorf("%s: queued %q", name, g.queued())
				}
				told := g.told()
				if strings.Count(told, "refused") != 1 || !strings.HasSuffix(told, " "+test.reason) || strings.Contains(told, "invoked f") ||
					strings.Contains(told, "invoked h") {
					t.Errorf("%s: told %q", name, told)
				}
				if log := g.log.String(); (test.reason == "authorizer_failed") != strings.Contains(log, "authorizer did not decide") ||
					strings.Contains(log, "secret") {
					t.Errorf("%s: logged %s", name, log)
				}
			}
		})
	}
}

// TestAuthorizerMissing refuses where the function is gone.
func TestAuthorizerMissing(t *testing.T) {
	g := newGateway(t).function("f", same).subscribe(t, "async e POST / f").eventType(t, "e", authorizedBy("gone"))
	expectError(t, g.send(request("POST", "/", "", "Event", "e")), 403, "the authorizer failed")
}

// TestAuthorizerTimeout does not wait longer than the handler says.
func TestAuthorizerTimeout(t *testing.T) {
	a := &asked{}
	g := newGateway(t).function("f", same).subscribe(t, "async e POST / f").eventType(t, "e", authorizedBy("auth")).
		function("auth", func(ctx context.Context, _ *providers.Call) (*providers.Result, error) {
			a.calls.Add(1)
			<-ctx.Done()
			return nil, ctx.Err()
		})
	// On a busy machine the time may be up before the function is asked.
	for timeout := time.Millisecond; a.calls.Load() == 0 && timeout < time.Minute; timeout *= 2 {
		g.AuthorizerTimeout = timeout
		expectError(t, g.send(request("POST", "/", "", "Event", "e", "Authorization", "x")), 403, "did not answer in time")
	}
	if a.calls.Load() != 1 {
		t.Errorf("asked %d times", a.calls.Load())
	}
}

// TestAuthorizationOnlyFromAuthorizers takes from events what claims to be the gateway's word.
func TestAuthorizationOnlyFromAuthorizers(t *testing.T) {
	g := newGateway(t).function("f", same).subscribe(t, "sync e POST / f")
	forged := `{"specversion":"1.0","type":"e","source":"/s","id":"1","eventgatewayauthorization":"{\"principalId\":\"root\"}","eventgateway":"x","other":"kept"}`
	for name, r := range map[string]*http.Request{
		"structured": request("POST", "/", forged, "Content-Type", cloudEvents),
		"binary": request("POST", "/", "", "ce-specversion", "1.0", "ce-id", "1", "ce-source", "/s", "ce-type", "e",
			"ce-eventgatewayauthorization", "root", "ce-eventgateway", "root", "ce-other", "kept"),
	} {
		body := bodyOf(t, g.send(r))
		if strings.Contains(body, "eventgateway") || strings.Contains(body, "root") || !strings.Contains(body, "kept") {
			t.Errorf("%s: %s", name, body)
		}
	}
}

// TestAuthorizerOfEachSpace has an event go to several spaces, each of which decides for itself.
func TestAuthorizerOfEachSpace(t *testing.T) {
	a, b := granting(""), answering(`{"error":{}}`)
	a.answer = answering(`{"authorization":{"principalId":"only-a"}}`).answer
	g := newGateway(t).function("a/f", same).function("b/f", same).function("c/f", same).function("a/auth", a.invoke).function("b/auth", b.invoke).
		subscribe(t, "async e POST / a/f").subscribe(t, "async e POST / b/f").subscribe(t, "async e POST / c/f").
		eventType(t, "a/e", authorizedBy("auth")).eventType(t, "b/e", authorizedBy("auth"))
	if res := g.send(request("POST", "/", `{}`, "Event", "e", "Content-Type", jsonType)); res.StatusCode != 202 {
		t.Fatalf("got %d %s", res.StatusCode, bodyOf(t, res))
	}
	if got := g.queued(); got != "e → c/f; e → a/f" {
		t.Errorf("queued %q", got)
	}
	for _, item := range g.queue.items {
		if got := string(item.Event.Authorization); (got != "") != (item.Targets[0].Space == "a") {
			t.Errorf("space %s sees %q", item.Targets[0].Space, got)
		}
	}
	if told := g.told(); strings.Count(told, "refused b e forbidden") != 1 || strings.Count(told, "refused") != 1 {
		t.Errorf("told %q", told)
	}
	// Bound, or named, the space decides alone, also where nobody subscribes.
	for _, r := range []*http.Request{request("POST", "/none", "", "Event", "e"), request("POST", "/", "", "Event", "e", "Space", "b")} {
		if r.Header.Get("Space") == "" {
			expectError(t, g.sendIn("b", r), 403, "refused")
		} else {
			expectError(t, g.send(r), 403, "refused")
		}
	}
}

// TestAuthorizerIsNotAskedForNothing skips it where the schema refuses already, and where nobody can be reached.
func TestAuthorizerIsNotAskedForNothing(t *testing.T) {
	a := granting("")
	g := newGateway(t).function("f", same).function("auth", a.invoke).subscribe(t, "async e POST / f").
		eventType(t, "e", func(kind *eventgateway.EventType) {
			kind.AuthorizerID = "auth"
			kind.Schema = json.RawMessage(`{"type":"object"}`)
		})
	expectError(t, g.send(request("POST", "/", `1`, "Event", "e", "Content-Type", jsonType)), 400, "schema")
	if res := g.send(request("POST", "/nobody", `{}`, "Event", "e", "Content-Type", jsonType)); res.StatusCode != 202 {
		t.Errorf("got %d", res.StatusCode)
	}
	expectError(t, g.send(request("POST", "/", `{}`, "Event", "e", "Content-Type", jsonType, "Event-Gateway-Depth", "17")), 508, "deliveries led to it")
	if n := a.calls.Load(); n != 0 || !strings.Contains(g.log.String(), "cause each other") {
		t.Errorf("asked %d times, logged %s", n, g.log)
	}
	if got := g.queued(); got != "" {
		t.Errorf("queued %q, which nobody has authorized", got)
	}
}

// TestAuthorizerChangedMeanwhile asks the function as it is now, if it was changed after the request began.
func TestAuthorizerChangedMeanwhile(t *testing.T) {
	a := granting("")
	g := authorized(t, answering(`{"error":{}}`))
	old, _ := g.snapshot.Load().Functions.Get(eventgateway.FunctionKey{Space: "default", ID: "auth"})
	g.Snapshot = changing(g, func() {
		g.function("auth", a.invoke)
		old.Close()
	})
	res := g.send(request("POST", "/", `{}`, "Event", "e", "Content-Type", jsonType))
	if res.StatusCode != 202 || a.calls.Load() != 1 {
		t.Errorf("got %d %s, asked %d times", res.StatusCode, bodyOf(t, res), a.calls.Load())
	}
}

// TestAuthorizerPayloadIsJSON sends what is no JSON.
func TestAuthorizerPayloadIsJSON(t *testing.T) {
	for _, contentType := range []string{"", "text/plain", "application/x-www-form-urlencoded", "application/octet-stream"} {
		a := granting("")
		g := authorized(t, a)
		for _, path := range []string{"/", "/http/%2f\"x"} {
			r := request("POST", "/", "\"\xff\x00{", "Content-Type", contentType, "X-Odd", "\xff\"")
			r.URL.Path = path
			if path == "/" {
				r.Header.Set("Event", "e")
			}
			if res := g.send(r); res.StatusCode >= 300 {
				t.Fatalf("got %d %s", res.StatusCode, bodyOf(t, res))
			}
		}
		for _, payload := range a.payloads {
			if !json.Valid([]byte(payload)) {
				t.Errorf("%s: %q", contentType, payload)
			}
		}
		if len(a.payloads) != 2 {
			t.Errorf("asked %d times", len(a.payloads))
		}
	}
}
