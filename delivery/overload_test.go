package delivery_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/delivery"
	"github.com/eventgateway/eventgateway/providers"
)

// TestOverload has producers that put far more than fits, and checks that what was accepted is what was delivered, that
// the limits held all the while, and that no call was accepted in part.
func TestOverload(t *testing.T) {
	limits := delivery.Limits{Deliveries: 64, Bytes: 1 << 16, PerFunction: 16, Concurrency: 4}
	r := newRig(t, limits)
	ids := []string{"a", "b", "c", "d", "e"}
	var running, delivered, accepted [5]atomic.Int64
	for i, id := range ids {
		r.set(id, func(context.Context, *providers.Call) (*providers.Result, error) {
			if n := running[i].Add(1); n > int64(limits.Concurrency) {
				t.Errorf("%d deliveries run to %s, want at most %d", n, id, limits.Concurrency)
			}
			runtime.Gosched()
			delivered[i].Add(1)
			running[i].Add(-1)
			return &providers.Result{}, nil
		})
	}
	var full atomic.Int64
	var producers sync.WaitGroup
	for p := range 8 {
		producers.Go(func() {
			for n := range 2000 {
				var items []delivery.Item
				var to [5]int64
				for i := range 1 + n%3 {
					first, second := (p+n+i)%len(ids), (p*n)%len(ids)
					items = append(items, item(ids[first], ids[second]))
					to[first]++
					to[second]++
				}
				switch err := r.put(items...); {
				case err == nil:
					for i, n := range to {
						accepted[i].Add(n)
					}
				case errors.Is(err, delivery.ErrFull):
					full.Add(1)
				default:
					t.Errorf("Put: %v", err)
				}
				s := r.Stats()
				if s.Waiting+s.Running > limits.Deliveries || s.Bytes > limits.Bytes {
					t.Errorf("over the limits: %+v", s)
				}
				for _, l := range r.Lanes() {
					if l.Waiting > limits.PerFunction+limits.Concurrency || l.Running > limits.Concurrency {
						t.Errorf("over the limits: %+v", l)
					}
				}
			}
		})
	}
	producers.Wait()
	r.wantConsistent(t)
	r.drain(t)
	var total int
	for i := range ids {
		if accepted[i].Load() != delivered[i].Load() {
			t.Errorf("%s: accepted %d, delivered %d", ids[i], accepted[i].Load(), delivered[i].Load())
		}
		total += int(accepted[i].Load())
	}
	r.record.want(t, total, nil)
	if full.Load() == 0 || total == 0 {
		t.Errorf("refused %d calls and accepted %d deliveries, want some of both", full.Load(), total)
	}
}

func TestASlowFunctionHurtsOnlyItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, delivery.Limits{PerFunction: 10, Concurrency: 2})
		hanging, quick := newGate(), newGate()
		close(quick.open)
		r.set("hanging", hanging.invoke)
		r.set("quick", quick.invoke)
		for range 12 {
			r.mustPut(t, item("hanging"))
		}
		for range 100 {
			r.mustPut(t, item("quick"))
			synctest.Wait()
		}
		r.record.want(t, 100, nil)
		if err := r.put(item("quick", "hanging")); !errors.Is(err, delivery.ErrFull) {
			t.Errorf("Put to the full lane: %v, want ErrFull", err)
		}
		r.wantBacklogs(t, map[string][2]int{"hanging": {10, 2}})
		close(hanging.open)
		r.drain(t)
		if _, _, most := hanging.counts(); most != 2 {
			t.Errorf("%d ran at once, want 2", most)
		}
		r.record.want(t, 112, nil)
	})
}

func TestOrderOfStarts(t *testing.T) {
	r := newRig(t, delivery.Limits{Concurrency: 1})
	var got, want []string
	r.setFormat("f", eventgateway.FormatRaw, func(_ context.Context, c *providers.Call) (*providers.Result, error) {
		got = append(got, string(c.Payload))
		return nil, providers.Errorf(providers.BadAnswer, "failed")
	})
	for n := range 100 {
		it := named(fmt.Sprint("event ", n), "f")
		want = append(want, it.Event.ID)
		r.mustPut(t, it)
	}
	r.drain(t)
	if !slices.Equal(got, want) {
		t.Errorf("order %v", got)
	}
}

func TestSetOptions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := delivery.Options{Limits: delivery.Limits{Deliveries: 40, Concurrency: 2}, Policy: once()}
		r := newRigOf(t, newVolatileLog(), o)
		g := newGate()
		r.set("f", g.invoke)
		for range 20 {
			r.mustPut(t, item("f"))
		}
		check := func(waiting, running int) {
			t.Helper()
			synctest.Wait()
			r.wantConsistent(t)
			if s := r.Stats(); s.Waiting != waiting || s.Running != running {
				t.Fatalf("%d wait and %d run, want %d and %d", s.Waiting, s.Running, waiting, running)
			}
			if _, n, _ := g.counts(); n != running {
				t.Fatalf("%d calls run, want %d", n, running)
			}
		}
		check(18, 2)
		o.Limits.Concurrency = 8
		r.SetOptions(o)
		check(12, 8)
		o.Limits.Concurrency = 3
		r.SetOptions(o)
		check(12, 8)
		for range 5 {
			g.open <- nil
		}
		check(12, 3)
		g.open <- nil
		check(11, 3)
		o.Limits.Deliveries = 5
		r.SetOptions(o)
		check(11, 3)
		if err := r.put(item("f")); !errors.Is(err, delivery.ErrFull) {
			t.Errorf("Put over the lowered limit: %v, want ErrFull", err)
		}
		o.Limits.Concurrency, o.Limits.Running = 14, 4
		r.SetOptions(o)
		check(11, 3)
		o.Limits.Running = 9 // what waits for room to run need not wait until something ends
		r.SetOptions(o)
		check(9, 5)
		r.SetOptions(delivery.Options{Policy: once()})
		check(0, 14)
		close(g.open)
		r.drain(t)
		r.record.want(t, 20, nil)
	})
}

// TestSetOptionsAmongDeliveries changes everything there is to change while deliveries run, for the race detector.
func TestSetOptionsAmongDeliveries(t *testing.T) {
	r := newRigOf(t, newVolatileLog(), delivery.Options{Policy: regular(1)})
	r.set("f", succeed)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 500 {
				if err := r.put(item("f", "f")); err != nil {
					t.Errorf("Put: %v", err)
				}
			}
		})
	}
	for n := range 500 {
		r.SetOptions(delivery.Options{Limits: delivery.Limits{Concurrency: 1 + n%7, Running: 1 + n%5}, Policy: regular(1 + n%3)})
	}
	group.Wait()
	r.SetOptions(delivery.Options{})
	r.drain(t)
	r.record.want(t, 4000, nil)
}

// anyFunction are resources that find the same function everywhere.
type anyFunction struct {
	*resources
	handle *providers.Handle
}

func (a anyFunction) Function(eventgateway.FunctionKey) *providers.Handle { return a.handle }

// TestLanesVanish uses many functions once and checks that nothing of them is left. The first round is for what the Go
// runtime keeps of goroutines that have been.
func TestLanesVanish(t *testing.T) {
	const n, rounds = 10_000, 3
	g, rec := newGate(), newRecord()
	found := anyFunction{&resources{}, openFunction("any", "", g.invoke)}
	d := delivery.NewDispatcher(newVolatileLog(), found, rec, nil, delivery.Options{}, slog.New(slog.DiscardHandler))
	d.Start()
	round := func(name string) {
		for i := range n {
			if err := d.Put(t.Context(), []delivery.Item{item(fmt.Sprint(name, i))}); err != nil {
				t.Fatal(err)
			}
		}
		if got := len(d.Lanes()); got != n {
			t.Errorf("%d lanes, want %d", got, n)
		}
		for range n {
			g.open <- nil
		}
		waitFor(t, "the end of the round", func() bool { return d.Stats() == (delivery.Stats{}) && d.KeptLanes() == 0 })
	}
	goroutines := runtime.NumGoroutine()
	round("warm")
	heap := heapInUse()
	for i := range rounds {
		round(fmt.Sprint("round", i, "function"))
	}
	waitFor(t, "the end of the goroutines", func() bool { return runtime.NumGoroutine() <= goroutines })
	// A lane takes several hundred bytes; the rest is the test's own.
	if grown := heapInUse() - heap; grown > 100*n*rounds {
		t.Errorf("the heap has grown by %d bytes, %d for each function", grown, grown/n/rounds)
	}
	rec.want(t, (1+rounds)*n, nil)
	d.Drain(t.Context())
	if err := d.CheckEmpty(); err != nil {
		t.Error(err)
	}
}

func heapInUse() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
