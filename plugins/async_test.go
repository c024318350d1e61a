package plugins_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/plugins"
)

const (
	done    = "p gateway.event.received done"
	failed  = "p gateway.event.received failed"
	dropped = "p gateway.event.received dropped"
)

func TestEmitDoesNotWaitForAnAsyncPlugin(t *testing.T) {
	var j journal
	release := make(chan struct{})
	host := startHost(t, &j, plugins.Named{Name: "p", Plugin: onReceived(eventgateway.Async, func(ctx context.Context, _ *eventgateway.Event) error {
		select {
		case <-release:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})})
	ctx, gone := context.WithCancel(t.Context())
	within(t, "Emit", func() {
		for range 3 {
			if err := host.Emit(ctx, received()); err != nil {
				t.Error(err)
			}
		}
	})
	// The request that caused the event is over; the reaction goes on.
	gone()
	close(release)
	eventually(t, "three reactions", func() bool { return j.count(done) == 3 })
}

func TestWhatAnAsyncPluginSaysStopsNothing(t *testing.T) {
	for name, react := range map[string]func(context.Context, *eventgateway.Event) error{
		"error":   func(context.Context, *eventgateway.Event) error { return errors.New("no") },
		"refusal": func(context.Context, *eventgateway.Event) error { return &plugins.Refusal{} },
		"panic":   func(context.Context, *eventgateway.Event) error { panic("no") },
	} {
		t.Run(name, func(t *testing.T) {
			var j journal
			host := startHost(t, &j, plugins.Named{Name: "p", Plugin: onReceived(eventgateway.Async, react)})
			for range 20 {
				if err := host.Emit(t.Context(), received()); err != nil {
					t.Fatal(err)
				}
			}
			eventually(t, "failures", func() bool { return j.count(failed) == 20 })
		})
	}
}

func TestAnAsyncPluginIsToldOfWhatASyncOneStops(t *testing.T) {
	var j journal
	host := startHost(t, &j,
		plugins.Named{Name: "guard", Plugin: onReceived(eventgateway.Sync, func(context.Context, *eventgateway.Event) error {
			return &plugins.Refusal{}
		})},
		plugins.Named{Name: "p", Plugin: onReceived(eventgateway.Async, nil)})
	if host.Emit(t.Context(), received()) == nil {
		t.Fatal("not refused")
	}
	eventually(t, "the reaction", func() bool { return j.count(done) == 1 })
}

func TestAnAsyncPluginThatIsBehindLosesEventsAndHoldsUpNobody(t *testing.T) {
	for name, size := range map[string]int{"by number": 0, "by size": 1 << 20} {
		t.Run(name, func(t *testing.T) {
			var j journal
			release := make(chan struct{})
			hung := onReceived(eventgateway.Async, func(context.Context, *eventgateway.Event) error { <-release; return nil })
			hung.tuning = plugins.Tuning{Timeout: time.Hour, Workers: 1}
			host := startHost(t, &j, plugins.Named{Name: "p", Plugin: hung})
			ev := received()
			ev.Data = make([]byte, size)
			emitted := 0
			within(t, "emitting", func() {
				for ; j.count(dropped) == 0 && emitted < 100_000; emitted++ {
					if err := host.Emit(t.Context(), ev); err != nil {
						t.Error(err)
						return
					}
				}
			})
			if size > 0 && emitted > 64 {
				t.Errorf("%d events of %d bytes were kept", emitted, size)
			}
			close(release)
			eventually(t, "the others", func() bool { return j.count(done)+j.count(dropped) == emitted })
		})
	}
}

func TestOneWorkerKeepsTheOrder(t *testing.T) {
	var mu sync.Mutex
	var got []string
	p := onReceived(eventgateway.Async, func(_ context.Context, ev *eventgateway.Event) error {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, ev.ID)
		return nil
	})
	p.tuning.Workers = 1
	host := plugins.NewHost([]plugins.Named{{Name: "p", Plugin: p}}, nil, nil)
	if err := host.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	var want []string
	for i := range 1000 {
		ev := received()
		ev.ID = string(rune('a' + i%26))
		want = append(want, ev.ID)
		if err := host.Emit(t.Context(), ev); err != nil {
			t.Fatal(err)
		}
	}
	// Stop waits for what was accepted.
	if err := host.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, want) {
		t.Errorf("%d of %d in order", len(got), len(want))
	}
}

func TestStopLetsReactionsEndBeforeThePluginStops(t *testing.T) {
	var j journal
	var running atomic.Int32
	react := func(context.Context, *eventgateway.Event) error {
		running.Add(1)
		defer running.Add(-1)
		time.Sleep(time.Millisecond)
		return nil
	}
	p := &fake{
		subscriptions: []plugins.Subscription{
			{Event: eventgateway.EventReceived, Type: eventgateway.Async},
			{Event: eventgateway.FunctionInvoking, Type: eventgateway.Sync},
		},
		react: react,
		stop: func(context.Context) error {
			if n := running.Load(); n > 0 {
				t.Errorf("%d reactions run at Stop", n)
			}
			return nil
		},
	}
	host := plugins.NewHost([]plugins.Named{{Name: "p", Plugin: p}}, &j, nil)
	if err := host.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	var senders sync.WaitGroup
	var refused atomic.Int32
	for range 4 {
		senders.Go(func() {
			for range 200 {
				if err := host.Emit(t.Context(), received()); err != nil {
					t.Error(err)
				}
				err := host.Emit(t.Context(), &eventgateway.Event{Type: eventgateway.FunctionInvoking})
				var failure *plugins.Failure
				if err != nil && (!errors.As(err, &failure) || failure.StatusCode() != http.StatusServiceUnavailable) {
					t.Error(err)
				}
				if err != nil {
					refused.Add(1)
				}
			}
		})
	}
	eventually(t, "the first reactions", func() bool { return j.count(done) > 10 })
	if err := host.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	senders.Wait()
	if err := host.Emit(t.Context(), &eventgateway.Event{Type: eventgateway.FunctionInvoking}); err == nil {
		t.Error("a stopped sync plugin lets events pass")
	}
	if got := j.count(done) + j.count(dropped); got != 800 {
		t.Errorf("%d of 800 async events are accounted for", got)
	}
}

func TestStopEndsWithItsContext(t *testing.T) {
	var j journal
	release := make(chan struct{})
	defer close(release)
	var entered atomic.Int32
	deaf := onReceived(eventgateway.Async, func(context.Context, *eventgateway.Event) error {
		entered.Add(1)
		<-release
		return nil
	})
	deaf.tuning = plugins.Tuning{Timeout: time.Hour, Workers: 2}
	stopped := make(chan struct{})
	deaf.stop = func(context.Context) error { close(stopped); return nil }
	host := plugins.NewHost([]plugins.Named{{Name: "p", Plugin: deaf}}, &j, nil)
	if err := host.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		if err := host.Emit(t.Context(), received()); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "two reactions", func() bool { return entered.Load() == 2 })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var err error
	within(t, "Stop", func() { err = host.Stop(ctx) })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	within(t, "the plugin's Stop", func() { <-stopped })
	if got := j.count(failed) + j.count(dropped); got != 10 {
		t.Errorf("%d of 10 events are accounted for: %v", got, j.all())
	}
}

func BenchmarkListens(b *testing.B) {
	host := plugins.NewHost([]plugins.Named{{Name: "p", Plugin: onReceived(eventgateway.Async, nil)}}, nil, nil)
	if err := host.Start(b.Context()); err != nil {
		b.Fatal(err)
	}
	for name, host := range map[string]*plugins.Host{"nil": nil, "none": plugins.NewHost(nil, nil, nil), "one": host} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if host.Listens(eventgateway.FunctionInvoking) {
					b.Fatal("listens")
				}
			}
		})
	}
}

func BenchmarkEmitSync(b *testing.B) {
	host := plugins.NewHost([]plugins.Named{{Name: "p", Plugin: onReceived(eventgateway.Sync, nil)}}, nil, nil)
	if err := host.Start(b.Context()); err != nil {
		b.Fatal(err)
	}
	ev := received()
	b.ReportAllocs()
	for b.Loop() {
		if err := host.Emit(b.Context(), ev); err != nil {
			b.Fatal(err)
		}
	}
}
