package integration

import (
	"fmt"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway/integration/gatewaytest"
)

// TestIsolation compares how long events take to a function while another one hangs with 10,000 events waiting, with how
// long they take without that. Both are measured in turn, so that whatever else the machine does meets both.
func TestIsolation(t *testing.T) {
	const waiting = 10_000
	// noise is what a busy machine makes of a millisecond.
	noise := 5 * time.Millisecond
	if gatewaytest.RaceEnabled {
		noise *= 5
	}
	s := newStage(t)
	var g gate
	hung, quick := newReceiver(t), newReceiver(t)
	watch := &stopwatch{sent: map[int]time.Time{}}
	t.Cleanup(g.open)
	s.function("hangs", g.hang(hung), fields{"timeout": "30s"})
	s.function("quick", watch.measured(quick))
	s.subscribe("hung POST / hangs", eager())
	s.subscribe("quick POST / quick")
	backlog, events := newPublisher(t, "hung"), newPublisher(t, "quick")

	measure := func(count int) time.Duration { return watch.measure(s.Events, events, quick, count) }
	measure(sized(100, 1000)) // whatever is done once is done
	compare(t, sized(5, 3), noise, func() time.Duration { return measure(sized(200, 2000)) }, func() time.Duration {
		g.shut()
		backlog.fill(s.Events, waiting, 500)
		gatewaytest.Eventually(t, patience, func() error {
			if held := g.held.Load(); held != 32 {
				return fmt.Errorf("%d calls hang, want 32", held)
			}
			return nil
		})
		// In full it takes longer than the function's timeout, so that deliveries fail meanwhile and are made again.
		took := measure(sized(200, 8000))
		g.open()
		hung.got.waitFor(t, "at the function that hung", backlog.acked.all(), patienceWithLoad)
		s.idle()
		return took
	})
}
