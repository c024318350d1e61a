package eventsapi_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/delivery"
	"github.com/eventgateway/eventgateway/providers"
)

// TestEveryAcceptedEventIsDelivered sends more than a small queue takes, over real connections: what is answered with 202
// reaches its function once, and what is answered with 503 never does.
func TestEveryAcceptedEventIsDelivered(t *testing.T) {
	var mu sync.Mutex
	delivered := map[string]int{}
	count := func(_ context.Context, call *providers.Call) (*providers.Result, error) {
		mu.Lock()
		defer mu.Unlock()
		delivered[string(call.Payload)]++
		return &providers.Result{}, nil
	}
	g := newGateway(t).functionAs("f", eventgateway.FormatRaw, count).subscribe(t, "async e POST / f")
	limits := delivery.DefaultLimits()
	limits.PerFunction, limits.Concurrency = 4, 1
	functions := func(key eventgateway.FunctionKey) *providers.Handle {
		h, _ := g.snapshot.Load().Functions.Get(key)
		return h
	}
	memory := delivery.NewMemory(limits, functions, g.observer, slog.New(slog.DiscardHandler))
	g.Queue = memory
	server := g.start(t)

	accepted := map[string]bool{}
	var wait sync.WaitGroup
	for i := range 16 {
		wait.Go(func() {
			for j := range 50 {
				id := fmt.Sprintf("%d-%d", i, j)
				r, _ := http.NewRequest("POST", server.URL+"/", strings.NewReader(id))
				r.Header.Set("Event", "e")
				res, err := server.Client().Do(r)
				if err != nil {
					t.Error(err)
					return
				}
				res.Body.Close()
				switch res.StatusCode {
				case http.StatusAccepted:
					mu.Lock()
					accepted[id] = true
					mu.Unlock()
				case http.StatusServiceUnavailable:
				default:
					t.Errorf("got %d", res.StatusCode)
				}
			}
		})
	}
	wait.Wait()
	if lost := memory.Drain(t.Context()); lost != 0 {
		t.Errorf("%d deliveries lost", lost)
	}
	if len(delivered) != len(accepted) || len(accepted) == 0 {
		t.Errorf("%d events accepted, %d delivered", len(accepted), len(delivered))
	}
	for id, times := range delivered {
		if !accepted[id] || times != 1 {
			t.Errorf("event %s, accepted: %v, was delivered %d times", id, accepted[id], times)
		}
	}
	expectError(t, g.send(request("POST", "/", "", "Event", "e")), 503, "shutting down")
}
