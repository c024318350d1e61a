package delivery_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventgateway/eventgateway/delivery"
	"github.com/eventgateway/eventgateway/providers"
)

// TestPace narrows a function by throttling and widens it again.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRigOf(t, newVolatileLog(), delivery.Options{Limits: delivery.Limits{Concurrency: 16}, Policy: regular(100)})
		g := newGate()
		r.set("f", g.invoke)
		for range 400 {
			r.mustPut(t, item("f"))
		}
		throttled := providers.Errorf(providers.Throttled, "slow down")
		end := func(n int, err error) {
			for range n {
				g.open <- err
				synctest.Wait()
			}
		}
		want := func(width, running int) {
			t.Helper()
			synctest.Wait()
			r.wantConsistent(t)
			if l := r.lane("f"); l.Concurrency != width || l.Running != running {
				t.Errorf("width %d with %d running, want %d and %d", l.Concurrency, l.Running, width, running)
			}
		}
		want(16, 16)
		end(4, throttled) // in one moment: it counts once
		want(8, 12)
		<-time.After(200 * time.Millisecond)
		end(1, errors.Join(throttled))
		want(4, 11)
		<-time.After(200 * time.Millisecond)
		end(1, &providers.Error{Failure: providers.TimedOut, Message: "late"})
		want(2, 10)
		for range 3 {
			<-time.After(200 * time.Millisecond)
			end(1, throttled)
		}
		want(1, 7)
		end(6, nil)
		if l := r.lane("f"); l.Concurrency < 2 || l.Concurrency > 4 {
			t.Errorf("width %d after six successes, want a little more", l.Concurrency)
		}
		end(200, nil)
		want(16, 16)
		close(g.open)
		<-time.After(time.Hour)
		r.record.want(t, 400, nil)
	})
}

// TestThrottlingHoldsUpAll checks that nothing is sent to a function for as long as its host asks.
func TestThrottlingHoldsUpAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRigOf(t, newVolatileLog(), delivery.Options{Limits: delivery.Limits{Concurrency: 1}, Policy: regular(3)})
		f := newScript(&providers.Error{Failure: providers.Throttled, Message: "later", RetryAfter: 30 * time.Second})
		r.set("f", f.invoke)
		r.mustPut(t, item("f"), item("f"), item("f"))
		synctest.Wait()
		if got := r.lane("f"); !got.Until.Equal(time.Now().Add(30 * time.Second)) {
			t.Errorf("until %v, want 30s from now", got.Until)
		}
		r.drain(t)
		f.wantTimes(t, 0, 30*time.Second, 30*time.Second, 30*time.Second)
	})
}
