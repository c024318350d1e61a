package integration

import (
	"encoding/json"
	"net/http"
	"testing"
)

// TestCORSResource allows pages through a CORS resource, and no longer when it is gone.
func TestCORSResource(t *testing.T) {
	s := newStage(t)
	s.function("f", says(`{"body":"hello"}`))
	s.subscribe("http GET /users/:id f")
	s.subscribe("http GET /own f", fields{"cors": fields{"origins": []string{"http://own"}}})
	const origin = "http://app"
	allowed := func(method, path, origin string, headers ...string) string {
		t.Helper()
		return s.send(method, path, "", append(headers, "Origin", origin)...).header.Get("Access-Control-Allow-Origin")
	}
	preflight := func(path, origin string) string {
		t.Helper()
		return allowed("OPTIONS", path, origin, "Access-Control-Request-Method", "GET")
	}
	expect := func(when string, users, free string) {
		t.Helper()
		if got := allowed("GET", "/users/7", origin); got != users {
			t.Errorf("%s: answer allows %q", when, got)
		}
		if got := preflight("/users/7", origin); got != users {
			t.Errorf("%s: preflight allows %q", when, got)
		}
		if got := preflight("/free", origin); got != free {
			t.Errorf("%s: preflight without a subscription allows %q", when, got)
		}
	}
	create := func(path string, more fields) string {
		t.Helper()
		var made struct{ CORSID string }
		resource := fields{"method": "GET", "path": path, "allowedOrigins": []string{origin}}
		body := s.Do(http.MethodPost, s.Config+"/v1/spaces/default/cors", resource.with(more), 201)
		if err := json.Unmarshal(body, &made); err != nil || made.CORSID == "" {
			t.Fatalf("no id: %s", body)
		}
		return made.CORSID
	}
	expect("before", "", "")
	users := create("/users/*rest", fields{"allowCredentials": true})
	create("/own", nil)
	create("/free", nil)
	expect("with resources", origin, origin)
	if got := s.send("GET", "/users/7", "", "Origin", origin).header.Get("Access-Control-Allow-Credentials"); got != "true" {
		t.Errorf("credentials %q", got)
	}
	if got := allowed("GET", "/users/7", "http://other"); got != "" {
		t.Errorf("another origin is allowed: %q", got)
	}
	// A subscription's own configuration comes first.
	if got := allowed("GET", "/own", origin); got != "" {
		t.Errorf("the subscription's own: %q", got)
	}
	if got := preflight("/own", "http://own"); got != "http://own" {
		t.Errorf("the subscription's own: %q", got)
	}
	// One of another space has nothing to say.
	s.Do(http.MethodPost, s.Config+"/v1/spaces/other/cors", fields{"method": "GET", "path": "/users/*x", "allowedOrigins": []string{"http://evil"}}, 201)
	if got := allowed("GET", "/users/7", "http://evil"); got != "" {
		t.Errorf("another space's: %q", got)
	}
	s.Do(http.MethodPut, s.Config+"/v1/spaces/default/cors/"+users,
		fields{"method": "GET", "path": "/users/*rest", "allowedOrigins": []string{"http://new"}}, 200)
	if got := allowed("GET", "/users/7", "http://new"); got != "http://new" {
		t.Errorf("after the change: %q", got)
	}
	s.Do(http.MethodDelete, s.Config+"/v1/spaces/default/cors/"+users, nil, 204)
	expect("after", "", origin)
}
