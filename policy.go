package eventgateway

import (
	"slices"
	"time"
)

const (
	// MaxAttempts is how often delivery may be tried in all.
	MaxAttempts = 100
	// MaxBackoff is the longest wait between two attempts.
	MaxBackoff = 24 * time.Hour
	// MaxBackoffFactor is by how much each wait may be longer than the one before.
	MaxBackoffFactor = 10
	// MaxDeliveryAge is how long after it was received an event may still be delivered.
	MaxDeliveryAge = 30 * 24 * time.Hour
	// MaxRetryOn is how many outcomes Delivery.RetryOn may list.
	MaxRetryOn = 32
)

// Delivery says how events reach an asynchronous subscriber. Everything is optional; what is not set comes from the
// gateway's own defaults.
type Delivery struct {
	// Attempts is how often delivery is tried in all. Default: 5. At most 100.
	Attempts int `json:"attempts,omitempty"`
	// Backoff is how long to wait between attempts.
	Backoff *Backoff `json:"backoff,omitempty"`
	// MaxAge is how long after it was received an event is still delivered. Default: 24h. At most 30 days.
	MaxAge Duration `json:"maxAge,omitempty"`
	// Timeout bounds one attempt, beside the function's own timeout. Default: 30s. At most 15m.
	Timeout Duration `json:"timeout,omitempty"`
	// RetryOn lists the outcomes after which delivery is tried again: HTTP statuses such as "503", "4xx" or "5xx", and the
	// classes "unreachable", "timeout", "throttled", "function_error" and "bad_answer". Default: the first three, a
	// connection that breaks off, and of function errors those with status 408, 425, 429, 500, 502, 503 or 504 or with none;
	// but not a failure that is marked permanent, which only a status listed here retries.
	RetryOn []string `json:"retryOn,omitempty"`
	// DeadLetter is the function, in the same space, that gets what could not be delivered. Default: none; dead letters
	// are kept in any case.
	DeadLetter string `json:"deadLetter,omitempty"`
	// OrderingKey is a CEL expression, most often a field path such as data.customerId: events with the same value reach
	// the subscriber one at a time, in the order they were accepted. Default: none, no order is kept.
	OrderingKey string `json:"orderingKey,omitempty"`
}

// Backoff is how long to wait between attempts: initial, then factor times as long each time, up to maximum.
type Backoff struct {
	// Initial is the wait before the second attempt. Default: 1s, or Maximum if that is shorter. At most 24h.
	Initial Duration `json:"initial,omitempty"`
	// Factor is by how much each wait is longer than the one before. Default: 2. 1 to 10.
	Factor float64 `json:"factor,omitempty"`
	// Maximum is the longest wait. Default: 5m, or Initial if that is longer. At most 24h.
	Maximum Duration `json:"maximum,omitempty"`
	// Jitter is the part of a wait that is random, 0 to 1. Default: 0.2.
	Jitter *float64 `json:"jitter,omitempty"`
}

// Clone returns a copy that shares nothing with d; nil for nil.
func (d *Delivery) Clone() *Delivery {
	if d == nil {
		return nil
	}
	c := *d
	c.RetryOn = slices.Clone(d.RetryOn)
	if d.Backoff != nil {
		backoff := *d.Backoff
		if backoff.Jitter != nil {
			jitter := *backoff.Jitter
			backoff.Jitter = &jitter
		}
		c.Backoff = &backoff
	}
	return &c
}

// Normalize removes what says nothing: a backoff and a list without anything in them.
func (d *Delivery) Normalize() {
	if d.Backoff != nil && *d.Backoff == (Backoff{}) {
		d.Backoff = nil
	}
	if len(d.RetryOn) == 0 {
		d.RetryOn = nil
	}
}

// empty reports whether nothing is set. Call Normalize first.
func (d *Delivery) empty() bool {
	return d.Attempts == 0 && d.Backoff == nil && d.MaxAge == 0 && d.Timeout == 0 && d.RetryOn == nil && d.DeadLetter == "" &&
		d.OrderingKey == ""
}

// Validate checks everything but whether the dead letter function exists, which the store knows, and whether the ordering
// key compiles, which package expression knows. Call Normalize first.
func (d *Delivery) Validate() error {
	if d.Attempts < 0 || d.Attempts > MaxAttempts {
		return Errorf(Invalid, "delivery.attempts: %d is not accepted: want 1 to %d", d.Attempts, MaxAttempts)
	}
	if d.Backoff != nil {
		if err := d.Backoff.validate(); err != nil {
			return err
		}
	}
	if d.MaxAge < 0 || time.Duration(d.MaxAge) > MaxDeliveryAge {
		return InvalidField("delivery.maxAge", time.Duration(d.MaxAge).String(), "more than 0s and at most 720h, which is 30 days")
	}
	if d.Timeout < 0 || time.Duration(d.Timeout) > MaxTimeout {
		return InvalidField("delivery.timeout", time.Duration(d.Timeout).String(), "more than 0s and at most 15m")
	}
	if err := d.validateRetryOn(); err != nil {
		return err
	}
	if d.DeadLetter != "" {
		if err := ValidateID("delivery.deadLetter", d.DeadLetter); err != nil {
			return err
		}
	}
	return ValidateExpression("delivery.orderingKey", d.OrderingKey)
}

func (b *Backoff) validate() error {
	for _, wait := range []struct {
		field string
		value Duration
	}{{"delivery.backoff.initial", b.Initial}, {"delivery.backoff.maximum", b.Maximum}} {
		if wait.value < 0 || time.Duration(wait.value) > MaxBackoff {
			return InvalidField(wait.field, time.Duration(wait.value).String(), "more than 0s and at most 24h")
		}
	}
	if b.Maximum != 0 && b.Maximum < b.Initial {
		return InvalidField("delivery.backoff.maximum", time.Duration(b.Maximum).String(),
			"at least the initial wait, "+time.Duration(b.Initial).String())
	}
	// Written so that what is no number is refused.
	if within := b.Factor >= 1 && b.Factor <= MaxBackoffFactor; b.Factor != 0 && !within {
		return Errorf(Invalid, "delivery.backoff.factor: %v is not accepted: want 1 to %d", b.Factor, MaxBackoffFactor)
	}
	if b.Jitter != nil {
		if within := *b.Jitter >= 0 && *b.Jitter <= 1; !within {
			return Errorf(Invalid, "delivery.backoff.jitter: %v is not accepted: want 0 to 1", *b.Jitter)
		}
	}
	return nil
}

func (d *Delivery) validateRetryOn() error {
	if len(d.RetryOn) > MaxRetryOn {
		return Errorf(Invalid, "delivery.retryOn: %d entries are not accepted: want at most %d", len(d.RetryOn), MaxRetryOn)
	}
	for i, outcome := range d.RetryOn {
		if !retryClasses[outcome] && !isStatus(outcome) {
			return InvalidField("delivery.retryOn", outcome, "a status from 100 to 599, 4xx, 5xx, unreachable, timeout, throttled, "+
				"function_error or bad_answer")
		}
		if slices.Contains(d.RetryOn[:i], outcome) {
			return Errorf(Invalid, "delivery.retryOn: %q is given twice: want every entry once", outcome)
		}
	}
	return nil
}

// retryClasses are the entries of Delivery.RetryOn that stand for several outcomes.
var retryClasses = map[string]bool{
	"4xx": true, "5xx": true, "unreachable": true, "timeout": true, "throttled": true, "function_error": true, "bad_answer": true,
}

// isStatus reports whether s is an HTTP status from 100 to 599.
func isStatus(s string) bool {
	return len(s) == 3 && s[0] >= '1' && s[0] <= '5' && s[1] >= '0' && s[1] <= '9' && s[2] >= '0' && s[2] <= '9'
}
