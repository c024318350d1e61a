package integration

import (
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway/integration/gatewaytest"
)

// patienceWithLoad is how long a test waits until thousands of events have arrived; only a failing test waits that long.
const patienceWithLoad = 5 * time.Minute

// long tells that tests are to run in full.
func long() bool { return os.Getenv(longVariable) == "1" }

// sized is how much of something a test does, in short and in full.
func sized(short, full int) int {
	if long() {
		return full
	}
	return short
}

// maxAttempts is how often a delivery can be tried at most.
const maxAttempts = 100

// eager is a delivery policy that tries again soon, and as often as it may.
func eager() fields {
	return fields{"delivery": fields{"attempts": maxAttempts, "backoff": fields{"initial": "10ms", "maximum": "200ms"}}}
}

// wait waits until something has counted to a number.
func wait(t *testing.T, what string, count func() int, to int) {
	t.Helper()
	gatewaytest.Eventually(t, patienceWithLoad, func() error {
		if have := count(); have < to {
			return fmt.Errorf("%s: %d, want %d", what, have, to)
		}
		return nil
	})
}

// fanout is one event type with three subscribers, each of which fails now and then: one gets only every other event.
type fanout struct{ all, more, even *receiver }

// newFanout registers the functions, whose calls fail in a share of the cases, and their subscriptions to an event type.
func newFanout(s *stage, eventType string, failures float64) *fanout {
	f := &fanout{newReceiver(s.t), newReceiver(s.t), newReceiver(s.t)}
	for id, r := range map[string]*receiver{"all": f.all, "more": f.more, "even": f.even} {
		s.function(id, flaky(failures, r))
	}
	s.subscribe(eventType+" POST / all", eager())
	s.subscribe(eventType+" POST / more", eager())
	s.subscribe(eventType+" POST / even", eager(), fields{"filter": "data.even"})
	return f
}

// wants waits until every event has arrived at every subscriber, and reports what the way there was like.
func (f *fanout) wants(t *testing.T, p *publisher) {
	t.Helper()
	acked := p.acked.all()
	even := make([]int, 0, len(acked))
	for _, n := range acked {
		if n%2 == 0 {
			even = append(even, n)
		}
	}
	f.all.got.waitFor(t, "at the first subscriber", acked, patienceWithLoad)
	f.more.got.waitFor(t, "at the second subscriber", acked, patienceWithLoad)
	f.even.got.waitFor(t, "at the subscriber to even numbers", even, patienceWithLoad)
	for _, n := range f.even.got.all() {
		if n%2 == 1 {
			t.Errorf("event %d arrived, which the filter does not let through", n)
			break
		}
	}
	t.Logf("%d events acknowledged, %d refused, %d without an answer; arrived more than once: %d, %d and %d",
		len(acked), p.refused.Load(), p.broken.Load(),
		f.all.got.duplicates(), f.more.got.duplicates(), f.even.got.duplicates())
}

// TestCrash kills the gateway again and again under load, sometimes while it still starts. Whatever it acknowledged arrives
// at each subscriber in the end, though these fail three times in ten.
func TestCrash(t *testing.T) {
	dir := gatewaytest.Dir(t.TempDir())
	s := newStage(t, dir)
	f := newFanout(s, "made", 0.3)
	p := newPublisher(t, "made")
	p.fragile, p.pause = true, 10*time.Millisecond
	to := aimAt(s.Events)
	stop := p.load(to, 16)
	for i := range sized(3, 20) {
		wait(t, "acknowledged events", p.acked.size, p.acked.size()+10+rand.IntN(scaled(1000)))
		s.Kill()
		if i%3 == 1 {
			starting := gatewaytest.Start(t, dir, gatewaytest.Unready())
			<-time.After(rand.N(700 * time.Millisecond))
			starting.Kill()
		}
		s.Gateway = gatewaytest.Start(t, dir)
		to.aim(s.Events)
	}
	wait(t, "acknowledged events", p.acked.size, p.acked.size()+100)
	stop()
	f.wants(t, p)
	s.idle()
}
