package systemevents

import (
	"sync/atomic"
	"time"
)

// logInterval is how often system events that get nowhere are logged.
const logInterval = 10 * time.Second

// limiter lets one line through in logInterval. The zero value is ready.
type limiter struct {
	// next is when the next may come, in nanoseconds since 1970.
	next       atomic.Int64
	suppressed atomic.Int64
}

// admit reports whether a line may be written now, and how many before it were not.
func (l *limiter) admit(now time.Time) (suppressed int64, ok bool) {
	next := l.next.Load()
	if now.UnixNano() < next || !l.next.CompareAndSwap(next, now.Add(logInterval).UnixNano()) {
		l.suppressed.Add(1)
		return 0, false
	}
	return l.suppressed.Swap(0), true
}
