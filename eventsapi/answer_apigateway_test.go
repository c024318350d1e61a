package eventsapi_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
)

const (
	gatewayV1 = eventgateway.FormatAPIGatewayV1
	gatewayV2 = eventgateway.FormatAPIGatewayV2
)

// answeredIn serves a request whose function has a format and answers with payload.
func answeredIn(t testing.TB, format eventgateway.Format, payload string) *http.Response {
	return newGateway(t).functionAs("f", format, says(payload)).subscribe(t, "sync http GET /f f").send(request("GET", "/f", ""))
}

func TestAPIGatewayAnswers(t *testing.T) {
	const text, octets = "text/plain; charset=utf-8", "application/octet-stream"
	for _, test := range []struct {
		name        string
		formats     string // "1", "2" or both
		payload     string
		status      int
		body        string
		contentType string
		header      http.Header
	}{
		{"nothing but a status", "12", `{"statusCode":201}`, 201, "", "", nil},
		{"a status as text", "12", `{"statusCode":"404"}`, 404, "", "", nil},
		{"no status", "1", `{"body":"x"}`, 200, "x", jsonType, nil},
		{"a body without a type", "1", `{"statusCode":200,"body":"x"}`, 200, "x", jsonType, nil},
		{"a body without a type", "2", `{"statusCode":200,"body":"x"}`, 200, "x", text, nil},
		{"a type of its own", "12", `{"statusCode":200,"headers":{"content-type":"a/b"},"body":"x"}`, 200, "x", "a/b", nil},
		{"base64", "12", `{"statusCode":200,"body":"AAH/","isBase64Encoded":true}`, 200, "\x00\x01\xff", octets, nil},
		{
			"what Go writes", "12", `{"statusCode":204,"headers":null,"multiValueHeaders":null,"body":"","cookies":null}`, 204, "", "", nil,
		},
		{
			"headers of both kinds", "12",
			`{"statusCode":200,"headers":{"X-A":"1","X-B":"2","Set-Cookie":"a=1"},"multiValueHeaders":{"x-a":["1","3"],"Set-Cookie":["b=2"]}}`,
			200, "", "",
			http.Header{"X-A": {"1", "3"}, "X-B": {"2"}, "Set-Cookie": {"b=2", "a=1"}},
		},
		{
			"headers of both kinds, joined", "12",
			`{"statusCode":200,"headers":{"X-A":"1, 2","X-B":"1,2","X-C":"1","X-D":""},"multiValueHeaders":{"X-A":["1","2"],"X-B":["1","3"],"X-C":["2","1"],"X-D":["1"]}}`,
			200, "", "",
			http.Header{"X-A": {"1", "2"}, "X-B": {"1", "3", "1,2"}, "X-C": {"2", "1"}, "X-D": {"1", ""}},
		},
		{
			"cookies", "2", `{"statusCode":200,"headers":{"set-cookie":"a=1"},"cookies":["b=2; Path=/","c=3"],"body":""}`, 200, "", "",
			http.Header{"Set-Cookie": {"a=1", "b=2; Path=/", "c=3"}},
		},
		{"cookies mean nothing there", "1", `{"statusCode":200,"cookies":["b=2"]}`, 200, "", "", http.Header{"Set-Cookie": nil}},
		{"a string", "2", " \"Hi\\n\\\"\u00fc\\\"\" \n", 200, "Hi\n\"ü\"", jsonType, nil},
		{"an object", "2", `{ "message": "Hi" }`, 200, `{ "message": "Hi" }`, jsonType, nil},
		{"an object with other members", "2", `{"body":"x","headers":{"X-A":"1"}}`, 200, `{"body":"x","headers":{"X-A":"1"}}`, jsonType, http.Header{"X-A": nil}},
		{"a status of null", "2", `{"statusCode":null}`, 200, `{"statusCode":null}`, jsonType, nil},
		{"a list", "2", `[1]`, 200, `[1]`, jsonType, nil},
		{"a number", "2", `1.50`, 200, `1.50`, jsonType, nil},
		{"null", "2", `null`, 200, `null`, jsonType, nil},
	} {
		for _, format := range []eventgateway.Format{gatewayV1, gatewayV2} {
			if !strings.Contains(test.formats, string(format[len(format)-1:])) {
				continue
			}
			t.Run(test.name+" in "+string(format), func(t *testing.T) {
				res := answeredIn(t, format, test.payload)
				if body := bodyOf(t, res); res.StatusCode != test.status || body != test.body ||
					res.Header.Get("Content-Type") != test.contentType {
					t.Errorf("got %d %q %q, want %d %q %q", res.StatusCode, body, res.Header.Get("Content-Type"), test.status,
						test.body, test.contentType)
				}
				for name, want := range test.header {
					if got := res.Header.Values(name); strings.Join(got, "|") != strings.Join(want, "|") {
						t.Errorf("%s: %q, want %q", name, got, want)
					}
				}
			})
		}
	}
}

func TestAPIGatewayAnswersNonsense(t *testing.T) {
	for _, test := range []struct {
		format        eventgateway.Format
		payload, want string
	}{
		{gatewayV1, `"secret"`, "want an object with statusCode"},
		{gatewayV1, `null`, "want an object"},
		{gatewayV1, ``, "answer: not valid JSON"},
		{gatewayV2, ``, "answer: not valid JSON"},
		{gatewayV2, `secret`, "answer: not valid JSON"},
		{gatewayV1, `{"statusCode":"secret"}`, "statusCode: want"},
		{gatewayV2, `{"statusCode":"nosecret"}`, "statusCode: want"},
		{gatewayV2, `{"statusCode":99}`, "statusCode: want"},
		{gatewayV2, `{"statusCode":""}`, "statusCode: want"},
		{gatewayV1, `{"statusCode":200,"multiValueHeaders":["secret"]}`, "multiValueHeaders: want an object"},
		{gatewayV1, `{"statusCode":200,"multiValueHeaders":{"X":["a\nsecret"]}}`, "multiValueHeaders: want values without"},
		{gatewayV1, `{"statusCode":200,"headers":{"a b":"secret"}}`, "headers: want HTTP header names"},
		{
			gatewayV1, `{"statusCode":200,"headers":{"X-A":"b"},"multiValueHeaders":{"X-B":["secret"` + strings.Repeat(`,"b"`, 999) + `]}}`,
			"headers: want at most 1000",
		},
		{gatewayV2, `{"statusCode":200,"cookies":"secret"}`, "cookies: want a list of strings"},
		{gatewayV2, `{"statusCode":200,"cookies":[7]}`, "cookies: want a list of strings"},
		{gatewayV2, `{"statusCode":200,"cookies":["a\nsecret"]}`, "cookies: want values without"},
		{gatewayV2, `{"statusCode":200,"body":{}}`, "body: want a string"},
		{gatewayV2, `{"statusCode":200,"body":"secret!","isBase64Encoded":true}`, "body: want valid base64"},
		{gatewayV2, `{"statusCode":200,"isBase64Encoded":1}`, "isBase64Encoded: want true or false"},
	} {
		res := answeredIn(t, test.format, test.payload)
		if body := bodyOf(t, res); strings.Contains(strings.ToLower(body), "secret") {
			t.Errorf("%s: the answer shows the payload: %s", test.payload, body)
		}
		expectError(t, answeredIn(t, test.format, test.payload), http.StatusBadGateway, test.want)
	}
}

// TestAPIGatewayRequests shows where what only these formats tell comes from.
func TestAPIGatewayRequests(t *testing.T) {
	var got struct {
		RouteKey, RawPath, RawQueryString string
		Headers, PathParameters           map[string]string
		RequestContext                    struct {
			HTTP struct{ Protocol, SourceIP string }
		}
	}
	g := newGateway(t).functionAs("f", gatewayV2, func(_ context.Context, call *providers.Call) (*providers.Result, error) {
		return &providers.Result{Body: []byte(`{"statusCode":204}`)}, json.Unmarshal(call.Payload, &got)
	}).subscribe(t, "sync http GET /a/:id/*rest f")
	send := func(header ...string) {
		t.Helper()
		r := request("GET", "/a/%C3%BC%2F1/x?q=1&q=%zz", "", header...)
		r.RemoteAddr = "192.0.2.9:4711"
		if res := g.send(r); res.StatusCode != 204 {
			t.Fatalf("got %d %s", res.StatusCode, bodyOf(t, res))
		}
	}
	send("X-Forwarded-Proto", "https")
	if got.RouteKey != "GET /a/{id}/{rest+}" || got.RawPath != "/a/%C3%BC%2F1/x" || got.RawQueryString != "q=1&q=%zz" ||
		got.PathParameters["id"] != "ü/1" || got.RequestContext.HTTP.Protocol != "HTTP/1.1" {
		t.Errorf("got %+v", got)
	}
	expect := func(ip, scheme string) {
		t.Helper()
		if got.RequestContext.HTTP.SourceIP != ip || got.Headers["x-forwarded-for"] != ip || got.Headers["x-forwarded-proto"] != scheme {
			t.Errorf("got %+v, want %s by %s", got, ip, scheme)
		}
	}
	expect("192.0.2.9", "http")
	trusted := true
	g.Client = func(*http.Request) (string, bool) { return "203.0.113.7", trusted }
	send("X-Forwarded-Proto", "HTTPS, http")
	expect("203.0.113.7", "https")
	send("X-Forwarded-Proto", "gopher")
	expect("203.0.113.7", "http")
	trusted = false
	send("X-Forwarded-Proto", "https")
	expect("203.0.113.7", "http")
}

// TestHEADHasTheLengthTheFunctionSays is for functions that leave out the body by themselves.
func TestHEADHasTheLengthTheFunctionSays(t *testing.T) {
	for payload, want := range map[string]int64{
		`{"statusCode":200,"headers":{"Content-Length":"4711"}}`:             4711,
		`{"statusCode":200,"headers":{"Content-Length":"x"}}`:                0,
		`{"statusCode":200,"headers":{"Content-Length":"-1"}}`:               0,
		`{"statusCode":200,"headers":{"Content-Length":"9"},"body":"hello"}`: 5,
	} {
		g := newGateway(t).functionAs("f", gatewayV2, says(payload)).subscribe(t, "sync http HEAD /f f")
		res, err := http.Head(g.start(t).URL + "/f")
		if err != nil {
			t.Fatal(err)
		}
		if bodyOf(t, res); res.StatusCode != 200 || res.ContentLength != want {
			t.Errorf("%s: got %d with length %d", payload, res.StatusCode, res.ContentLength)
		}
	}
}

// Transforms take the place of the event and of the answer, in these formats too.
func TestAPIGatewayTransforms(t *testing.T) {
	var got string
	g := newGateway(t).functionAs("f", gatewayV1, func(_ context.Context, call *providers.Call) (*providers.Result, error) {
		got = string(call.Payload)
		return &providers.Result{Body: []byte(`{"statusCode":201,"multiValueHeaders":{"X-A":["1","2"]},"body":"{\"n\":1}"}`)}, nil
	}).subscribeAs(t, "sync http POST /:id f", func(s *eventgateway.Subscription) {
		s.Transform, s.ResponseTransform = `{"id": request.params.id}`, `response.data.n + 1`
	})
	res := g.send(request("POST", "/7", ""))
	if body := bodyOf(t, res); got != `{"id":"7"}` || res.StatusCode != 201 || body != "2" || len(res.Header["X-A"]) != 2 {
		t.Errorf("the function got %s, the sender %d %s with %v", got, res.StatusCode, body, res.Header)
	}
}

// FuzzAPIGatewayAnswer lets a function answer anything: it reaches the sender as HTTP, or is a 502.
func FuzzAPIGatewayAnswer(f *testing.F) {
	for _, seed := range []string{
		`{"statusCode":"201","headers":{"A":"b"},"multiValueHeaders":{"a":["b","c"]},"cookies":["a=b"],"body":"x"}`, `"x"`, `{}`, ` [ ] `,
		`{"statusCode":"`, `{"statusCode":"2"}`, `null`, "\"\\ud83d\" ",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, payload string) {
		for _, format := range []eventgateway.Format{gatewayV1, gatewayV2} {
			res := answeredIn(t, format, payload)
			for name, values := range res.Header {
				for _, value := range values {
					if !eventgateway.ValidHeaderName(name) || !eventgateway.ValidHeaderValue(value) {
						t.Errorf("%q led to header %q: %q", payload, name, value)
					}
				}
			}
			if res.StatusCode != http.StatusBadGateway && !json.Valid([]byte(payload)) || res.StatusCode < 200 || res.StatusCode > 599 {
				t.Errorf("%q led to %d", payload, res.StatusCode)
			}
		}
	})
}
