package eventsapi_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway"
)

// FuzzServe sends requests made of anything. Whatever comes: an answer of the contract, and functions get valid JSON.
func FuzzServe(f *testing.F) {
	f.Add("POST", "/a?b=c", "Content-Type: application/json\nEvent: e", `{"a":1}`)
	f.Add("POST", "/", "Content-Type: application/cloudevents+json", structured("e"))
	f.Add("POST", "/", "Content-Type: application/cloudevents-batch+json", "["+structured("e")+"]")
	f.Add("POST", "/", "ce-id: 1\nce-type: e\nce-source: /\nce-specversion: 1.0\nce-x: %41", "x")
	f.Add("POST", "/p/%2f/x", "Content-Type: multipart/form-data; boundary=x\nSpace: default", "\xff")
	f.Add("POST", "/", "Event: invoke\nFunction-ID: f\nOrigin: http://x", "")
	f.Add("OPTIONS", "/", "Origin: http://x\nAccess-Control-Request-Method: POST\nAccess-Control-Request-Headers: event", "")
	f.Add("GET", "/p/a/b", "Content-Encoding: gzip\nEvent: http", "")
	f.Fuzz(func(t *testing.T, method, target, headers, body string) {
		u, err := url.ParseRequestURI(target)
		if err != nil || !strings.HasPrefix(target, "/") {
			return
		}
		g := newGateway(t).function("f", echo).
			subscribe(t, "sync http GET /p/*rest f").subscribe(t, "sync http POST /p/*rest f").
			subscribe(t, "async e POST /:x f").subscribe(t, "async e POST / f").subscribe(t, "sync invoke POST / f")
		r := httptest.NewRequest("POST", "/", strings.NewReader(body))
		r.Method, r.URL = method, u
		for line := range strings.SplitSeq(headers, "\n") {
			if name, value, ok := strings.Cut(line, ": "); ok && eventgateway.ValidHeaderName(name) &&
				eventgateway.ValidHeaderValue(value) {
				r.Header.Add(name, value)
			}
		}
		res := g.send(r)
		answer := bodyOf(t, res)
		switch res.StatusCode {
		case http.StatusOK:
			if !json.Valid([]byte(answer)) {
				t.Errorf("the function got %q", answer)
			}
		case http.StatusAccepted, http.StatusNoContent:
			if answer != "" {
				t.Errorf("%d with body %q", res.StatusCode, answer)
			}
		case 400, 404, 413, 415:
			var e struct{ Errors []struct{ Message string } }
			if json.Unmarshal([]byte(answer), &e) != nil || len(e.Errors) != 1 || e.Errors[0].Message == "" {
				t.Errorf("%d with body %q", res.StatusCode, answer)
			}
		default:
			t.Errorf("status %d %q", res.StatusCode, answer)
		}
		for _, item := range g.queue.items {
			if payload := item.Event.Encode(nil, "", nil).Payload; !json.Valid(payload) {
				t.Errorf("queued what encodes to %q", payload)
			}
		}
	})
}

// FuzzFunctionAnswer lets a function answer anything: it reaches the sender as HTTP, or is a 502.
func FuzzFunctionAnswer(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"statusCode":201,"headers":{"X-A":["b",1,true,null]},"body":"x\u00e9"}`, `{"body":"AAH/","isBase64Encoded":true}`,
		`{"statusCode":204,"body":"x"}`, `[]`, `{"headers":{"A\n":"b"}}`, `{"headers":{"Content-Type":"a/b"},"body":""}`,
		`{"statusCode":1e2}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, payload string) {
		res := answered(t, "GET", payload)
		for name, values := range res.Header {
			for _, value := range values {
				if !eventgateway.ValidHeaderName(name) || !eventgateway.ValidHeaderValue(value) {
					t.Errorf("%q led to header %q: %q", payload, name, value)
				}
			}
		}
		if res.StatusCode != http.StatusBadGateway {
			if !json.Valid([]byte(payload)) || res.StatusCode < 200 || res.StatusCode > 599 {
				t.Errorf("%q led to %d", payload, res.StatusCode)
			}
		}
	})
}
