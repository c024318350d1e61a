package caddyprovider_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
	_ "github.com/eventgateway/eventgateway/providers/http"
)

// BenchmarkRoute compares a call of a handler as a route with one of the same handler over HTTP on the loopback interface.
func BenchmarkRoute(b *testing.B) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"statusCode":200,"body":"hello"}`)
	})
	server := httptest.NewServer(handler)
	defer server.Close()
	env := providers.Env{Logger: slog.New(slog.DiscardHandler), MaxResponse: 1 << 20, Route: func(string) http.Handler { return handler }}
	open := func(typ, fields string) *providers.Handle {
		return providers.Open(&eventgateway.Function{Space: "s", ID: "f", Type: typ, Provider: json.RawMessage(fields)}, env)
	}
	call := &providers.Call{Payload: []byte(`{"event":"http"}`), ContentType: "application/json", Event: new(eventgateway.Event)}
	var took [2]float64
	for i, h := range []*providers.Handle{open("http", `{"url":"`+server.URL+`"}`), open("caddy", `{"route":"r"}`)} {
		defer h.Close()
		b.Run(h.Function.Type, func(b *testing.B) {
			for b.Loop() {
				if _, err := h.Invoke(b.Context(), call); err != nil {
					b.Fatal(err)
				}
			}
			took[i] = float64(b.Elapsed().Nanoseconds()) / float64(b.N)
			if i == 1 && took[0] > 0 {
				b.ReportMetric(took[0]/took[1], "times-faster-than-http")
			}
		})
	}
}
