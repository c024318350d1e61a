package weighted

import (
	"sync"
	"time"

	"github.com/eventgateway/eventgateway"
)

// watch counts the calls of one member over a window that moves along in steps of a tenth.
type watch struct {
	limits
	start time.Time

	mu    sync.Mutex
	steps [steps]tally
	sum   tally
	// at is the step it stands at, counted from start.
	at int64
}

const steps = 10

// tally counts calls, those that failed and those that were slow.
type tally struct{ calls, failed, slow int }

func (t *tally) add(o tally, sign int) {
	t.calls += sign * o.calls
	t.failed += sign * o.failed
	t.slow += sign * o.slow
}

// limits are what a member has to keep to.
type limits struct {
	// errorRate is how much may fail; negative when that is not looked at.
	errorRate float64
	// latency is how long a call may take; 0 when that is not looked at. quantile is how much must be as fast.
	latency  time.Duration
	quantile float64
	window   time.Duration
	minimum  int
}

func (r *Retreat) limits() limits {
	l := limits{
		errorRate: -1, latency: time.Duration(r.Latency), quantile: r.quantile(), window: r.window(), minimum: r.minimumCalls(),
	}
	if r.ErrorRate != nil {
		l.errorRate = *r.ErrorRate
	}
	return l
}

func newWatch(l limits) *watch { return &watch{limits: l, start: time.Now()} }

// note counts a call that ended now, and returns the reason to retreat, if that gives one, and the counts that do.
func (w *watch) note(one tally) (reason string, sum tally) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.move(int64(time.Since(w.start) / (w.window / steps)))
	w.steps[w.at%steps].add(one, 1)
	w.sum.add(one, 1)
	return w.broken(w.sum), w.sum
}

// move forgets what has left the window when it is at a step.
func (w *watch) move(to int64) {
	for range min(to-w.at, steps) {
		w.at++
		old := &w.steps[w.at%steps]
		w.sum.add(*old, -1)
		*old = tally{}
	}
	w.at = max(w.at, to)
}

// broken returns which of the limits some calls break; empty when they keep to them.
func (l *limits) broken(sum tally) string {
	const rounding = 1e-9
	calls := float64(sum.calls)
	switch {
	case sum.calls < l.minimum:
		return ""
	case l.errorRate >= 0 && float64(sum.failed) > l.errorRate*calls+rounding:
		return eventgateway.RetreatErrorRate
	case l.latency > 0 && float64(sum.calls-sum.slow) < l.quantile*calls-rounding:
		return eventgateway.RetreatLatency
	}
	return ""
}
