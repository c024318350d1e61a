package delivery

import (
	"time"

	"github.com/eventgateway/eventgateway/providers"
)

// pace is how many deliveries a lane runs at once: as many as configured, fewer once the function's host throttles or
// answers come too late. It is halved at most once in a while, and grows by one for as many successes as it is wide.
type pace struct {
	max   int
	width float64
	// shrunk is when it was halved last.
	shrunk time.Time
	// until is when the function may be called again, as its host asked for; zero when it did not.
	until time.Time
}

const (
	// shrinkInterval is how long calls that began before the width was halved are not held against it.
	shrinkInterval = 200 * time.Millisecond
	// longestRest is the longest that a host's wish to be left alone holds up all deliveries to a function.
	longestRest = 5 * time.Minute
)

// configure sets the width that is not exceeded.
func (p *pace) configure(most int) {
	if p.width == 0 || p.width >= float64(p.max) || p.width > float64(most) {
		p.width = float64(most)
	}
	p.max = most
}

// note learns from the outcome of a call.
func (p *pace) note(failure providers.Failure, retryAfter time.Duration, now time.Time) {
	switch failure {
	case "":
		if p.width < float64(p.max) {
			p.width = min(float64(p.max), p.width+1/p.width)
		}
	case providers.Throttled, providers.TimedOut:
		if now.Sub(p.shrunk) >= shrinkInterval {
			p.width, p.shrunk = max(1, p.width/2), now
		}
		if retryAfter > 0 {
			p.until = now.Add(min(retryAfter, longestRest))
		}
	}
}

// narrowed reports whether something was learned that is still of use.
func (p *pace) narrowed() bool { return p.width < float64(p.max) }
