package delivery

import (
	"time"

	"github.com/eventgateway/eventgateway/providers"
)

// The states of a circuit.
const (
	// CircuitClosed lets deliveries through.
	CircuitClosed = "closed"
	// CircuitOpen lets none through, until a time.
	CircuitOpen = "open"
	// CircuitHalfOpen lets one through, to see.
	CircuitHalfOpen = "half_open"
)

const (
	// circuitThreshold is after how many failures in a row a circuit opens.
	circuitThreshold = 10
	// circuitRest is how long it is open at first; each probe that fails doubles that, up to circuitLongestRest.
	circuitRest        = time.Second
	circuitLongestRest = time.Minute
)

// circuit keeps a function that fails again and again from being called for nothing, and from using up the attempts of
// everything that waits for it. The zero circuit is closed.
type circuit struct {
	// failures counts those in a row.
	failures int
	// opened is when it opened, or let the last probe through; zero when it is closed.
	opened time.Time
	rest   time.Duration
	// probing tells that a probe runs.
	probing bool
}

// state returns how the circuit stands.
func (c *circuit) state(now time.Time) string {
	switch {
	case c.opened.IsZero():
		return CircuitClosed
	case c.probing || !now.Before(c.opened.Add(c.rest)):
		return CircuitHalfOpen
	default:
		return CircuitOpen
	}
}

// note learns from the outcome of a call. unwell tells that it was a failure of the function, not of this one event.
func (c *circuit) note(failed, unwell bool, now time.Time) {
	probe := c.probing
	c.probing = false
	switch {
	case !failed:
		*c = circuit{}
	case !unwell: // it answers, if only to refuse
		c.failures = 0
		c.opened = time.Time{}
	case !c.opened.IsZero():
		if probe { // else it is a call that began before
			c.opened, c.rest = now, min(2*c.rest, circuitLongestRest)
		}
	default:
		if c.failures++; c.failures >= circuitThreshold {
			c.opened, c.rest = now, circuitRest
		}
	}
}

// unwell reports whether a failure says something about the function and not only about the event.
func unwell(failure providers.Failure, status int, permanent bool) bool {
	switch failure {
	case providers.Unreachable, providers.TimedOut:
		return true
	case providers.FunctionFailed:
		return !permanent && (status == 0 || status >= 500)
	default: // throttling narrows the pace instead
		return false
	}
}
