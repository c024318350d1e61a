package delivery_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/delivery"
	"github.com/eventgateway/eventgateway/providers"
)

// TestPauseAndResume pauses a subscription with events waiting, running and waiting for a retry, and resumes it.
func TestPauseAndResume(t *testing.T) {
	for _, key := range []string{"", "key"} {
		t.Run("ordering key "+key, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { testPauseAndResume(t, key) })
		})
	}
}

func testPauseAndResume(t *testing.T, key string) {
	r := newRigOf(t, newDurableLog(&disk{}), delivery.Options{Limits: delivery.Limits{Concurrency: 1}, Policy: regular(5)})
	g := newGate()
	var got []string
	r.setFormat("f", eventgateway.FormatRaw, func(ctx context.Context, c *providers.Call) (*providers.Result, error) {
		got = append(got, string(c.Payload))
		return g.invoke(ctx, c)
	})
	r.set("other", succeed)
	synctest.Wait()
	for n := range 5 {
		it := named(fmt.Sprint(n), "f", "other")
		it.Targets[0].OrderingKey = key
		r.mustPut(t, it)
	}
	synctest.Wait()
	r.pause("f")
	g.open <- providers.Errorf(providers.Unreachable, "no")
	<-time.After(10 * time.Second)
	r.wantConsistent(t)
	if s := r.Stats(); s.Waiting != 5 || s.Paused != 5 || s.Running != 0 || len(got) != 1 {
		t.Errorf("stats %+v and %d calls, want 5 paused and one call", s, len(got))
	}
	it := named("5", "f") // and one that comes meanwhile
	it.Targets[0].OrderingKey = key
	r.mustPut(t, it)
	synctest.Wait()
	if s := r.Stats(); s.Paused != 6 {
		t.Errorf("stats %+v, want 6 paused", s)
	}
	close(g.open)
	r.resume("f")
	<-time.After(time.Second)
	r.wantConsistent(t)
	if s := r.Stats(); s != (delivery.Stats{}) {
		t.Errorf("stats %+v, want none", s)
	}
	want := "[0 1 2 3 4 0 5]"
	if key != "" {
		want = "[0 0 1 2 3 4 5]"
	}
	if fmt.Sprint(got) != want {
		t.Errorf("calls %v, want %s", got, want)
	}
	r.record.want(t, 11, nil)
	r.record.wantAttempts(t, 11, 1, 0)
}

// TestResumeOfALargeBacklog resumes more than is made ready at once, and pauses again among it.
func TestResumeOfALargeBacklog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 3000
		r := newRigOf(t, newVolatileLog(), delivery.Options{Policy: regular(5)})
		calls := 0
		r.setFunction(eventgateway.Function{Space: "s", ID: "f", Concurrency: 1},
			func(context.Context, *providers.Call) (*providers.Result, error) {
				if calls++; calls == n/2 {
					r.pause("f")
				}
				return &providers.Result{}, nil
			})
		r.pause("f")
		for range n {
			r.mustPut(t, item("f"))
		}
		synctest.Wait()
		r.resume("f")
		<-time.After(time.Second)
		r.wantConsistent(t)
		if s := r.Stats(); s.Paused != n/2 || s.Waiting != n/2 || calls != n/2 {
			t.Errorf("stats %+v after %d calls, want half of all paused again", s, calls)
		}
		r.resume("f")
		<-time.After(time.Second)
		r.record.want(t, n, nil)
	})
}

func TestWhatIsPausedExpiresWhenResumed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRigOf(t, newVolatileLog(), delivery.Options{Policy: regular(5)})
		r.set("f", succeed)
		r.pause("f")
		r.mustPut(t, item("f"))
		<-time.After(48 * time.Hour)
		if s := r.Stats(); s.Paused != 1 {
			t.Errorf("stats %+v, want one paused", s)
		}
		r.resume("f")
		<-time.After(time.Second)
		r.record.want(t, 0, map[string]int{"expired": 1})
	})
}

// TestSubscriptionIsDeletedWhileEventsWait checks that what waits, is held, or waits for a retry becomes a dead letter.
func TestSubscriptionIsDeletedWhileEventsWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRigOf(t, newDurableLog(&disk{}), delivery.Options{Limits: delivery.Limits{Concurrency: 1}, Policy: regular(5)})
		g := newGate()
		r.set("f", g.invoke)
		r.set("paused", succeed)
		r.pause("paused")
		for range 3 {
			r.mustPut(t, item("f", "paused"))
		}
		synctest.Wait()
		g.open <- providers.Errorf(providers.Unreachable, "no")
		synctest.Wait()
		r.subscribe("f", nil)
		r.subscribe("paused", nil)
		g.open <- nil // the one that runs meanwhile is delivered
		<-time.After(10 * time.Second)
		r.record.want(t, 1, map[string]int{"subscription_missing": 5})
		r.record.wantAttempts(t, 1, 1, 0)
		attempts := 0
		for _, d := range r.log.dead(t) {
			if d.Reason != delivery.ReasonSubscriptionMissing {
				t.Errorf("dead letter %+v", d)
			}
			attempts += d.Attempts
		}
		if n := len(r.log.dead(t)); n != 5 || attempts != 1 || r.log.count() != 0 {
			t.Errorf("%d dead letters after %d attempts, %d records left; want 5, 1 and 0", n, attempts, r.log.count())
		}
	})
}

// TestFunctionMayComeBack deletes a function and creates it again while its events are tried.
func TestFunctionMayComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRigOf(t, newVolatileLog(), delivery.Options{Policy: regular(5)})
		r.mustPut(t, item("f"))
		<-time.After(2 * time.Second)
		f := newScript()
		f.start = time.Now()
		r.set("f", f.invoke)
		r.drain(t)
		f.wantTimes(t, time.Second)
		r.record.wantAttempts(t, 1, 2, 0)
	})
}

// TestNothingIsDeliveredBeforeTheResourcesAreIn checks that what looks deleted then is not.
func TestNothingIsDeliveredBeforeTheResourcesAreIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		res := &resources{}
		res.unloaded.Store(true)
		res.subscribe("f", nil)
		r := startRig(t, res, newRecord(), newDurableLog(&disk{}), delivery.Options{Policy: once()})
		for range 100 {
			r.mustPut(t, item("f", "g"))
		}
		<-time.After(time.Hour)
		r.wantConsistent(t)
		if s := r.Stats(); s.Waiting != 200 || s.Paused != 0 {
			t.Errorf("stats %+v, want 200 waiting", s)
		}
		r.record.want(t, 0, nil)
		res.set("f", succeed)
		res.set("g", succeed)
		res.resume("f")
		res.unloaded.Store(false)
		<-time.After(time.Second)
		r.record.want(t, 200, nil)

		// Another configuration, of which it is not known yet what is in it.
		res.unloaded.Store(true)
		res.subscribe("f", nil)
		res.remove("g")
		r.mustPut(t, item("f", "g"))
		<-time.After(time.Minute)
		r.record.want(t, 200, nil)
		res.resume("f")
		res.set("g", succeed)
		res.unloaded.Store(false)
		<-time.After(time.Second)
		r.record.want(t, 202, nil)
	})
}
