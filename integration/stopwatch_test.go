package integration

import (
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"
)

// stopwatch measures how long a publisher's events take to arrive.
type stopwatch struct {
	mu   sync.Mutex
	sent map[int]time.Time
	took []time.Duration
}

// start notes when an event is sent.
func (w *stopwatch) start(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent[n] = time.Now()
}

// stop notes when an event has arrived.
func (w *stopwatch) stop(n int) {
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.took = append(w.took, now.Sub(w.sent[n]))
	delete(w.sent, n)
}

// measured is a function that stops the watch for each event that arrives.
func (w *stopwatch) measured(r *receiver) http.HandlerFunc {
	return func(rw http.ResponseWriter, req *http.Request) {
		n, ok := r.read(req)
		if !ok {
			return
		}
		w.stop(n)
		r.got.note(n)
		rw.WriteHeader(http.StatusOK)
	}
}

// measure sends events to the receiver it measures one after the other, whether or not those before have arrived, and returns
// the 99th percentile of how long they take.
func (w *stopwatch) measure(gateway string, p *publisher, r *receiver, count int) time.Duration {
	p.t.Helper()
	w.took = nil
	var sending sync.WaitGroup
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range count {
		<-tick.C
		n := p.number()
		sending.Go(func() {
			w.start(n)
			if status := p.send(gateway, n); status != http.StatusAccepted {
				p.t.Errorf("an event that is measured: status %d", status)
			}
		})
	}
	sending.Wait()
	r.got.waitFor(p.t, "at the function that is measured", p.acked.all(), patience)
	return percentile(slices.Clone(w.took), 99)
}

// compare compares what is measured without something with what is measured beside it, in turn for some rounds, so that
// whatever else the machine does meets both, and again where that did not do. The median may be twice as high beside it, or
// noise: what a busy machine makes of a millisecond.
func compare(t *testing.T, rounds int, noise time.Duration, without, beside func() time.Duration) {
	t.Helper()
	const attempts = 3
	for range attempts {
		var base, loaded []time.Duration
		for range rounds {
			base, loaded = append(base, without()), append(loaded, beside())
		}
		t.Logf("99th percentiles in %d rounds: %v without, %v beside it", rounds, base, loaded)
		if percentile(loaded, 50) <= max(2*percentile(base, 50), noise) {
			return
		}
	}
	t.Errorf("the 99th percentile is more than twice as high, and more than %s, each of %d times", noise, attempts)
}
