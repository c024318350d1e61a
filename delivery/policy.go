package delivery

import (
	"errors"
	"math"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
)

// Policy is how deliveries of one subscription are made, with everything filled in.
type Policy struct {
	// Attempts is how often delivery is tried in all.
	Attempts int
	// Initial is the wait before the second attempt; each further one is Factor times as long, up to Maximum.
	Initial, Maximum time.Duration
	Factor           float64
	// Jitter is the part of a wait that is random, 0 to 1; see Wait.
	Jitter float64
	// MaxAge is how long after it was received an event is still delivered.
	MaxAge time.Duration
	// Timeout bounds one attempt, beside the function's own.
	Timeout time.Duration
	// RetryOn is as eventgateway.Delivery.RetryOn; empty means the default.
	RetryOn []string
	// DeadLetter is the function, in the subscription's space, that gets what could not be delivered; empty for none.
	DeadLetter string
}

// DefaultPolicy returns what applies where neither the subscription nor the gateway's configuration says otherwise.
func DefaultPolicy() Policy {
	return Policy{
		Attempts: 5, Initial: time.Second, Maximum: 5 * time.Minute, Factor: 2, Jitter: 0.2,
		MaxAge: 24 * time.Hour, Timeout: 30 * time.Second,
	}
}

// Over returns the policy with what d sets in place of what p has. d may be nil.
func (p Policy) Over(d *eventgateway.Delivery) Policy {
	if d == nil {
		return p
	}
	if d.Attempts > 0 {
		p.Attempts = d.Attempts
	}
	set(&p.MaxAge, d.MaxAge)
	set(&p.Timeout, d.Timeout)
	if len(d.RetryOn) > 0 {
		p.RetryOn = d.RetryOn
	}
	if d.DeadLetter != "" {
		p.DeadLetter = d.DeadLetter
	}
	if b := d.Backoff; b != nil {
		set(&p.Initial, b.Initial)
		if set(&p.Maximum, b.Maximum); b.Maximum == 0 { // a longer wait was asked for than the default allows
			p.Maximum = max(p.Maximum, time.Duration(b.Initial))
		}
		if b.Factor > 0 {
			p.Factor = b.Factor
		}
		if b.Jitter != nil {
			p.Jitter = *b.Jitter
		}
	}
	return p
}

func set(to *time.Duration, value eventgateway.Duration) {
	if value > 0 {
		*to = time.Duration(value)
	}
}

// Wait returns how long to wait after so many attempts failed, the last with err: Initial, then Factor times as long each
// time, up to Maximum. Jitter takes a random part away, so that Maximum holds and 1 spreads waits over all there is.
//
// What the function's host asked for is waited for if it is longer: never less than that, and a little more with jitter, so
// that not all come back at once. It counts for at most half of MaxAge, so that no host can have an event expire without
// another attempt.
func (p *Policy) Wait(attempts int, err error) time.Duration {
	wait := float64(p.Initial) * math.Pow(p.Factor, float64(max(attempts, 1)-1))
	wait = min(wait, float64(p.Maximum))
	spread := wait * p.Jitter * rand.Float64()
	asked := min(askedFor(err), p.MaxAge/2)
	if asked >= time.Duration(wait) {
		return asked + time.Duration(spread)
	}
	return max(asked, time.Duration(wait-spread))
}

// askedFor returns how long the function's host asked to wait; 0 when it did not.
func askedFor(err error) time.Duration {
	if e, ok := errors.AsType[*providers.Error](err); ok {
		return e.RetryAfter
	}
	return 0
}

// Retries reports whether an attempt that failed with err may be made again.
//
// By default a failure is that is not permanent and is a lack of connection, a timeout, a throttling, or an exchange that
// broke off; and a function's error if its status is one of those that pass, or it has none that tells of a failure, as an
// error that a Lambda function reported. RetryOn takes the place of all that: then a failure is retried whose class is
// listed, unless it is permanent, or whose status is, permanent or not. What the gateway itself gave up is retried in any
// case: it says nothing about the function.
func (p *Policy) Retries(failure providers.Failure, err error) bool {
	e, ok := errors.AsType[*providers.Error](err)
	if !ok {
		e = &providers.Error{}
	}
	switch {
	case failure == providers.Canceled:
		return true
	case len(p.RetryOn) > 0:
		return p.lists(failure, e)
	case e.Permanent:
		return false
	}
	switch failure {
	case providers.Unreachable, providers.TimedOut, providers.Throttled:
		return true
	case providers.FunctionFailed:
		return !tellsFailure(e.Status) || passes(e.Status)
	case providers.BadAnswer:
		return e.BrokenOff
	default:
		return false
	}
}

// lists reports whether RetryOn has the class or the status of a failure.
func (p *Policy) lists(failure providers.Failure, e *providers.Error) bool {
	for _, entry := range p.RetryOn {
		if entry == string(failure) && !e.Permanent || matchesStatus(entry, e.Status) {
			return true
		}
	}
	return false
}

// matchesStatus reports whether an entry such as "503" or "5xx" stands for a status.
func matchesStatus(entry string, status int) bool {
	if status == 0 || len(entry) != 3 {
		return false
	}
	if entry[1:] == "xx" {
		return int(entry[0]-'0') == status/100
	}
	n, err := strconv.Atoi(entry)
	return err == nil && n == status
}

// tellsFailure reports whether a status by itself tells of a failure. A Lambda function's error comes with a 200.
func tellsFailure(status int) bool { return status >= 300 }

// passes reports whether a status tells of something that may be over by the next attempt.
func passes(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests, http.StatusInternalServerError,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}
