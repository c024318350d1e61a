package eventsapi_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
)

func transform(source string) func(*eventgateway.Subscription) {
	return func(s *eventgateway.Subscription) { s.Transform = source }
}

func responseTransform(source string) func(*eventgateway.Subscription) {
	return func(s *eventgateway.Subscription) { s.ResponseTransform = source }
}

func TestTransformOfASyncCall(t *testing.T) {
	called := func(_ context.Context, call *providers.Call) (*providers.Result, error) {
		body := string(call.Payload) + " | " + call.ContentType + " | " + strings.Join(call.Header["X-Name"], ",")
		return &providers.Result{Body: []byte(body), ContentType: "text/plain"}, nil
	}
	g := newGateway(t).function("f", called).
		subscribeAs(t, "sync made POST / f", func(s *eventgateway.Subscription) {
			s.Transform = `{"name": data.name, "type": event.type}`
			s.Headers = map[string]string{"x-name": `data.name`}
		}).
		subscribeAs(t, "sync invoke POST / f", transform(`data.name + "!"`))
	res := g.send(request("POST", "/", `{"name":"Max"}`, "Event", "made", "Content-Type", "application/json"))
	if got := bodyOf(t, res); res.StatusCode != 200 || got != `{"name":"Max","type":"made"} | application/json | Max` {
		t.Errorf("got %d %s", res.StatusCode, got)
	}
	res = g.send(request("POST", "/", `{"name":"Max"}`, "Event", "invoke", "Function-ID", "f", "Content-Type", "application/json"))
	if got := bodyOf(t, res); res.StatusCode != 200 || got != `Max! | text/plain; charset=utf-8 | ` {
		t.Errorf("got %d %s", res.StatusCode, got)
	}
}

func TestTransformOfAnHTTPEvent(t *testing.T) {
	g := newGateway(t).function("f", echo).
		subscribeAs(t, "sync http POST /users/:id f", transform(`{"id": request.params.id, "q": request.query.q, "body": data}`))
	res := g.send(request("POST", "/users/7?q=a&q=b", `{"n":1}`, "Content-Type", "application/json"))
	if got := bodyOf(t, res); res.StatusCode != 200 || got != `{"body":{"n":1},"id":"7","q":["a","b"]}` {
		t.Errorf("got %d %s", res.StatusCode, got)
	}
}

func TestTransformThatFails(t *testing.T) {
	g := newGateway(t).function("f", func(context.Context, *providers.Call) (*providers.Result, error) {
		t.Error("the function was called")
		return &providers.Result{}, nil
	}).
		subscribeAs(t, "sync made POST / f", transform(`{"a": 1}[data.secret]`)).
		subscribeAs(t, "sync http POST / f", func(s *eventgateway.Subscription) {
			s.Headers = map[string]string{"X-A": `data.missing`}
		})
	secret := `{"secret":"s3cret"}`
	res := g.send(request("POST", "/", secret, "Event", "made", "Content-Type", "application/json"))
	expectError(t, res, 502, `function "f" did not answer: it was not called: transform: no such key`)
	res = g.send(request("POST", "/", secret, "Content-Type", "application/json"))
	expectError(t, res, 502, `it was not called: headers.X-A: no such key: missing`)
	if strings.Contains(g.log.String(), "s3cret") {
		t.Errorf("the log holds the payload: %s", g.log)
	}
	if got := g.told(); got != "received default made; received default http" {
		t.Errorf("the observer was told %q", got)
	}
}

func TestResponseTransform(t *testing.T) {
	for _, test := range []struct{ name, source, answer, want, contentType string }{
		{"JSON", `{"n": response.data.n + 1, "for": event.type}`, `{"n":1}`, `{"for":"made","n":2}`, "application/json"},
		{"text", `"#" + string(response.data.n)`, `{"n":1}`, `#1`, "text/plain; charset=utf-8"},
		{"bytes", `b"\x01"`, `{}`, "\x01", "application/octet-stream"},
		{"status", `response.status`, `{}`, `200`, "application/json"},
		{"no JSON", `response.data.size()`, `plain`, `5`, "application/json"},
		{"nothing", `response.data == null || response.data.size() == 0`, ``, `true`, "application/json"},
	} {
		g := newGateway(t).function("f", says(test.answer)).subscribeAs(t, "sync made POST / f", responseTransform(test.source))
		res := g.send(request("POST", "/", `{}`, "Event", "made", "Content-Type", "application/json"))
		if got := bodyOf(t, res); res.StatusCode != 200 || got != test.want || res.Header.Get("Content-Type") != test.contentType {
			t.Errorf("%s: got %d %s %q, want %s %q", test.name, res.StatusCode, res.Header.Get("Content-Type"), got, test.contentType, test.want)
		}
	}
}

func TestResponseTransformOfAnHTTPEvent(t *testing.T) {
	const full = `{"statusCode":201,"headers":{"Content-Type":"application/json","X-A":["1","2"],"Content-Encoding":"identity"},` +
		`"body":"{\"items\":[1,2]}"}`
	for _, test := range []struct {
		name, source, answer string
		status               int
		body                 string
		header               map[string]string
	}{
		{
			"a new body", `{"count": response.data.items.size()}`, full, 201, `{"count":2}`,
			map[string]string{"Content-Type": "application/json", "X-A": "1", "Content-Encoding": ""},
		},
		{
			"a text", `"status " + string(response.status) + " a " + response.headers["x-a"]`, full, 201, `status 201 a 1, 2`,
			map[string]string{"Content-Type": "text/plain; charset=utf-8", "X-A": "1"},
		},
		{
			"a new answer", `{"statusCode": 418, "headers": {"X-B": "b"}, "body": "teapot"}`, full, 418, "teapot",
			map[string]string{"Content-Type": "text/plain; charset=utf-8", "X-A": "", "X-B": "b"},
		},
		{
			"a new answer with JSON", `{"statusCode": 200, "body": {"first": response.data.items[0]}}`, full, 200, `{"first":1}`,
			map[string]string{"Content-Type": "application/json"},
		},
		{
			"a new answer in base64", `{"statusCode": 200, "body": "aGk=", "isBase64Encoded": true}`, full, 200, `hi`,
			map[string]string{"Content-Type": "application/octet-stream"},
		},
		{
			"JSON that is not called so", `response.data.n`, `{"body":"{\"n\":[7]}"}`, 200, `[7]`,
			map[string]string{"Content-Type": "application/json"},
		},
		{"binary", `response.data`, `{"body":"aGk=","isBase64Encoded":true}`, 200, `hi`, map[string]string{"Content-Type": "application/octet-stream"}},
		{"no body", `{"none": response.data == null || response.data.size() == 0}`, `{"statusCode":202}`, 202, `{"none":true}`, nil},
	} {
		g := newGateway(t).function("f", says(test.answer)).subscribeAs(t, "sync http GET / f", responseTransform(test.source))
		res := g.send(request("GET", "/", ""))
		if got := bodyOf(t, res); res.StatusCode != test.status || got != test.body {
			t.Errorf("%s: got %d %q, want %d %q", test.name, res.StatusCode, got, test.status, test.body)
		}
		for name, want := range test.header {
			if got := res.Header.Get(name); got != want {
				t.Errorf("%s: header %s is %q, want %q", test.name, name, got, want)
			}
		}
	}
}

func TestResponseTransformThatFails(t *testing.T) {
	for _, test := range []struct{ source, answer, want string }{
		{`response.data.none`, `{"body":"{\"s\":\"s3cret\"}"}`, "its answer cannot be used: responseTransform: no such key: none"},
		{`{"a":1}[response.data.s]`, `{"body":"{\"s\":\"s3cret\"}"}`, "its answer cannot be used: responseTransform: no such key"},
		{`{"statusCode": 99}`, `{}`, "its answer cannot be used: statusCode: want an integer from 200 to 599"},
		{`1`, `s3cret`, "its answer cannot be used: answer: not valid JSON at byte 1"},
	} {
		g := newGateway(t).function("f", says(test.answer)).subscribeAs(t, "sync http GET / f", responseTransform(test.source))
		expectError(t, g.send(request("GET", "/", "")), http.StatusBadGateway, test.want)
		if strings.Contains(g.log.String(), "s3cret") {
			t.Errorf("the log holds the answer: %s", g.log)
		}
		if got := g.told(); got != "received default http; invoked f " {
			t.Errorf("the observer was told %q", got)
		}
	}
}
