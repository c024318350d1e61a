package integration

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
)

// TestContractPaths has a row for every rule of matching, each for a sync and an async subscription.
func TestContractPaths(t *testing.T) {
	s := newStage(t)
	record, calls := recorder(`{}`)
	s.function("f", record)
	for _, path := range []string{"/users/:id", "/users/:id/posts/:post", "/files/*rest", "/a%2Fb/c", "/plain"} {
		s.subscribe("http POST " + path + " f")
		s.subscribe("made POST " + path + " f")
	}
	for _, test := range []struct {
		why, path string
		params    map[string]string // nil: no match
	}{
		{"a parameter", "/users/7", map[string]string{"id": "7"}},
		{"a parameter, decoded", "/users/%C3%A9%20%25", map[string]string{"id": "é %"}},
		{"an encoded slash separates nothing", "/users/a%2Fb", map[string]string{"id": "a/b"}},
		{"two parameters", "/users/7/posts/a%2F9", map[string]string{"id": "7", "post": "a/9"}},
		{"a parameter is not empty", "/users/", nil},
		{"nor two segments", "/users/7/posts", nil},
		{"a wildcard", "/files/a/b%2Fc", map[string]string{"rest": "a/b/c"}},
		{"a wildcard of nothing", "/files/", map[string]string{"rest": ""}},
		{"a wildcard starts after a slash", "/filesystem", nil},
		{"an encoded slash in the subscription", "/a%2Fb/c", map[string]string{}},
		{"which no slash is like", "/a/b/c", nil},
		{"static", "/plain", map[string]string{}},
		{"static, encoded", "/pl%61in", map[string]string{}},
		{"a slash more", "/plain/", nil},
		{"another case", "/Plain", nil},
	} {
		t.Run(test.why, func(t *testing.T) {
			if test.params == nil {
				s.send("POST", test.path, "").expect(t, 404, "no http subscription wants")
				s.send("POST", test.path, "", "Event", "made").wants(t, 202, "")
				s.idle()
				none(t, calls)
				return
			}
			s.send("POST", test.path, "").wants(t, 200, "")
			var data struct{ Params map[string]string }
			if err := json.Unmarshal(next(t, calls).event(t).Data, &data); err != nil {
				t.Fatal(err)
			}
			if data.Params == nil || !reflect.DeepEqual(data.Params, test.params) {
				t.Errorf("got the parameters %v, want %v", data.Params, test.params)
			}
			s.send("POST", test.path, "", "Event", "made").wants(t, 202, "")
			if ev := next(t, calls).event(t); ev.Event != "made" {
				t.Errorf("got %+v", ev)
			}
		})
	}
}

// TestContractPathsRefused has a row for every path that cannot be, or cannot stand beside another.
func TestContractPathsRefused(t *testing.T) {
	s := newStage(t)
	record, _ := recorder(`{}`)
	s.function("f", record)
	s.function("g", record)
	for _, event := range []string{"http", "made"} {
		s.subscribe(event + " GET /users/:id f")
		s.subscribe(event + " GET /files/*rest f")
		s.subscribe(event + " GET /static/a f")
	}
	create := s.Config + "/v1/spaces/default/subscriptions"
	for _, test := range []struct {
		why, path string
		status    int
		want      string
	}{
		{"static beside a parameter", "/users/foo", 409, "a static segment beside a parameter"},
		{"static beside a parameter, deeper", "/users/foo/bar", 409, "a static segment beside a parameter"},
		{"a parameter beside static", "/static/:x", 409, "a parameter beside a static segment"},
		{"two names for a parameter", "/users/:name", 409, "two names for one parameter"},
		{"two names for a wildcard", "/files/*others", 409, "two names for one wildcard"},
		{"a wildcard beside a parameter", "/users/*all", 409, "a wildcard beside a parameter"},
		{"after a wildcard", "/x/*all/more", 400, "nothing after the wildcard *all"},
		{"a name twice", "/x/:a/:a", 400, "every parameter name only once"},
		{"no name", "/x/:", 400, "a name after : or *"},
		{"relative", "x", 400, "a path that starts with /"},
		{"a query", "/x?y", 400, "a path without query"},
		{"bad encoding", "/x%2", 400, "valid percent-encoding"},
	} {
		for _, event := range []string{"http", "made"} {
			t.Run(test.why+", "+event, func(t *testing.T) {
				body := fmt.Sprintf(`{"event":%q,"method":"GET","path":%q,"functionId":"f"}`, event, test.path)
				s.sendTo(create, "POST", "", body).expect(t, test.status, test.want)
			})
		}
	}
	t.Run("one sync subscription per method, path and event", func(t *testing.T) {
		second := `{"event":"http","method":"GET","path":"/users/:id","functionId":"g"}`
		s.sendTo(create, "POST", "", second).expect(t, 409, "already has a sync subscription")
		for _, other := range []string{
			`{"event":"http","method":"GET","path":"/users/:id","functionId":"g","type":"async"}`,
			`{"event":"http","method":"PUT","path":"/users/:name","functionId":"g"}`,
			`{"event":"other","method":"GET","path":"/users/foo","functionId":"g"}`,
		} {
			s.sendTo(create, "POST", "", other).expect(t, 201, "subscriptionId")
		}
	})
}

// TestContractCORS has a row for every answer about CORS.
func TestContractCORS(t *testing.T) {
	s := newStage(t)
	s.function("f", says(`{"body":"ok"}`))
	s.subscribe("http GET /none f")
	s.subscribe("http GET /default f", fields{"cors": fields{}})
	s.subscribe("http PUT /some f", fields{"cors": fields{
		"origins": []string{"http://a.com", "http://*.example.com"}, "methods": []string{"PUT"}, "headers": []string{"X-A"},
		"allowCredentials": true,
	}})
	show := func(h http.Header) string {
		var lines []string
		for _, name := range []string{"Allow-Origin", "Allow-Credentials", "Allow-Methods", "Allow-Headers"} {
			if v := h.Get("Access-Control-" + name); v != "" {
				lines = append(lines, name+": "+v)
			}
		}
		return strings.Join(lines, "; ")
	}
	for _, test := range []struct {
		name, method, path string
		headers            []string // further ones; preflights have the method and, if any, the headers
		status             int
		want               string
	}{
		{"custom event", "POST", "/", []string{"Event", "e"}, 202, "Allow-Origin: *"},
		{"custom event refused", "POST", "/", []string{"Event", "a b"}, 400, "Allow-Origin: *"},
		{"invoke", "POST", "/", []string{"Event", "invoke", "Function-ID", "f"}, 404, "Allow-Origin: *"},
		{"http without CORS", "GET", "/none", nil, 200, ""},
		{"http with the defaults", "GET", "/default", nil, 200, "Allow-Origin: *"},
		{"http of another origin", "PUT", "/some", nil, 200, ""},
		{
			"http of an allowed origin", "PUT", "/some",
			[]string{"Origin", "http://b.example.com"},
			200,
			"Allow-Origin: http://b.example.com; Allow-Credentials: true",
		},
		{"no subscription", "GET", "/nothing", nil, 404, ""},
		{
			"preflight for a custom event", "OPTIONS", "/none",
			[]string{"POST", "content-type,event"},
			204,
			"Allow-Origin: *; Allow-Methods: POST; Allow-Headers: content-type, event",
		},
		{
			"preflight for a custom event on a path of nobody", "OPTIONS", "/nothing",
			[]string{"POST", "event"},
			204,
			"Allow-Origin: *; Allow-Methods: POST; Allow-Headers: event",
		},
		{
			"preflight for http with the defaults", "OPTIONS", "/default",
			[]string{"GET", "content-type"},
			204,
			"Allow-Origin: *; Allow-Methods: GET; Allow-Headers: content-type",
		},
		{"preflight for a header that is not allowed", "OPTIONS", "/default", []string{"GET", "x-b"}, 204, ""},
		{"preflight for http without CORS", "OPTIONS", "/none", []string{"GET", ""}, 204, ""},
		{"preflight of another origin", "OPTIONS", "/some", []string{"PUT", "x-a"}, 204, ""},
		{"preflight on a path of nobody", "OPTIONS", "/nothing", []string{"GET", ""}, 404, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			headers := test.headers
			if test.method == "OPTIONS" {
				headers = []string{"Access-Control-Request-Method", headers[0], "Access-Control-Request-Headers", headers[1]}
			}
			if len(headers) == 0 || headers[0] != "Origin" {
				headers = append([]string{"Origin", "http://x"}, headers...)
			}
			a := s.send(test.method, test.path, "", headers...)
			if got := show(a.header); a.status != test.status || got != test.want {
				t.Errorf("got  %d %q\nwant %d %q", a.status, got, test.status, test.want)
			}
		})
	}
	t.Run("preflight of an allowed origin", func(t *testing.T) {
		a := s.send("OPTIONS", "/some", "", "Origin", "http://a.com", "Access-Control-Request-Method", "PUT",
			"Access-Control-Request-Headers", "x-a")
		want := "Allow-Origin: http://a.com; Allow-Credentials: true; Allow-Methods: PUT; Allow-Headers: x-a"
		if got := show(a.header); a.status != 204 || got != want {
			t.Errorf("got %d %q", a.status, got)
		}
	})
	t.Run("no Origin, no CORS headers", func(t *testing.T) {
		if got := show(s.send("POST", "/", "", "Event", "e").header); got != "" {
			t.Errorf("got %q", got)
		}
	})
}
