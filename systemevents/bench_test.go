package systemevents_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/delivery"
	"github.com/eventgateway/eventgateway/expression"
	"github.com/eventgateway/eventgateway/providers"
)

// BenchmarkStages measures the three stages of a call, and that of the Events API, together.
func BenchmarkStages(b *testing.B) {
	ev, fn := custom(), eventgateway.FunctionKey{Space: "s", ID: "f"}
	result := &providers.Result{ContentType: "application/json", Body: []byte(`{"ok":true}`)}
	for _, bench := range []struct {
		name          string
		subscriptions []string
	}{
		{"nobody", []string{"async user.created f", "sync http f"}},
		{"otherSpace", []string{"async gateway.* other/a"}},
		{"subscribed", []string{"async gateway.* a"}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			r := newRig(b, bench.subscriptions)
			var stages delivery.Stages = r.Emitter
			ctx := b.Context()
			b.ReportAllocs()
			for b.Loop() {
				r.queue.items, r.observer.told = r.queue.items[:0], r.observer.told[:0]
				if r.Received(ctx, "s", ev, "/", nil) != nil || stages.Invoking(ctx, delivery.Invocation{Function: fn, Event: ev}) != nil ||
					stages.Invoked(ctx, delivery.Invocation{Function: fn, Event: ev}, result) != nil {
					b.Fatal("stopped")
				}
			}
		})
	}
}

// TestNobodyListening holds that the stages allocate nothing then.
func TestNobodyListening(t *testing.T) {
	r := newRig(t, []string{"async user.created f", "sync http f", "async * g"})
	ev, fn := custom(), eventgateway.FunctionKey{Space: "s", ID: "f"}
	result, failure, ctx := &providers.Result{}, providers.Errorf(providers.TimedOut, "late"), t.Context()
	if n := testing.AllocsPerRun(100, func() {
		if r.Received(ctx, "s", ev, "/", nil) != nil || r.Invoking(ctx, delivery.Invocation{Function: fn, Event: ev}) != nil || r.Invoked(ctx, delivery.Invocation{Function: fn, Event: ev}, result) != nil {
			t.Error("stopped")
		}
		r.InvocationFailed(ctx, delivery.Invocation{Function: fn, Event: ev}, failure)
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// benchProvider is a function that answers at once.
type benchProvider struct{}

func init() { caddy.RegisterModule(benchProvider{}) }

func (benchProvider) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID: providers.Namespace + ".systemeventsbench", New: func() caddy.Module { return new(benchProvider) },
	}
}

func (benchProvider) Validate() error                                 { return nil }
func (p benchProvider) Open(providers.Env) (providers.Invoker, error) { return p, nil }

var benchResult = &providers.Result{ContentType: "application/json", Body: []byte(`{"ok":true}`)}

func (benchProvider) Invoke(context.Context, *providers.Call) (*providers.Result, error) {
	return benchResult, nil
}

// unobserved is an observer without cost.
type unobserved struct{ delivery.Observer }

func (unobserved) Invoked(eventgateway.FunctionKey, providers.Failure, time.Duration) {}

// BenchmarkCall measures a synchronous call of a function that answers at once: with nobody to tell of its stages, and with an
// emitter to which nobody listens. The time that is left to a real function, and the network to it, comes on top.
func BenchmarkCall(b *testing.B) {
	fn := &eventgateway.Function{Space: "s", ID: "f", Type: "systemeventsbench", Provider: []byte(`{}`)}
	handle := providers.Open(fn, providers.Env{
		Space: fn.Space, FunctionID: fn.ID, Logger: slog.New(slog.DiscardHandler), MaxResponse: 1 << 20,
	})
	emitter := newRig(b, []string{"async user.created f", "sync http f"}).Emitter
	for _, bench := range []struct {
		name   string
		stages delivery.Stages
	}{{"nilStages", nil}, {"nobodyListens", emitter}} {
		b.Run(bench.name, func(b *testing.B) {
			ctx, in := b.Context(), expression.NewInput(custom())
			b.ReportAllocs()
			for b.Loop() {
				if _, err := delivery.Call(ctx, handle, in, eventgateway.Route{}, nil, unobserved{}, bench.stages); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
