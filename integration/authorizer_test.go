package integration

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
)

// guard is an authorizer that grants what comes with the credentials "Bearer <principal>", for a lifetime if there is one.
type guard struct {
	calls    atomic.Int64
	lifetime string
}

func (g *guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.calls.Add(1)
	var asked struct {
		Event   struct{ Event, ID string }
		Request struct {
			Path, Method string
			Headers      map[string]string
		}
	}
	body, _ := io.ReadAll(r.Body)
	if err := json.Unmarshal(body, &asked); err != nil || asked.Event.ID == "" || asked.Request.Method != "POST" {
		http.Error(w, "not what an authorizer gets", http.StatusBadRequest)
		return
	}
	switch principal, ok := strings.CutPrefix(asked.Request.Headers["Authorization"], "Bearer "); {
	case !ok:
		_, _ = io.WriteString(w, `{"error":{"message":"no token"}}`)
	case principal == "broken":
		_, _ = io.WriteString(w, "internal secret")
	case principal == "failing":
		http.Error(w, "internal secret", http.StatusInternalServerError)
	case principal == "slow":
		<-r.Context().Done()
	default:
		_, _ = fmt.Fprintf(w, `{"authorization":{"principalId":%q,"context":{"path":%q}%s}}`, principal, asked.Request.Path, g.lifetime)
	}
}

// guarded returns a stage whose event types made, http and invoke have the guard as their authorizer, and a function's calls.
func guarded(t *testing.T, g *guard) (*stage, <-chan call) {
	s := newStage(t)
	record, calls := recorder(`{"body":"answered"}`)
	s.function("f", record)
	s.function("guard", g.ServeHTTP, fields{"timeout": "1s"})
	for _, name := range []string{"made", "http.request", "invoke"} {
		s.eventType(name, fields{"authorizerId": "guard"})
	}
	s.subscribe("made POST / f")
	s.subscribe("made POST /sync f", fields{"type": "sync"})
	s.subscribe("http POST /users/:id f")
	s.subscribe("invoke POST / f")
	return s, calls
}

// guardedForms are events of every form.
var guardedForms = []struct {
	name, path, body string
	headers          []string
}{
	{"custom", "/", `{}`, []string{"Event", "made", "Content-Type", jsonType}},
	{"custom, sync", "/sync", `{}`, []string{"Event", "made", "Content-Type", jsonType}},
	{"structured", "/", structured("made", "1"), []string{"Content-Type", cloudEventType}},
	{"batch", "/", "[" + structured("other", "1") + "," + structured("made", "2") + "]", []string{"Content-Type", batchType}},
	{"http", "/users/7", `{}`, []string{"Content-Type", jsonType}},
	{"invoke", "/", `{}`, []string{"Event", "invoke", "Function-ID", "f", "Content-Type", jsonType}},
}

// TestAuthorizer sends events of every form, with and without what the authorizer wants.
func TestAuthorizer(t *testing.T) {
	s, calls := guarded(t, new(guard))
	for _, form := range guardedForms {
		t.Run(form.name, func(t *testing.T) {
			for _, test := range []struct{ principal, want string }{
				{"", `the authorizer refused: \"no token\"`},
				{"Bearer broken", "the authorizer answered what cannot be read"},
				{"Bearer failing", "the authorizer failed"},
			} {
				headers := form.headers
				if test.principal != "" {
					headers = append(headers, "Authorization", test.principal)
				}
				a := s.send("POST", form.path, form.body, headers...)
				if a.status != 403 || !strings.Contains(a.body, test.want) || strings.Contains(a.body, "secret") {
					t.Errorf("%s: got %d %s", test.principal, a.status, a.body)
				}
			}
			none(t, calls)
			a := s.send("POST", form.path, form.body, append(form.headers, "Authorization", "Bearer max")...)
			if a.status >= 300 {
				t.Fatalf("got %d %s", a.status, a.body)
			}
			want := fmt.Sprintf(`"eventgateway":{"authorization":{"principalId":"max","context":{"path":%q}}}`, form.path)
			if got := next(t, calls).body; !strings.Contains(got, want) {
				t.Errorf("the function got %s", got)
			}
		})
	}
	if strings.Contains(s.Log(), "secret") || !strings.Contains(s.Log(), "an authorizer did not decide") {
		t.Error("the log does not tell of failures, or tells too much")
	}
	s.Do(http.MethodDelete, s.Config+"/v1/spaces/default/functions/guard", nil, 409)
}

// TestAuthorizerTooSlow refuses an event whose authorizer does not answer in time.
func TestAuthorizerTooSlow(t *testing.T) {
	s, calls := guarded(t, new(guard))
	a := s.send("POST", "/", `{}`, "Event", "made", "Authorization", "Bearer slow")
	if a.status != 403 || !strings.Contains(a.body, "the authorizer did not answer in time") {
		t.Errorf("got %d %s", a.status, a.body)
	}
	none(t, calls)
}

// TestAuthorizerIsAskedOnce counts how often an authorizer is asked that lets its answers be kept.
func TestAuthorizerIsAskedOnce(t *testing.T) {
	g := &guard{lifetime: `,"ttl":"1h"`}
	s, calls := guarded(t, g)
	for i, step := range []struct {
		principal string
		asked     int64
	}{{"max", 1}, {"max", 1}, {"ann", 2}, {"max", 2}, {"ann", 2}} {
		if a := s.send("POST", "/", `{}`, "Event", "made", "Authorization", "Bearer "+step.principal); a.status != 202 {
			t.Fatalf("got %d %s", a.status, a.body)
		}
		if got := next(t, calls).body; !strings.Contains(got, `"principalId":"`+step.principal+`"`) {
			t.Errorf("%d: the function got %s", i, got)
		}
		if n := g.calls.Load(); n != step.asked {
			t.Errorf("%d: asked %d times, want %d", i, n, step.asked)
		}
	}
	// A function that is written anew is asked anew.
	s.Do(http.MethodPut, s.Config+"/v1/spaces/default/functions/guard",
		fields{"functionId": "guard", "type": "http", "provider": fields{"url": s.serve("guard2", g.ServeHTTP)}}, 200)
	s.send("POST", "/", `{}`, "Event", "made", "Authorization", "Bearer max")
	next(t, calls)
	if n := g.calls.Load(); n != 3 {
		t.Errorf("after the change: asked %d times", n)
	}
}

// TestAuthorizationCannotBeForged sends what only the gateway may say.
func TestAuthorizationCannotBeForged(t *testing.T) {
	s := newStage(t)
	record, calls := recorder("")
	s.function("f", record, fields{"format": "cloudevents"})
	s.subscribe("made POST / f")
	forged := strings.Replace(structured("made", "1"), "{", `{"eventgatewayauthorization":"{\"principalId\":\"root\"}",`, 1)
	if a := s.send("POST", "/", forged, "Content-Type", cloudEventType); a.status != 202 {
		t.Fatalf("got %d %s", a.status, a.body)
	}
	if got := next(t, calls).body; strings.Contains(got, "root") {
		t.Errorf("the function got %s", got)
	}
}
