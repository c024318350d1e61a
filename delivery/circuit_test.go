package delivery_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/delivery"
	"github.com/eventgateway/eventgateway/providers"
)

// failing fails until it is told that it is well.
type failing struct {
	well                 atomic.Bool
	calls, running, most atomic.Int64
	takes                atomic.Int64 // nanoseconds
}

func (f *failing) invoke(ctx context.Context, _ *providers.Call) (*providers.Result, error) {
	f.calls.Add(1)
	if n := f.running.Add(1); n > f.most.Load() {
		f.most.Store(n)
	}
	defer f.running.Add(-1)
	select {
	case <-ctx.Done():
	case <-time.After(time.Duration(f.takes.Load())):
	}
	if f.well.Load() {
		return &providers.Result{}, nil
	}
	return nil, &providers.Error{Failure: providers.FunctionFailed, Status: 500, Message: "no"}
}

func (r *rig) wantCircuit(t *testing.T, id, want string) {
	t.Helper()
	synctest.Wait()
	r.wantConsistent(t)
	if got := r.lane(id); got.Circuit != want {
		t.Errorf("circuit %q, want %q: %+v", got.Circuit, want, got)
	}
}

// TestCircuit has a function fail until its circuit opens, fail two probes, and recover: each probe is alone, comes after
// twice as long, and what waits does not lose attempts.
func TestCircuit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRigOf(t, newVolatileLog(), delivery.Options{Limits: delivery.Limits{Concurrency: 4}, Policy: regular(100)})
		f := &failing{}
		r.set("f", f.invoke)
		r.deliver("f", eventgateway.Delivery{Backoff: &eventgateway.Backoff{Initial: eventgateway.Duration(time.Hour)}})
		other := newGate()
		close(other.open)
		r.set("other", other.invoke)
		for range 50 {
			r.mustPut(t, item("f"))
		}
		start := time.Now()
		r.wantCircuit(t, "f", delivery.CircuitOpen)
		if got := f.calls.Load(); got < 10 || got > 13 {
			t.Fatalf("%d calls before it opened, want 10 and those that ran beside the last", got)
		}
		before := f.calls.Load()
		if until := r.lane("f").Until; !until.Equal(start.Add(time.Second)) {
			t.Errorf("open until %v, want a second", until.Sub(start))
		}
		f.takes.Store(int64(100 * time.Millisecond))
		f.most.Store(0)
		<-time.After(time.Second)
		r.wantCircuit(t, "f", delivery.CircuitHalfOpen)
		<-time.After(100 * time.Millisecond)
		r.wantCircuit(t, "f", delivery.CircuitOpen)
		<-time.After(2 * time.Second)
		r.wantCircuit(t, "f", delivery.CircuitHalfOpen)
		<-time.After(100 * time.Millisecond)
		r.wantCircuit(t, "f", delivery.CircuitOpen)
		if got := f.calls.Load() - before; got != 2 || f.most.Load() != 1 {
			t.Errorf("%d probes, %d at once; want 2, one at a time", got, f.most.Load())
		}
		r.mustPut(t, item("other"))
		synctest.Wait()
		if calls, _, _ := other.counts(); calls != 1 {
			t.Error("another function was held up")
		}
		f.well.Store(true)
		<-time.After(4*time.Second + 100*time.Millisecond)
		r.wantCircuit(t, "f", delivery.CircuitClosed)
		<-time.After(time.Second)
		if got := r.Stats().Waiting; got != int(before)+2 {
			t.Errorf("%d wait for their second attempt, want those that failed", got)
		}
		<-time.After(2 * time.Hour)
		synctest.Wait()
		r.record.want(t, 51, nil)
		r.record.wantAttempts(t, 51, int(before)+2, 0)
	})
}

// TestCircuitOpensOnlyForTheFunction has failures that say something about an event, or that others interrupt.
func TestCircuitOpensOnlyForTheFunction(t *testing.T) {
	no := func(failure providers.Failure, status int) error {
		return &providers.Error{Failure: failure, Status: status, Message: "no"}
	}
	permanent := &providers.Error{Failure: providers.FunctionFailed, Status: 500, Message: "no", Permanent: true}
	nine := make([]error, 0, 20)
	for range 9 {
		nine = append(nine, no(providers.Unreachable, 0))
	}
	mixed := append(append(nine, nil), nine...)
	for name, test := range map[string]struct {
		answers []error
		want    string
	}{
		"unreachable":    {repeat(no(providers.Unreachable, 0), 20), delivery.CircuitOpen},
		"timeout":        {repeat(no(providers.TimedOut, 0), 20), delivery.CircuitOpen},
		"500":            {repeat(no(providers.FunctionFailed, 500), 20), delivery.CircuitOpen},
		"function error": {repeat(no(providers.FunctionFailed, 0), 20), delivery.CircuitOpen},
		"404":            {repeat(no(providers.FunctionFailed, 404), 20), delivery.CircuitClosed},
		"throttled":      {repeat(no(providers.Throttled, 429), 20), delivery.CircuitClosed},
		"permanent":      {repeat(permanent, 20), delivery.CircuitClosed},
		"nine in a row":  {mixed, delivery.CircuitClosed},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRigOf(t, newVolatileLog(), delivery.Options{Limits: delivery.Limits{Concurrency: 1}, Policy: once()})
				f := newScript(test.answers...)
				gate := newGate()
				r.set("f", func(ctx context.Context, c *providers.Call) (*providers.Result, error) {
					if n := len(f.times); n < len(test.answers) {
						return f.invoke(ctx, c)
					}
					return gate.invoke(ctx, c)
				})
				for range len(test.answers) + 1 {
					r.mustPut(t, item("f"))
				}
				synctest.Wait()
				if got := r.lane("f").Circuit; got != test.want {
					t.Errorf("circuit %s, want %s", got, test.want)
				}
				close(gate.open)
			})
		})
	}
}

func repeat(err error, n int) (all []error) {
	for range n {
		all = append(all, err)
	}
	return all
}

// TestAProbeWaitsForEarlierCalls opens a circuit while some calls hang: no probe is made beside them.
func TestAProbeWaitsForEarlierCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRigOf(t, newVolatileLog(), delivery.Options{Limits: delivery.Limits{Concurrency: 13}, Policy: once()})
		g := newGate()
		r.set("f", g.invoke)
		for range 40 {
			r.mustPut(t, item("f"))
		}
		for range 10 {
			g.open <- providers.Errorf(providers.Unreachable, "no")
			synctest.Wait()
		}
		r.wantCircuit(t, "f", delivery.CircuitOpen)
		_, running, _ := g.counts()
		<-time.After(5 * time.Second)
		r.wantCircuit(t, "f", delivery.CircuitHalfOpen)
		if _, n, _ := g.counts(); n != running {
			t.Errorf("%d run, want the %d that began before", n, running)
		}
		for range running {
			g.open <- providers.Errorf(providers.Unreachable, "no")
			synctest.Wait()
		}
		if _, n, _ := g.counts(); n != 1 {
			t.Errorf("%d run after them, want a probe", n)
		}
		close(g.open)
	})
}

// TestAProbeThatIsNoCallIsMadeUpFor has what would be the probe turn out to be of a paused or deleted subscription.
func TestAProbeThatIsNoCallIsMadeUpFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRigOf(t, newVolatileLog(), delivery.Options{Limits: delivery.Limits{Concurrency: 1}, Policy: once()})
		f := &failing{}
		r.set("f", f.invoke)
		for range 10 {
			r.mustPut(t, item("f"))
		}
		r.wantCircuit(t, "f", delivery.CircuitOpen)
		for _, id := range []string{"paused", "deleted", "sound"} {
			it := item("f")
			it.Targets[0].SubscriptionID = "sub-" + id
			r.mustPut(t, it)
		}
		r.pause("paused")
		r.subscribe("deleted", nil)
		f.well.Store(true)
		<-time.After(time.Second)
		r.wantCircuit(t, "f", delivery.CircuitClosed)
		r.record.want(t, 1, map[string]int{"function_error": 10, "subscription_missing": 1})
		if got := r.Stats(); got.Paused != 1 || got.Waiting != 1 {
			t.Errorf("stats %+v", got)
		}
		r.resume("paused")
		<-time.After(time.Second)
		r.record.want(t, 2, map[string]int{"function_error": 10, "subscription_missing": 1})
	})
}

// TestWhatWasLearnedIsForgotten checks that a function is remembered for a minute after its last delivery.
func TestWhatWasLearnedIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, delivery.Limits{})
		r.set("f", fail(providers.Unreachable))
		r.set("g", succeed)
		r.mustPut(t, item("f", "g"))
		<-time.After(3 * time.Second)
		if n := r.KeptLanes(); n != 1 || r.lane("f").Circuit != delivery.CircuitClosed {
			t.Errorf("%d lanes, want that of f: %+v", n, r.Lanes())
		}
		<-time.After(time.Minute)
		if n := r.KeptLanes(); n != 0 {
			t.Errorf("%d lanes after a minute, want none", n)
		}
	})
}
