package eventsapi_test

import (
	"net/http"
	"testing"

	"github.com/eventgateway/eventgateway"
)

// resourceGateway has subscriptions with and without CORS configuration of their own, and CORS resources beside them.
func resourceGateway(t *testing.T) *gateway {
	own := says(`{"headers":{"Access-Control-Allow-Origin":"http://function"},"body":"ok"}`)
	cors := func(origin string) eventgateway.CORS {
		return eventgateway.CORS{Origins: []string{origin}, Methods: []string{"GET", "DELETE"}, AllowCredentials: true}
	}
	g := newGateway(t).function("f", own).function("b/f", own).function("options", says(`{"headers":{"X-Options":"own"}}`)).
		subscribe(t, "sync http GET /users/:id f").
		subscribe(t, "sync http GET /both f", &eventgateway.CORS{}).
		subscribe(t, "sync http OPTIONS /users/:id options").
		subscribe(t, "sync http GET /b b/f").
		subscribe(t, "async http DELETE /async b/f").
		subscribe(t, "sync http OPTIONS /nothing options").
		resource(t, "", "GET", "/users/*rest", cors("http://a")).
		resource(t, "", "GET", "/both", cors("http://a")).
		resource(t, "", "GET", "/b", cors("http://a")).
		resource(t, "b", "DELETE", "/async", cors("http://b")).
		resource(t, "", "GET", "/free", cors("http://a")).
		resource(t, "b", "GET", "/freeb", cors("http://b")).
		resource(t, "", "GET", "/nothing", cors("http://a"))
	return g
}

func TestCORSResources(t *testing.T) {
	const allowed = "Allow-Origin: http://a; Allow-Credentials: true; "
	preflight := func(method, path, origin string, header ...string) *http.Request {
		return request("OPTIONS", path, "", append([]string{"Origin", origin, "Access-Control-Request-Method", method}, header...)...)
	}
	const varies = "Vary: Access-Control-Request-Method, Access-Control-Request-Headers, Origin"
	for _, test := range []struct {
		name, space string
		r           *http.Request
		status      int
		want        string
	}{
		{"answer", "", request("GET", "/users/7", "", "Origin", "http://a"), 200, allowed + "Vary: Origin"},
		{"other origin", "", request("GET", "/users/7", "", "Origin", "http://b"), 200, "Vary: Origin"},
		{"no origin", "", request("GET", "/users/7", ""), 200, "Vary: Origin"},
		{"the subscription's own comes first", "", request("GET", "/both", "", "Origin", "http://x"), 200, "Allow-Origin: *"},
		{"of another space", "", request("GET", "/b", "", "Origin", "http://a"), 200, "Allow-Origin: http://function"},
		{"async", "", request("DELETE", "/async", "", "Origin", "http://b"), 202, "Allow-Origin: http://b; Allow-Credentials: true; Vary: Origin"},
		{
			"preflight", "", preflight("GET", "/users/7", "http://a", "Access-Control-Request-Headers", "accept"), 204,
			allowed + "Allow-Methods: GET; Allow-Headers: accept; Max-Age: 600; " + varies,
		},
		{"preflight of another origin", "", preflight("GET", "/users/7", "http://b"), 204, varies},
		{
			"preflight of another header", "", preflight("GET", "/users/7", "http://a", "Access-Control-Request-Headers", "x-a"), 204,
			"Vary: Access-Control-Request-Method, Access-Control-Request-Headers",
		},
		{"preflight, own", "", preflight("GET", "/both", "http://x"), 204, "Allow-Origin: *; Allow-Methods: GET; Max-Age: 600; Vary: Access-Control-Request-Method, Access-Control-Request-Headers"},
		{"preflight, of another space", "", preflight("GET", "/b", "http://a"), 204, ""},
		{"preflight, no subscription", "", preflight("GET", "/free", "http://a"), 204, allowed + "Allow-Methods: GET; Max-Age: 600; " + varies},
		{"preflight, only OPTIONS", "", preflight("GET", "/nothing", "http://a"), 200, ""},
		{"preflight, no resource", "", preflight("DELETE", "/free", "http://a"), 404, ""},
		{"preflight, bound", "default", preflight("GET", "/free", "http://a"), 204, allowed + "Allow-Methods: GET; Max-Age: 600; " + varies},
		{"preflight, bound to another space", "default", preflight("GET", "/freeb", "http://b"), 404, ""},
		{"preflight, named", "", preflight("GET", "/freeb", "http://b", "Space", "b"), 204, "Allow-Origin: http://b; Allow-Credentials: true; Allow-Methods: GET; Max-Age: 600; " + varies},
		{"preflight, named another", "", preflight("GET", "/freeb", "http://b", "Space", "default"), 404, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			res := resourceGateway(t).sendIn(test.space, test.r)
			if got := corsHeaders(res); res.StatusCode != test.status || got != test.want {
				t.Errorf("got  %d %s\nwant %d %s", res.StatusCode, got, test.status, test.want)
			}
		})
	}
}

// TestCORSOfRefusedSpace has the space that would answer refuse: the next one answers, with its own CORS configuration.
func TestCORSOfRefusedSpace(t *testing.T) {
	g := newGateway(t).function("a/f", says(`{}`)).function("b/f", says(`{}`)).
		eventType(t, "a/http", schemaOf(`{"const":1}`, "")).
		resource(t, "a", "POST", "/", eventgateway.CORS{Origins: []string{"http://a"}, AllowCredentials: true})
	for i, space := range []string{"a", "b"} {
		g.subscribeAs(t, "sync http POST / "+space+"/f", func(s *eventgateway.Subscription) { s.CreateRevision = int64(i + 1) })
	}
	send := func(body string) *http.Response {
		return g.send(request("POST", "/", body, "Content-Type", jsonType, "Origin", "http://a"))
	}
	if got := send("1").Header.Get("Access-Control-Allow-Origin"); got != "http://a" {
		t.Errorf("its own: %q", got)
	}
	res := send("2")
	if got := corsHeaders(res); res.StatusCode != 200 || got != "Vary: Origin" {
		t.Errorf("the other's: %d %s", res.StatusCode, got)
	}
	g.eventType(t, "b/http", schemaOf(`{"const":1}`, ""))
	res = send("2")
	if got := res.Header.Get("Access-Control-Allow-Origin"); res.StatusCode != 400 || got != "http://a" {
		t.Errorf("the refusal, which is that of the space that would have answered: %d %s", res.StatusCode, got)
	}
}
