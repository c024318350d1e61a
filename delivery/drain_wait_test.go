package delivery_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventgateway/eventgateway/delivery"
	"github.com/eventgateway/eventgateway/providers"
)

// TestDrainOfADurableQueueDoesNotWaitForRecovery has deliveries that wait for a retry, a circuit and a subscription.
func TestDrainOfADurableQueueDoesNotWaitForRecovery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newDurableLog(&disk{})
		r := newRigOf(t, log, delivery.Options{Policy: regular(5)})
		r.set("down", fail(providers.Unreachable))
		r.set("paused", succeed)
		r.pause("paused")
		for range 40 {
			r.mustPut(t, item("down", "paused"))
		}
		synctest.Wait()
		if r.lane("down").Circuit != delivery.CircuitOpen {
			t.Fatalf("lanes %+v, want an open circuit", r.Lanes())
		}
		start := time.Now()
		if lost, left := r.Drain(t.Context()); lost != 0 || left != 80 {
			t.Errorf("lost %d, left %d, want 80 left", lost, left)
		}
		if took := time.Since(start); took > 10*time.Millisecond {
			t.Errorf("took %v", took)
		}
	})
}

// TestDrainOfAMemoryQueueWaitsForRetries checks that a retry is made before the end, and that what is held does not hold
// it up, nor what is behind that in its ordering key.
func TestDrainOfAMemoryQueueWaitsForRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRigOf(t, newVolatileLog(), delivery.Options{Policy: regular(2)})
		calls := 0
		r.set("flaky", func(context.Context, *providers.Call) (*providers.Result, error) {
			if calls++; calls == 1 {
				return nil, providers.Errorf(providers.Unreachable, "no")
			}
			return &providers.Result{}, nil
		})
		r.set("paused", succeed)
		r.pause("paused")
		r.mustPut(t, item("flaky"))
		for range 3 {
			it := item("paused")
			it.Targets[0].OrderingKey = "key"
			r.mustPut(t, it)
		}
		synctest.Wait()
		if got := r.Stats(); got.Waiting != 4 || got.Paused != 3 {
			t.Errorf("stats %+v, want 4 waiting, 3 of them paused", got)
		}
		start := time.Now()
		if lost, left := r.Drain(t.Context()); lost != 3 || left != 0 {
			t.Errorf("lost %d, left %d, want 3 lost", lost, left)
		}
		if took := time.Since(start); took < time.Second || took > 1010*time.Millisecond {
			t.Errorf("took %v, want the wait before the retry", took)
		}
		r.record.want(t, 1, map[string]int{"shutdown": 3})
	})
}
