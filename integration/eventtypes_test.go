package integration

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway/integration/gatewaytest"
)

// config sends a request to the Configuration API that must be answered with status; body may be nil.
func (s *stage) config(status int, method, path string, body any) string {
	s.t.Helper()
	return string(s.Do(method, s.Config+"/v1/spaces/default/"+path, body, status))
}

// TestEventTypeResources takes an event type through its life over both places that serve the Configuration API, and through a
// restart. Its name is one that has to be escaped, as in a URL so in the store.
func TestEventTypeResources(t *testing.T) {
	dir := gatewaytest.Dir(t.TempDir())
	s := newStage(t, dir)
	s.function("auth", says(`{"authorization":{"principalId":"p"}}`))
	const name = "https://example.com/größe/100%"
	one := "eventtypes/" + url.PathEscape(name)
	schema := fields{"type": "object", "properties": fields{"age": fields{"type": "integer"}}}
	shown := func(where string, body string, want fields) {
		t.Helper()
		var got any
		if err := json.Unmarshal([]byte(body), &got); err != nil || fmt.Sprint(got) != fmt.Sprint(map[string]any(want)) {
			t.Errorf("%s\ngot  %s\nwant %v", where, body, want)
		}
	}
	full := fields{"space": "default", "name": name, "authorizerId": "auth", "schemaMode": "flag", "metadata": map[string]any{"team": "x"}}
	shown("created", s.config(201, http.MethodPost, "eventtypes", full.with(fields{"space": nil})), full)
	shown("read", s.config(200, http.MethodGet, one, nil), full)
	shown("read on the admin endpoint", string(s.Do(http.MethodGet, s.Admin+"/event_gateway/v1/spaces/default/"+one, nil, 200)), full)

	bad := s.config(400, http.MethodPut, one, fields{"schema": fields{"properties": fields{"age": fields{"type": "nmber"}}}})
	if !strings.Contains(bad, "/properties/age/type") {
		t.Errorf("a bad schema is refused with %s", bad)
	}
	s.config(400, http.MethodPut, one, fields{"name": "other"})
	s.config(400, http.MethodPut, one, fields{"authorizerId": "none"})
	s.config(200, http.MethodPut, one, fields{"schema": schema})
	s.config(200, http.MethodGet, one, nil)

	s.Stop()
	s.Gateway = gatewaytest.Start(t, dir)
	var after struct {
		EventTypes []struct {
			Name   string
			Schema json.RawMessage
		}
	}
	list := s.config(200, http.MethodGet, "eventtypes", nil)
	if err := json.Unmarshal([]byte(list), &after); err != nil || len(after.EventTypes) != 1 || after.EventTypes[0].Name != name || after.EventTypes[0].Schema == nil {
		t.Errorf("after a restart there is %s", list)
	}
	s.config(204, http.MethodDelete, one, nil)
	s.config(404, http.MethodGet, one, nil)
}

// TestEventTypesInUse refuses to delete what others use, whatever order it is tried in, and says who does.
func TestEventTypesInUse(t *testing.T) {
	s := newStage(t)
	s.function("auth", says(`{"authorization":{"principalId":"p"}}`))
	s.function("f", says("ok"))
	s.config(201, http.MethodPost, "eventtypes", fields{"name": "user.created", "authorizerId": "auth"})
	s.config(201, http.MethodPost, "eventtypes", fields{"name": "http.request"})
	custom, plain := s.subscribe("user.created POST / f"), s.subscribe("http GET /users f")
	s.subscribe("user.* POST / f")
	for _, r := range []struct{ path, user string }{
		{"functions/auth", `as authorizer by event type \"user.created\"`},
		{"eventtypes/user.created", "subscription " + custom},
		{"eventtypes/http", "subscription " + plain},
		{"eventtypes/http.request", "subscription " + plain},
	} {
		if got := s.config(409, http.MethodDelete, r.path, nil); !strings.Contains(got, "in use") || !strings.Contains(got, r.user) {
			t.Errorf("%s: %s", r.path, got)
		}
	}
	for _, path := range []string{"subscriptions/" + custom, "subscriptions/" + plain, "eventtypes/user.created", "eventtypes/http", "functions/auth"} {
		s.config(204, http.MethodDelete, path, nil)
	}
}

// TestEventTypesReadYourWrites sends events right after each answer: they meet the event type as it was written.
func TestEventTypesReadYourWrites(t *testing.T) {
	s := newStage(t)
	for i := range 30 {
		name := fmt.Sprintf("made.%d", i)
		one := "eventtypes/" + name
		emit := func(data string, want int) {
			t.Helper()
			if a := s.send(http.MethodPost, "/", data, "Event", name, "Content-Type", "application/json", "Space", "default"); a.status != want {
				t.Fatalf("%s: %s answered with %d %s, want %d", name, data, a.status, a.body, want)
			}
		}
		s.config(201, http.MethodPost, "eventtypes", fields{"name": name, "schema": fields{"type": "string"}})
		s.config(200, http.MethodGet, one, nil)
		emit(`1`, 400)
		emit(`"x"`, 202)
		s.config(200, http.MethodPut, one, fields{"schema": fields{"type": "integer"}})
		emit(`"x"`, 400)
		emit(`1`, 202)
		s.config(204, http.MethodDelete, one, nil)
		emit(`"x"`, 202)
	}
}

// TestCORSResourcesReadYourWrites asks as a browser does, right after each answer.
func TestCORSResourcesReadYourWrites(t *testing.T) {
	s := newStage(t)
	s.function("f", says(`{"statusCode":200,"body":"hi"}`))
	s.subscribe("http GET /users/:id f")
	ask := func(origin, want string) {
		t.Helper()
		a := s.send(http.MethodOptions, "/users/1", "", "Origin", origin, "Access-Control-Request-Method", "GET")
		if got := a.header.Get("Access-Control-Allow-Origin"); got != want {
			t.Errorf("a page of %s is allowed %q, want %q", origin, got, want)
		}
		a = s.send(http.MethodGet, "/users/1", "", "Origin", origin)
		if got := a.header.Get("Access-Control-Allow-Origin"); got != want || a.body != "hi" {
			t.Errorf("a page of %s got %q, and may read it: %q, want %q", origin, a.body, got, want)
		}
	}
	const mine, other = "https://a.example", "https://b.example"
	ask(mine, "")
	var created struct{ CORSID string }
	body := s.config(201, http.MethodPost, "cors", fields{"method": "GET", "path": "/users/:id", "allowedOrigins": []string{mine}})
	if err := json.Unmarshal([]byte(body), &created); err != nil || created.CORSID == "" {
		t.Fatalf("created as %s", body)
	}
	ask(mine, mine)
	ask(other, "")
	s.config(409, http.MethodPost, "cors", fields{"method": "GET", "path": "/users/:id"})
	s.config(409, http.MethodPost, "cors", fields{"method": "GET", "path": "/users/me"})
	one := "cors/" + created.CORSID
	s.config(400, http.MethodPut, one, fields{"path": "/users"})
	s.config(200, http.MethodPut, one, fields{"allowedOrigins": []string{other}})
	ask(mine, "")
	ask(other, other)
	s.config(204, http.MethodDelete, one, nil)
	ask(other, "")
}
