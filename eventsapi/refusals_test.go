package eventsapi_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway/snapshot"
)

func TestMalformed(t *testing.T) {
	g := newGateway(t).subscribe(t, "sync http POST /f f")
	for _, test := range []struct {
		name   string
		r      *http.Request
		status int
		want   string
	}{
		{"JSON", request("POST", "/", `{"a":`, "Event", "e", "Content-Type", jsonType), 400, "body: not valid JSON"},
		{"JSON of a suffix", request("POST", "/", `x`, "Event", "e", "Content-Type", "a/b+JSON; c=d"), 400, "body: not valid JSON"},
		{"JSON of an http event", request("POST", "/f", `x`, "Content-Type", jsonType), 400, "body: not valid JSON"},
		{"JSON of a binary CloudEvent", request("POST", "/", `x`, "Content-Type", jsonType, "ce-id", "1"), 400, "body: not valid JSON"},
		{"Content-Type", request("POST", "/", `x`, "Event", "e", "Content-Type", "json"), 400, `Content-Type: "json" is not accepted`},
		{"Event", request("POST", "/", ``, "Event", "a b"), 400, `Event: "a b" is not accepted`},
		{"empty Event", request("POST", "/", ``, "Event", ""), 400, `Event: "" is not accepted`},
		{
			"Event of the gateway", request("POST", "/", ``, "Event", "gateway.event.received"), 400,
			`Event: "gateway.event.received" is not`,
		},
		{
			"Event of the gateway, long", request("POST", "/", ``, "Event", "eventgateway.x"), 400,
			`Event: "eventgateway.x" is not accepted`,
		},
		{"CloudEvent", request("POST", "/", `{"id":"1"}`, "Content-Type", cloudEvents), 400, "specversion: missing"},
		{
			"CloudEvent of the gateway", request("POST", "/", structured("gateway.x"), "Content-Type", cloudEvents), 400,
			`type: "gateway.x"`,
		},
		{"CloudEvent http", request("POST", "/", structured("http"), "Content-Type", cloudEvents), 400, `type: "http" is not accepted`},
		{
			"CloudEvent http.request", request("POST", "/", structured("http.request"), "Content-Type", cloudEvents), 400,
			`type: "http.request"`,
		},
		{
			"CloudEvent invoke", request("POST", "/", structured("invoke"), "Content-Type", cloudEvents), 400,
			`type: "invoke" is not accepted`,
		},
		{"binary", request("POST", "/", ``, "ce-specversion", "1.0"), 400, "ce-id: missing"},
		{
			"batch", request("POST", "/", `{}`, "Content-Type", batchType), 400,
			"body: not accepted as application/cloudevents-batch+json",
		},
		{
			"CloudEvent in XML", request("POST", "/", `<a/>`, "Content-Type", "application/cloudevents+xml"), 415,
			"want application/cloudevents+json",
		},
		{
			"gzipped event", request("POST", "/", "\x1f", "Event", "e", "Content-Encoding", "gzip"), 415,
			`Content-Encoding: "gzip" is not accepted`,
		},
		{
			"gzipped JSON", request("POST", "/f", "\x1f", "Content-Type", jsonType, "Content-Encoding", "br"), 415,
			`Content-Encoding: "br" is not`,
		},
		{"Space", request("POST", "/", ``, "Event", "e", "Space", "a/b"), 400, `Space: "a/b" is not accepted`},
	} {
		t.Run(test.name, func(t *testing.T) {
			expectError(t, g.send(test.r), test.status, test.want)
			if told := g.told(); !strings.HasPrefix(told, "refused ") || strings.Contains(told, ";") {
				t.Errorf("the observer was told %q", told)
			}
		})
	}
}

func TestTooLarge(t *testing.T) {
	g := newGateway(t).subscribe(t, "sync http POST /f f").subscribe(t, "sync invoke POST /f f")
	g.MaxBody = 10
	for _, header := range [][]string{
		{},
		{"Event", "e"},
		{"Event", "invoke", "Function-ID", "f"},
		{"Content-Type", cloudEvents},
		{"Content-Type", batchType},
		{"ce-id", "1"},
	} {
		announced := request("POST", "/f", "01234567890", header...)
		expectError(t, g.send(announced), http.StatusRequestEntityTooLarge, "body: too large: want at most 10 bytes")
		chunked := request("POST", "/f", "01234567890", header...)
		chunked.ContentLength = -1
		expectError(t, g.send(chunked), http.StatusRequestEntityTooLarge, "body: too large: want at most 10 bytes")
	}
	if told := g.told(); strings.Count(told, "too_large") != 12 {
		t.Errorf("the observer was told %q", told)
	}
	for _, length := range []int64{10, -1} {
		exact := request("POST", "/", "0123456789", "Event", "e")
		exact.ContentLength = length
		if res := g.send(exact); res.StatusCode != http.StatusAccepted {
			t.Errorf("a body as large as is allowed, announced as %d: got %d", length, res.StatusCode)
		}
	}
}

func TestConfigurationNotLoaded(t *testing.T) {
	g := newGateway(t).function("static", says(`{"body":"ok"}`)).subscribe(t, "sync http GET /static static").
		subscribe(t, "async known POST / a")
	g.change(func(s *snapshot.Snapshot) { s.Loaded = false })
	for _, r := range []*http.Request{
		request("GET", "/dynamic", ""),
		request("OPTIONS", "/dynamic", "", "Origin", "http://a", "Access-Control-Request-Method", "GET"),
		request("POST", "/", "", "Event", "unknown"),
		request("POST", "/", "", "Event", "invoke", "Function-ID", "f"),
		request("POST", "/", structured("unknown"), "Content-Type", cloudEvents),
		request("POST", "/", "["+structured("known")+","+structured("unknown")+"]", "Content-Type", batchType),
	} {
		expectError(t, g.send(r), http.StatusServiceUnavailable, "not loaded its configuration")
		if told := g.told(); !strings.HasSuffix(told, "not_loaded") {
			t.Errorf("the observer was told %q", told)
		}
	}
	if g.queued() != "" {
		t.Errorf("queued %q of a batch that was refused", g.queued())
	}
	if res := g.send(request("GET", "/static", "")); res.StatusCode != 200 || bodyOf(t, res) != "ok" {
		t.Errorf("a static subscription: got %d", res.StatusCode)
	}
	if res := g.send(request("POST", "/", "", "Event", "known")); res.StatusCode != 202 {
		t.Errorf("a static async subscription: got %d", res.StatusCode)
	}
}
