package delivery_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventgateway/eventgateway/delivery"
	"github.com/eventgateway/eventgateway/providers"
)

func TestDrainCompletes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(delivery.Limits{Concurrency: 2})
		g := newGate()
		r.functions.set("f", g.invoke)
		for range 10 {
			r.mustPut(t, item("f"))
		}
		lost := make(chan int)
		go func() { lost <- r.Drain(context.Background()) }()
		synctest.Wait()
		if err := r.Put([]delivery.Item{item("f")}); !errors.Is(err, delivery.ErrDraining) {
			t.Errorf("Put while draining: %v, want ErrDraining", err)
		}
		for range 10 {
			select {
			case n := <-lost:
				t.Fatalf("Drain returned %d before all was delivered", n)
			case g.open <- nil:
			}
			synctest.Wait()
		}
		if n := <-lost; n != 0 {
			t.Errorf("lost %d, want 0", n)
		}
		if n := r.Drain(context.Background()); n != 0 {
			t.Errorf("lost %d at the second drain, want 0", n)
		}
		r.record.want(t, 10, nil)
		if err := r.Put([]delivery.Item{item("f")}); !errors.Is(err, delivery.ErrDraining) {
			t.Errorf("Put after draining: %v, want ErrDraining", err)
		}
	})
}

func TestDrainOfAnEmptyQueue(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if n := newRig(delivery.Limits{}).Drain(ctx); n != 0 {
		t.Errorf("lost %d, want 0", n)
	}
}

func TestDrainDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(delivery.Limits{Concurrency: 2})
		hanging, quick := newGate(), newGate()
		close(quick.open)
		r.functions.set("hanging", hanging.invoke)
		r.functions.set("quick", quick.invoke)
		for range 10 {
			r.mustPut(t, item("hanging", "quick"))
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		second := make(chan int)
		go func() { second <- r.Drain(ctx) }()
		start := time.Now()
		if n := r.Drain(ctx); n != 10 {
			t.Errorf("lost %d, want 10", n)
		}
		if n := <-second; n != 10 {
			t.Errorf("lost %d at the drain beside it, want 10", n)
		}
		if took := time.Since(start); took != 5*time.Second {
			t.Errorf("took %v, want the 5s of the context", took)
		}
		synctest.Wait()
		r.record.want(t, 10, map[string]int{"shutdown": 10})
		if got := r.Stats(); got != (delivery.Stats{}) {
			t.Errorf("stats at the end %+v, want none", got)
		}
		if calls, _, _ := hanging.counts(); calls != 2 {
			t.Errorf("%d calls of the hanging function, want 2: what waits is not started", calls)
		}
		if got := r.logged.String(); got != "" {
			t.Errorf("a line for what Drain counts: %s", got)
		}
	})
}

// TestDrainDoesNotWaitForEver has a function that does not heed its context.
func TestDrainDoesNotWaitForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(delivery.Limits{})
		stuck := make(chan struct{})
		r.functions.set("stuck", func(context.Context, *providers.Call) (*providers.Result, error) {
			<-stuck
			return &providers.Result{}, nil
		})
		r.mustPut(t, item("stuck"))
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		start := time.Now()
		if n := r.Drain(ctx); n != 1 {
			t.Errorf("lost %d, want 1", n)
		}
		if took := time.Since(start); took != time.Second {
			t.Errorf("took %v, want 1s", took)
		}
		close(stuck)
	})
}

// TestDrainAmongProducers checks that no event is accepted and then forgotten when the drain begins at any moment.
func TestDrainAmongProducers(t *testing.T) {
	for range 50 {
		r := newRig(delivery.Limits{})
		r.functions.set("f", succeed)
		accepted := make(chan int)
		for range 4 {
			go func() {
				n := 0
				for r.Put([]delivery.Item{item("f", "f")}) == nil {
					n += 2
				}
				accepted <- n
			}()
		}
		if lost := r.Drain(t.Context()); lost != 0 {
			t.Errorf("lost %d", lost)
		}
		total := 0
		for range 4 {
			total += <-accepted
		}
		r.record.want(t, total, nil)
	}
}
