package httpprovider

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/egress"
	"github.com/eventgateway/eventgateway/providers/httpcall"
)

// BenchmarkInvoke compares a call, through the egress guard as in the gateway, with the plain use of http.Client on a transport of
// the same settings without one, which is the baseline.
func BenchmarkInvoke(b *testing.B) {
	answer := []byte(`{"statusCode":200,"body":"hello"}`)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(answer)
	}))
	defer server.Close()
	call := &providers.Call{Payload: bytes.Repeat([]byte("x"), 512), ContentType: "application/json"}
	f := openIn(b, new(egress.Guard), &Provider{URL: server.URL})
	client := &http.Client{Transport: httpcall.NewTransport(new(net.Dialer).DialContext, nil)}
	defer client.CloseIdleConnections()
	provider := func(ctx context.Context) error {
		_, err := f.Invoke(ctx, call)
		return err
	}
	plain := func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL, bytes.NewReader(call.Payload))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", call.ContentType)
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		_, err = io.ReadAll(resp.Body)
		return err
	}
	perCall := make(map[string]float64)
	run := func(name string, parallel bool, call func(context.Context) error) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			ctx := context.Background()
			if parallel {
				b.SetParallelism(16)
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						if err := call(ctx); err != nil {
							b.Error(err)
						}
					}
				})
			} else {
				for b.Loop() {
					if err := call(ctx); err != nil {
						b.Fatal(err)
					}
				}
			}
			perCall[name] = float64(b.Elapsed()) / float64(b.N)
			if of, ok := strings.CutPrefix(name, "provider/"); ok && perCall["client/"+of] > 0 {
				b.ReportMetric(perCall["client/"+of]/perCall[name], "×client")
			}
		})
	}
	run("client/1", false, plain)
	run("provider/1", false, provider)
	run("client/32", true, plain)
	run("provider/32", true, provider)
}
