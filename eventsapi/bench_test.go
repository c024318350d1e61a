package eventsapi_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/delivery"
	"github.com/eventgateway/eventgateway/providers"
)

// nothing is an observer and a queue without cost, so that a benchmark measures the handler alone.
type nothing struct{}

func (nothing) Invoked(eventgateway.FunctionKey, providers.Failure, time.Duration) {}
func (nothing) Delivered(string, string, time.Duration)                            {}
func (nothing) Dropped(string, string, string)                                     {}
func (nothing) Received(string, string)                                            {}
func (nothing) Processed(string, string)                                           {}
func (nothing) Refused(string, string, string)                                     {}
func (nothing) FilterFailed(string, string)                                        {}
func (nothing) OrderingKeyFailed(string, string)                                   {}
func (nothing) SchemaViolated(string, string)                                      {}
func (nothing) Attempted(eventgateway.FunctionKey, string)                         {}
func (nothing) Deduplicated(string, string)                                        {}
func (nothing) CopyDropped(eventgateway.FunctionKey)                               {}
func (nothing) Put(context.Context, []delivery.Item) error                         { return nil }

// sink is a ResponseWriter without cost.
type sink struct {
	header http.Header
	status int
}

func (s *sink) Header() http.Header              { return s.header }
func (s *sink) Write(p []byte) (int, error)      { return len(p), nil }
func (s *sink) WriteHeader(status int)           { s.status = status }
func (s *sink) SetReadDeadline(time.Time) error  { return nil }
func (s *sink) SetWriteDeadline(time.Time) error { return nil }

// rewinding is a request body that can be read again.
type rewinding struct{ *strings.Reader }

func (r rewinding) Close() error { return nil }

// BenchmarkServe measures a request from its headers to its answer, with a function that answers at once. The payload of
// the event has 430 bytes. Event types are registered, but none of those that are sent.
func BenchmarkServe(b *testing.B) {
	data := `{"name":"` + strings.Repeat("x", 430-11) + `"}`
	const says = `{"statusCode":200,"headers":{"Content-Type":"application/json"},"body":"{\"ok\":true}"}`
	answer := &providers.Result{Body: []byte(says)}
	g := newGateway(b).function("f", func(context.Context, *providers.Call) (*providers.Result, error) { return answer, nil }).
		subscribe(b, "sync http POST /users/:id f").subscribe(b, "sync invoke POST / f").subscribe(b, "async e POST / f")
	g.eventType(b, "registered", schemaOf(`{"type":"object"}`, "")).subscribe(b, "async registered POST / f")
	g.Strict = func(space string) bool { return space == "strict" }
	g.Queue, g.Observer = nothing{}, nothing{}
	cloudEvent := strings.Replace(structured("e"), `{"a":1}`, data, 1)
	for _, bench := range []struct {
		name, path, body string
		status           int
		header           []string
	}{
		{"custom/unsubscribed", "/", data, 202, []string{"Event", "other"}},
		{"custom/async", "/", data, 202, []string{"Event", "e"}},
		{"custom/registered", "/", data, 202, []string{"Event", "registered"}},
		{"structured/async", "/", cloudEvent, 202, []string{"Content-Type", cloudEvents}},
		{"binary/async", "/", data, 202, []string{"ce-specversion", "1.0", "ce-id", "1", "ce-source", "/s", "ce-type", "e"}},
		{"invoke", "/", data, 200, []string{"Event", "invoke", "Function-Id", "f"}},
		{"http", "/users/7?q=1", data, 200, []string{"Accept", "*/*", "User-Agent", "bench", "X-Request-Id", "1"}},
		{"http/unsubscribed", "/other", data, 0, nil},
	} {
		b.Run(fmt.Sprintf("%s/%dB", bench.name, len(bench.body)), func(b *testing.B) {
			r := request("POST", bench.path, bench.body, bench.header...)
			if r.Header.Get("Content-Type") == "" {
				r.Header.Set("Content-Type", jsonType)
			}
			body := rewinding{strings.NewReader(bench.body)}
			r.Body = body
			w := &sink{header: http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				_, _ = body.Seek(0, io.SeekStart)
				clear(w.header)
				w.status = 0
				g.Serve(w, r, "")
				if w.status != bench.status {
					b.Fatalf("got %d", w.status)
				}
			}
		})
	}
}
