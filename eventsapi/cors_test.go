package eventsapi_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/delivery"
	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/snapshot"
)

// corsHeaders are those of an answer that CORS is about, as "Name: value" lines.
func corsHeaders(res *http.Response) string {
	var lines []string
	for _, name := range []string{"Allow-Origin", "Allow-Credentials", "Allow-Methods", "Allow-Headers", "Max-Age"} {
		if v := res.Header.Get("Access-Control-" + name); v != "" {
			lines = append(lines, name+": "+v)
		}
	}
	if vary := res.Header.Values("Vary"); len(vary) > 0 {
		lines = append(lines, "Vary: "+strings.Join(vary, ", "))
	}
	return strings.Join(lines, "; ")
}

// corsGateway has http subscriptions of every kind of CORS configuration.
func corsGateway(t *testing.T) *gateway {
	return newGateway(t).
		function("f", says(`{"headers":{"Access-Control-Allow-Origin":"http://function","Vary":"Accept"},"body":"ok"}`)).
		function("fails", failsWith(providers.Errorf(providers.Unreachable, "down"))).
		function("options", says(`{"statusCode":204,"headers":{"Access-Control-Allow-Origin":"http://own"}}`)).
		subscribe(t, "sync http GET /none f").
		subscribe(t, "sync http GET /default f", &eventgateway.CORS{}).
		subscribe(t, "sync http DELETE /default f", &eventgateway.CORS{}).
		subscribe(t, "sync http POST /fails fails", &eventgateway.CORS{Origins: []string{"http://*.example.com"}}).
		subscribe(t, "sync http PUT /some f", &eventgateway.CORS{
			Origins: []string{"http://a.com", "http://*.example.com"}, Methods: []string{"PUT"}, Headers: []string{"X-A"},
			AllowCredentials: true,
		}).
		subscribe(t, "async http POST /async f", &eventgateway.CORS{Headers: []string{"*"}}).
		subscribe(t, "sync http GET /own f").
		subscribe(t, "sync http OPTIONS /own options").
		subscribe(t, "async e POST /none f")
}

func TestCORSOfAnswers(t *testing.T) {
	for _, test := range []struct {
		name   string
		r      *http.Request
		status int
		want   string
	}{
		{"custom event", request("POST", "/", "", "Event", "e", "Origin", "http://x"), 202, "Allow-Origin: *"},
		{"custom event without origin", request("POST", "/", "", "Event", "e"), 202, ""},
		{
			"refused custom event", request("POST", "/", "{", "Event", "e", "Content-Type", jsonType, "Origin", "http://x"), 400,
			"Allow-Origin: *",
		},
		{
			"CloudEvent", request("POST", "/", structured("e"), "Content-Type", cloudEvents, "Origin", "http://x"), 202,
			"Allow-Origin: *",
		},
		{"invoke", request("POST", "/", "", "Event", "invoke", "Function-ID", "f", "Origin", "http://x"), 404, "Allow-Origin: *"},
		{
			"http without CORS is the function's own business", request("GET", "/none", "", "Origin", "http://x"), 200,
			"Allow-Origin: http://function; Vary: Accept",
		},
		{"http with the defaults", request("GET", "/default", "", "Origin", "http://x"), 200, "Allow-Origin: *; Vary: Accept"},
		{"http with the defaults, without origin", request("GET", "/default", ""), 200, "Vary: Accept"},
		{"a method that is not allowed", request("DELETE", "/default", "", "Origin", "http://x"), 200, "Vary: Accept"},
		{
			"an origin that is allowed", request("PUT", "/some", "", "Origin", "http://a.com"), 200,
			"Allow-Origin: http://a.com; Allow-Credentials: true; Vary: Origin, Accept",
		},
		{
			"an origin that is allowed by a wildcard", request("PUT", "/some", "", "Origin", "http://b.Example.com"), 200,
			"Allow-Origin: http://b.Example.com; Allow-Credentials: true; Vary: Origin, Accept",
		},
		{"an origin that is not allowed", request("PUT", "/some", "", "Origin", "http://a.com.evil"), 200, "Vary: Origin, Accept"},
		{"no origin", request("PUT", "/some", ""), 200, "Vary: Origin, Accept"},
		{
			"a function that fails", request("POST", "/fails", "", "Origin", "http://a.example.com"), 502,
			"Allow-Origin: http://a.example.com; Vary: Origin",
		},
		{
			"a body that is refused", request("POST", "/fails", "{", "Content-Type", jsonType, "Origin", "http://a.example.com"), 400,
			"Allow-Origin: http://a.example.com; Vary: Origin",
		},
		{"async http", request("POST", "/async", "", "Origin", "http://x"), 202, "Allow-Origin: *"},
	} {
		t.Run(test.name, func(t *testing.T) {
			res := corsGateway(t).send(test.r)
			if got := corsHeaders(res); res.StatusCode != test.status || got != test.want {
				t.Errorf("got  %d %q\nwant %d %q", res.StatusCode, got, test.status, test.want)
			}
		})
	}
}

func TestPreflight(t *testing.T) {
	preflight := func(path, origin, method string, headers ...string) *http.Request {
		r := request("OPTIONS", path, "", "Origin", origin, "Access-Control-Request-Method", method)
		for _, h := range headers {
			r.Header.Add("Access-Control-Request-Headers", h)
		}
		return r
	}
	const vary = "Vary: Access-Control-Request-Method, Access-Control-Request-Headers"
	for _, test := range []struct {
		name   string
		r      *http.Request
		status int
		want   string
	}{
		{
			"custom event", preflight("/any", "http://x", "POST", "content-type, Event"), 204,
			"Allow-Origin: *; Allow-Methods: POST; Allow-Headers: content-type, event; Max-Age: 600",
		},
		{
			"custom event where an http subscription is", preflight("/none", "http://x", "GET", "event"), 204,
			"Allow-Origin: *; Allow-Methods: GET; Allow-Headers: event; Max-Age: 600",
		},
		{
			"invoke", preflight("/", "http://x", "POST", "event,function-id", "space"), 204,
			"Allow-Origin: *; Allow-Methods: POST; Allow-Headers: event, function-id, space; Max-Age: 600",
		},
		{
			"binary CloudEvent", preflight("/any", "http://x", "POST", "ce-id,ce-source,ce-specversion,ce-type,ce-x"), 204,
			"Allow-Origin: *; Allow-Methods: POST; Allow-Headers: ce-id, ce-source, ce-specversion, ce-type, ce-x; Max-Age: 600",
		},
		{
			"structured CloudEvent, which nobody else wants", preflight("/any", "http://x", "POST", "content-type"), 204,
			"Allow-Origin: *; Allow-Methods: POST; Allow-Headers: content-type; Max-Age: 600",
		},
		{
			"http with the defaults", preflight("/default", "http://x", "GET"), 204,
			"Allow-Origin: *; Allow-Methods: GET; Max-Age: 600; " + vary,
		},
		{
			"http with an allowed header", preflight("/default", "http://x", "GET", "Content-Type"), 204,
			"Allow-Origin: *; Allow-Methods: GET; Allow-Headers: content-type; Max-Age: 600; " + vary,
		},
		{"http with a header that is not allowed", preflight("/default", "http://x", "GET", "x-a"), 204, vary},
		{"http with a method that is not allowed", preflight("/default", "http://x", "DELETE"), 204, vary},
		{
			"http of an allowed origin", preflight("/some", "http://a.com", "PUT", "x-a"), 204,
			"Allow-Origin: http://a.com; Allow-Credentials: true; Allow-Methods: PUT; Allow-Headers: x-a; Max-Age: 600; " +
				vary + ", Origin",
		},
		{"http of an origin that is not allowed", preflight("/some", "http://b.com", "PUT", "x-a"), 204, vary + ", Origin"},
		{
			"http with any header", preflight("/async", "http://x", "POST", "x-a,x-b"), 204,
			"Allow-Origin: *; Allow-Methods: POST; Allow-Headers: x-a, x-b; Max-Age: 600; " + vary,
		},
		{"http without CORS", preflight("/none", "http://x", "GET"), 204, ""},
		{"http without CORS and with an OPTIONS subscription", preflight("/own", "http://x", "GET"), 204, "Allow-Origin: http://own"},
		{"a method without subscription", preflight("/default", "http://x", "PATCH"), 404, ""},
		{"no subscription", preflight("/any", "http://x", "GET"), 404, ""},
		{"OPTIONS that is no preflight", request("OPTIONS", "/default", ""), 404, ""},
		{"OPTIONS that is no preflight, with a subscription", request("OPTIONS", "/own", ""), 204, "Allow-Origin: http://own"},
	} {
		t.Run(test.name, func(t *testing.T) {
			res := corsGateway(t).send(test.r)
			if got := corsHeaders(res); res.StatusCode != test.status || got != test.want {
				t.Errorf("got  %d %q\nwant %d %q", res.StatusCode, got, test.status, test.want)
			}
		})
	}
}

// TestPreflightForAnotherHandler shows why a preflight with Content-Type alone is not answered at once: it may be for
// the next handler's path, which must not be opened to other origins by a gateway that stands before it.
func TestPreflightForAnotherHandler(t *testing.T) {
	r := request("OPTIONS", "/api", "", "Origin", "http://x", "Access-Control-Request-Method", "POST",
		"Access-Control-Request-Headers", "content-type")
	if res := corsGateway(t).send(r); res.Header.Get("Unhandled") == "" {
		t.Error("the next handler was not asked")
	}
}

func TestCORSOnUnavailable(t *testing.T) {
	g := corsGateway(t)
	g.queue.err = delivery.ErrFull
	res := g.send(request("POST", "/async", "", "Origin", "http://x"))
	if got := corsHeaders(res); res.StatusCode != 503 || got != "Allow-Origin: *" {
		t.Errorf("got %d %q", res.StatusCode, got)
	}
	g.change(func(s *snapshot.Snapshot) { s.Loaded = false })
	res = g.send(request("POST", "/", "", "Event", "unknown", "Origin", "http://x"))
	if got := corsHeaders(res); res.StatusCode != 503 || got != "Allow-Origin: *" {
		t.Errorf("got %d %q", res.StatusCode, got)
	}
}

// TestAnswersPagesMayRead checks that a page of another origin may read what the gateway says about its event.
func TestAnswersPagesMayRead(t *testing.T) {
	res := newGateway(t).send(request("POST", "/", "", "Event", "e", "Origin", "https://a.example"))
	if got := res.Header.Get("Access-Control-Expose-Headers"); got != "Event-Gateway-Event-Id, Event-Gateway-Duplicate" {
		t.Errorf("exposed are %q", got)
	}
}
