package delivery_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/delivery"
	"github.com/eventgateway/eventgateway/providers"
)

// TestMemoryIsBounded has far more wait than may stay in memory, and checks that all is read back and delivered.
func TestMemoryIsBounded(t *testing.T) {
	size := unit(t)
	synctest.Test(t, func(t *testing.T) {
		const n, fit = 200, 20
		r := newRigOf(t, newDurableLog(&disk{}), delivery.Options{
			Limits: delivery.Limits{Memory: fit * size, Concurrency: 3}, Policy: once(),
		})
		g := newGate()
		var got sync.Map
		r.setFormat("f", eventgateway.FormatRaw, func(ctx context.Context, c *providers.Call) (*providers.Result, error) {
			if _, before := got.LoadOrStore(string(c.Payload), true); before {
				t.Errorf("%s came twice", c.Payload)
			}
			return g.invoke(ctx, c)
		})
		for i := range n {
			r.mustPut(t, named(fmt.Sprint(i), "f"))
		}
		synctest.Wait()
		check := func() {
			t.Helper()
			r.wantConsistent(t)
			if s := r.Stats(); s.Memory > (fit+3)*size {
				t.Errorf("%d bytes in memory, want at most %d and what runs", s.Memory, fit*size)
			}
		}
		check()
		if s := r.Stats(); s.Waiting != n-3 || s.Bytes < n*size/2 {
			t.Errorf("stats %+v, want all counted", s)
		}
		for range n {
			g.open <- nil
			synctest.Wait()
			check()
		}
		r.record.want(t, n, nil)
		if _, _, loads := r.log.counts(); loads < n-fit-3 {
			t.Errorf("%d events were read back, want most", loads)
		}
	})
}

// TestALargeBacklogTakesLittleMemory has many events wait for a function whose bodies are not in memory, and checks what each
// takes nevertheless.
func TestALargeBacklogTakesLittleMemory(t *testing.T) {
	const n, most = 100_000, 400
	x := newHanded(t)
	x.SetOptions(delivery.Options{Limits: delivery.Limits{Memory: 1, Concurrency: 1}})
	g := newGate()
	x.res.set("f", g.invoke)
	x.r.CaughtUp(0)
	before := heapInUse()
	for i := range n {
		it := item("f")
		it.Event.Data = make([]byte, 4096)
		x.hand(0, uint64(i+1), 0, it)
	}
	if took := heapInUse() - before; took > n*most {
		t.Errorf("%d bytes for each event that waits, want at most %d", took/n, most)
	}
	if s := x.Stats(); s.Waiting != n-1 {
		t.Errorf("stats %+v", s)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	x.Drain(ctx)
	if err := x.CheckEmpty(); err != nil {
		t.Error(err)
	}
	runtime.KeepAlive(x)
}

// TestWhatWaitsLongIsLetGo checks that events that wait for a retry, or are held, make room for others in memory; and that
// what is held is not read back only to find that out again.
func TestWhatWaitsLongIsLetGo(t *testing.T) {
	size := unit(t)
	synctest.Test(t, func(t *testing.T) {
		r := newRigOf(t, newDurableLog(&disk{}), delivery.Options{Limits: delivery.Limits{Memory: 8 * size}, Policy: regular(2)})
		f := newScript(again(20)...)
		r.set("f", f.invoke)
		r.set("paused", succeed)
		r.pause("paused")
		for range 9 {
			r.mustPut(t, item("f"))
		}
		synctest.Wait()
		if s := r.Stats(); s.Memory > 6*size || s.Bytes != 9*size {
			t.Errorf("stats %+v, want less in memory", s)
		}
		<-time.After(10 * time.Second)
		r.record.wantAttempts(t, 0, 9, 9)
		g := newGate()
		r.set("g", g.invoke)
		for range 8 {
			r.mustPut(t, item("g"))
		}
		synctest.Wait()
		_, _, before := r.log.counts()
		for range 30 {
			r.mustPut(t, item("paused"))
		}
		<-time.After(10 * time.Second)
		if _, _, loads := r.log.counts(); loads > before || r.Stats().Paused != 30 {
			t.Errorf("%d read back while paused: %+v", loads-before, r.Stats())
		}
		close(g.open)
		r.resume("paused")
		<-time.After(10 * time.Second)
		r.record.want(t, 38, map[string]int{"unreachable": 9})
		if s := r.Stats(); s != (delivery.Stats{}) {
			t.Errorf("stats %+v, want none", s)
		}
	})
}

// TestEventsThatCannotBeReadBack has the log out of reach for a while, and then without the record.
func TestEventsThatCannotBeReadBack(t *testing.T) {
	for name, test := range map[string]struct {
		failure   func() error
		delivered int
		dropped   map[string]int
	}{
		"out of reach": {func() error { return fmt.Errorf("%w: really", delivery.ErrUnavailable) }, 10, nil},
		"too late":     {func() error { return context.DeadlineExceeded }, 10, nil},
		"gone":         {func() error { return errors.New("there is no such record") }, 0, map[string]int{"unreadable": 10}},
		"panic":        {func() error { panic("secret of the log") }, 0, map[string]int{"unreadable": 10}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRigOf(t, newDurableLog(&disk{}), delivery.Options{Limits: delivery.Limits{Memory: 1}, Policy: once()})
				hold := newGate()
				r.setFunction(eventgateway.Function{Space: "s", ID: "f", Concurrency: 1}, hold.invoke)
				r.mustPut(t, item("f"))
				synctest.Wait()
				for range 10 {
					r.mustPut(t, item("f"))
				}
				synctest.Wait()
				r.log.set(func(l *fakeLog) { l.onLoad = test.failure })
				hold.open <- nil
				close(hold.open)
				<-time.After(5 * time.Second)
				r.wantConsistent(t)
				r.log.set(func(l *fakeLog) { l.onLoad = nil })
				<-time.After(5 * time.Second)
				r.record.want(t, test.delivered+1, test.dropped)
				if s := r.Stats(); s != (delivery.Stats{}) || r.log.count() != 0 {
					t.Errorf("stats %+v, %d records left", s, r.log.count())
				}
				if contains(r.logged.String(), "secret") {
					t.Errorf("logged %s", r.logged)
				}
			})
		})
	}
}
