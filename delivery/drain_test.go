package delivery_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventgateway/eventgateway/delivery"
	"github.com/eventgateway/eventgateway/providers"
)

func TestDrainCompletes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, delivery.Limits{Concurrency: 2})
		g := newGate()
		r.set("f", g.invoke)
		for range 10 {
			r.mustPut(t, item("f"))
		}
		lost := make(chan int)
		go func() {
			n, _ := r.Drain(context.Background())
			lost <- n
		}()
		synctest.Wait()
		if err := r.put(item("f")); !errors.Is(err, delivery.ErrDraining) {
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
		r.drain(t)
		r.record.want(t, 10, nil)
		if err := r.put(item("f")); !errors.Is(err, delivery.ErrDraining) {
			t.Errorf("Put after draining: %v, want ErrDraining", err)
		}
	})
}

func TestDrainOfAnEmptyQueue(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if lost, left := newRig(t, delivery.Limits{}).Drain(ctx); lost != 0 || left != 0 {
		t.Errorf("lost %d, left %d, want none", lost, left)
	}
}

func TestDrainDeadline(t *testing.T) {
	for _, durable := range []bool{false, true} {
		t.Run(fmt.Sprint("durable ", durable), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { testDrainDeadline(t, durable) })
		})
	}
}

// testDrainDeadline has Drain give up a function that hangs: what waits for it and runs there is lost, or stays in the log.
func testDrainDeadline(t *testing.T, durable bool) {
	log := newDurableLog(&disk{})
	log.durable = durable
	r := newRigOf(t, log, delivery.Options{Limits: delivery.Limits{Concurrency: 2}, Policy: once()})
	hanging, quick := newGate(), newGate()
	close(quick.open)
	r.set("hanging", hanging.invoke)
	r.set("quick", quick.invoke)
	for range 10 {
		r.mustPut(t, item("hanging", "quick"))
	}
	synctest.Wait()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	type result struct{ lost, left int }
	want, dropped := result{lost: 10}, map[string]int{"shutdown": 10}
	if durable {
		want, dropped = result{left: 10}, nil
	}
	second := make(chan result)
	go func() {
		lost, left := r.Drain(ctx)
		second <- result{lost, left}
	}()
	start := time.Now()
	if lost, left := r.Drain(ctx); (result{lost, left}) != want {
		t.Errorf("lost %d, left %d, want %+v", lost, left, want)
	}
	if got := <-second; got != want {
		t.Errorf("%+v at the drain beside it, want %+v", got, want)
	}
	if took := time.Since(start); took > 5*time.Second+10*time.Millisecond {
		t.Errorf("took %v, want the 5s of the context", took)
	}
	synctest.Wait()
	r.record.want(t, 10, dropped)
	if got := r.Stats(); got != (delivery.Stats{}) {
		t.Errorf("stats at the end %+v, want none", got)
	}
	if calls, _, _ := hanging.counts(); calls != 2 {
		t.Errorf("%d calls of the hanging function, want 2: what waits is not started", calls)
	}
	if got := r.logged.String(); got != "" {
		t.Errorf("a line for what Drain counts: %s", got)
	}
	if durable { // and without what is done
		for _, rec := range log.records {
			if len(rec.Works) != 1 || len(rec.Works[0].Owed) != 1 || rec.Works[0].Owed[0].FunctionID != "hanging" {
				t.Errorf("left in the log: %+v", rec.Works[0])
			}
		}
		if log.count() != 10 {
			t.Errorf("%d records left in the log, want 10", log.count())
		}
	}
}

// TestDrainDoesNotWaitForEver has a function that does not heed its context.
func TestDrainDoesNotWaitForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, delivery.Limits{})
		stuck := make(chan struct{})
		r.set("stuck", func(context.Context, *providers.Call) (*providers.Result, error) {
			<-stuck
			return &providers.Result{}, nil
		})
		r.mustPut(t, item("stuck"))
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		start := time.Now()
		if lost, _ := r.Drain(ctx); lost != 1 {
			t.Errorf("lost %d, want 1", lost)
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
		r := newRig(t, delivery.Limits{})
		r.set("f", succeed)
		accepted := make(chan int)
		for range 4 {
			go func() {
				n := 0
				for r.put(item("f", "f")) == nil {
					n += 2
				}
				accepted <- n
			}()
		}
		r.drain(t)
		total := 0
		for range 4 {
			total += <-accepted
		}
		r.record.want(t, total, nil)
	}
}

// TestDrainAmongAll has producers, changes of options and several drains at once.
func TestDrainAmongAll(t *testing.T) {
	for round := range 20 {
		log := newDurableLog(&disk{})
		r := newRigOf(t, log, delivery.Options{Policy: regular(3)})
		r.set("f", succeed)
		var group sync.WaitGroup
		for p := range 4 {
			group.Go(func() {
				for n := 0; ; n++ {
					it := named(fmt.Sprint(p, " ", n), "f", "f")
					it.Key = it.Event.ID
					if err := r.put(it); errors.Is(err, delivery.ErrDraining) || errors.Is(err, delivery.ErrUnavailable) {
						return
					} else if err != nil {
						t.Errorf("Put: %v", err)
					}
				}
			})
		}
		waitFor(t, "some deliveries", func() bool { return log.count() > round })
		for range 3 {
			group.Go(func() { r.Drain(t.Context()) })
			group.Go(func() { r.SetOptions(delivery.Options{Limits: delivery.Limits{Concurrency: 3}}) })
		}
		group.Wait()
	}
}

// TestDrainWaitsForAPutUnderWay begins to drain while the log is being written to.
func TestDrainWaitsForAPutUnderWay(t *testing.T) {
	for name, outcome := range map[string]error{"kept": nil, "refused": delivery.ErrFull} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, delivery.Limits{})
				r.set("f", succeed)
				write := make(chan error)
				r.log.set(func(l *fakeLog) { l.onAppend = func() error { return <-write } })
				put := make(chan error)
				go func() { put <- r.put(item("f")) }()
				synctest.Wait()
				drained := make(chan struct{})
				go func() {
					r.drain(t)
					close(drained)
				}()
				synctest.Wait()
				select {
				case <-drained:
					t.Error("drained before the Put was through")
				default:
				}
				start := time.Now()
				write <- outcome
				if err := <-put; !errors.Is(err, outcome) {
					t.Errorf("Put: %v, want %v", err, outcome)
				}
				<-drained
				if took := time.Since(start); took > 10*time.Millisecond {
					t.Errorf("drained %v after the Put", took)
				}
			})
		})
	}
}
