package delivery_test

import (
	"context"
	"errors"
	"fmt"
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
	r := newRig(limits)
	ids := []string{"a", "b", "c", "d", "e"}
	var running [5]atomic.Int64
	var delivered [5]atomic.Int64
	for i, id := range ids {
		r.functions.set(id, func(context.Context, *providers.Call) (*providers.Result, error) {
			if n := running[i].Add(1); n > int64(limits.Concurrency) {
				t.Errorf("%d deliveries run to %s, want at most %d", n, id, limits.Concurrency)
			}
			runtime.Gosched()
			delivered[i].Add(1)
			running[i].Add(-1)
			return &providers.Result{}, nil
		})
	}
	var accepted [5]atomic.Int64
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
				switch err := r.Put(items); {
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
				for _, b := range r.Backlogs() {
					if b.Waiting > limits.PerFunction || b.Running > limits.Concurrency {
						t.Errorf("over the limits: %+v", b)
					}
				}
			}
		})
	}
	producers.Wait()
	if lost := r.Drain(t.Context()); lost != 0 {
		t.Errorf("lost %d", lost)
	}
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
		r := newRig(delivery.Limits{PerFunction: 10, Concurrency: 2})
		hanging, quick := newGate(), newGate()
		close(quick.open)
		r.functions.set("hanging", hanging.invoke)
		r.functions.set("quick", quick.invoke)
		for range 12 {
			r.mustPut(t, item("hanging"))
		}
		for range 100 {
			r.mustPut(t, item("quick"))
			synctest.Wait()
		}
		r.record.want(t, 100, nil)
		if err := r.Put([]delivery.Item{item("quick", "hanging")}); !errors.Is(err, delivery.ErrFull) {
			t.Errorf("Put to the full lane: %v, want ErrFull", err)
		}
		want := []delivery.Backlog{{Key: key("hanging"), Waiting: 10, Running: 2}}
		if got := r.Backlogs(); !slices.Equal(got, want) {
			t.Errorf("backlogs %v, want %v", got, want)
		}
		close(hanging.open)
		r.Drain(t.Context())
		if _, _, most := hanging.counts(); most != 2 {
			t.Errorf("%d ran at once, want 2", most)
		}
		r.record.want(t, 112, nil)
	})
}

func TestOrderOfStarts(t *testing.T) {
	r := newRig(delivery.Limits{Concurrency: 1})
	var got []string
	r.functions.setFormat("f", eventgateway.FormatRaw, func(_ context.Context, c *providers.Call) (*providers.Result, error) {
		got = append(got, string(c.Payload))
		return nil, providers.Errorf(providers.FunctionFailed, "failed")
	})
	var want []string
	for n := range 100 {
		it := item("f")
		it.Event.Data = fmt.Appendf(nil, "event %d", n)
		want = append(want, string(it.Event.Data))
		r.mustPut(t, it)
	}
	r.Drain(t.Context())
	if !slices.Equal(got, want) {
		t.Errorf("order %v", got)
	}
}

func TestSetLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limits := delivery.Limits{Deliveries: 20, Concurrency: 2}
		r := newRig(limits)
		g := newGate()
		r.functions.set("f", g.invoke)
		for range 20 {
			r.mustPut(t, item("f"))
		}
		check := func(waiting, running int) {
			t.Helper()
			synctest.Wait()
			if s := r.Stats(); s.Waiting != waiting || s.Running != running {
				t.Fatalf("%d wait and %d run, want %d and %d", s.Waiting, s.Running, waiting, running)
			}
			if _, n, _ := g.counts(); n != running {
				t.Fatalf("%d calls run, want %d", n, running)
			}
		}
		check(18, 2)
		limits.Concurrency = 8
		r.SetLimits(limits)
		check(12, 8)
		limits.Concurrency = 3
		r.SetLimits(limits)
		check(12, 8)
		for range 5 {
			g.open <- nil
		}
		check(12, 3)
		g.open <- nil
		check(11, 3)
		limits.Deliveries = 5
		r.SetLimits(limits)
		check(11, 3)
		if err := r.Put([]delivery.Item{item("f")}); !errors.Is(err, delivery.ErrFull) {
			t.Errorf("Put over the lowered limit: %v, want ErrFull", err)
		}
		r.SetLimits(delivery.Limits{})
		check(0, 14)
		close(g.open)
		r.Drain(t.Context())
		r.record.want(t, 20, nil)
	})
}

// TestLanesVanish uses many functions once and checks that nothing of them is left. The first round is for what the Go
// runtime keeps of goroutines that have been.
func TestLanesVanish(t *testing.T) {
	const n, rounds = 10_000, 5
	r := newRig(delivery.Limits{})
	g := newGate()
	h := openFunction("any", "", g.invoke)
	find := func(eventgateway.FunctionKey) *providers.Handle { return h }
	q := delivery.NewMemory(delivery.Limits{}, find, r.record, nil)
	round := func(name string) {
		for i := range n {
			if err := q.Put([]delivery.Item{item(fmt.Sprint(name, i))}); err != nil {
				t.Fatal(err)
			}
		}
		if got := len(q.Backlogs()); got != n {
			t.Errorf("%d backlogs, want %d", got, n)
		}
		for range n {
			g.open <- nil
		}
		for q.Stats() != (delivery.Stats{}) {
			runtime.Gosched()
		}
		if got := q.Backlogs(); len(got) != 0 {
			t.Errorf("%d backlogs, want none", len(got))
		}
	}
	goroutines := runtime.NumGoroutine()
	round("warm")
	heap := heapInUse()
	for i := range rounds {
		round(fmt.Sprint("round", i, "function"))
	}
	for runtime.NumGoroutine() > goroutines {
		runtime.Gosched()
	}
	if grown := heapInUse() - heap; grown > 20*n*rounds {
		t.Errorf("the heap has grown by %d bytes, %d for each function", grown, grown/n/rounds)
	}
	r.record.want(t, (1+rounds)*n, nil)
	runtime.KeepAlive(q)
}

func heapInUse() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
