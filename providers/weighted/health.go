package weighted

import (
	"sync/atomic"
	"time"

	"github.com/eventgateway/eventgateway/providers"
)

// health is whether a member can be called, as far as calls have shown. One that cannot is left out for a while where another
// can be called in its place, so that not every call has to find out again. Its methods may be called at the same time.
type health struct {
	// failures counts the calls in a row that did not reach the member.
	failures atomic.Int64
	// until is when it may be called again, in nanoseconds since the epoch; 0 while nothing is wrong.
	until atomic.Int64
}

const (
	// restAfter is after how many such calls in a row a member rests.
	restAfter = 3
	// firstRest is how long at first; it doubles with every call that then fails, up to longestRest.
	firstRest   = time.Second
	longestRest = 30 * time.Second
)

// rests reports whether the member is not to be called now.
func (h *health) rests() bool {
	until := h.until.Load()
	return until != 0 && time.Now().UnixNano() < until
}

// enter reports whether the member, which does not rest, may be called: of the calls after a rest only the first, to see.
func (h *health) enter() bool {
	until := h.until.Load()
	if until == 0 {
		return true
	}
	return h.until.CompareAndSwap(until, time.Now().Add(firstRest).UnixNano())
}

// reached notes a call that came through, however it ended.
func (h *health) reached() {
	if h.failures.Load() != 0 {
		h.failures.Store(0)
	}
	if h.until.Load() != 0 {
		h.until.Store(0)
	}
}

// unreached notes a call that did not. after is when the member's host wants the next; 0 when it did not say.
func (h *health) unreached(after time.Duration) {
	failures := h.failures.Add(1)
	rest := min(after, longestRest)
	if failures >= restAfter {
		rest = max(rest, min(firstRest<<min(failures-restAfter, 10), longestRest))
	}
	if rest > 0 {
		h.until.Store(time.Now().Add(rest).UnixNano())
	}
}

// elsewhere reports whether a failure is one after which another member may be called: the event was not processed.
func elsewhere(failure providers.Failure) bool {
	return failure == providers.Unreachable || failure == providers.Throttled
}
