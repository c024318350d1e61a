package delivery

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/expression"
	"github.com/eventgateway/eventgateway/providers"
)

// outcome is how one attempt ended; reason is empty when it succeeded.
type outcome struct {
	reason string
	err    error
	took   time.Duration
	// began is when the attempt did.
	began time.Time
	// called tells that the function was called, or could not be for a reason that has to do with it.
	called bool
	// told tells that the stages know of the attempt.
	told bool
	// untried tells that it did not come to an attempt.
	untried bool
	// next is what happens to the task.
	next next
	// wait is how long a task is delayed.
	wait time.Duration
	// policy is the subscription's; nil if it did not come to that. work and owed are what was attempted; nil if that could not
	// be read back.
	policy *Policy
	work   *Work
	owed   *Owed
}

// next is what happens to a task after an attempt.
type next uint8

const (
	// nextDone means it is delivered.
	nextDone next = iota
	// nextRetry means that the attempt failed and another is made.
	nextRetry
	// nextDead means that the event is given up.
	nextDead
	// nextWait means that there was no attempt, and one is made later.
	nextWait
	// nextHold means that the subscription is paused.
	nextHold
	// nextLost means that the dispatcher was shut down during the attempt.
	nextLost
	// nextGone means that there is nothing to deliver.
	nextGone
)

const (
	// logPause is how long to wait when an event cannot be read back, or a dead letter not be kept.
	logPause = time.Second
	// shortPause is how long to wait while the resources are not loaded, or a record is being replaced.
	shortPause = 200 * time.Millisecond
)

// work attempts a task and then what its lane has ready. Errors and panics end an attempt, not the goroutine.
func (d *Dispatcher) work(r run) {
	for r.task != nil {
		t := r.task
		o := outcome{work: r.of, owed: r.owed}
		d.attempt(t, &o)
		d.tell(t, &o)
		if o.next == nextDead {
			d.bury(t, &o)
		}
		r = d.settle(t, &o)
	}
}

// attempt makes one attempt of t and decides what comes next. It does not panic, whatever it calls.
func (d *Dispatcher) attempt(t *task, o *outcome) {
	if t.letter != nil {
		o.next, o.reason = nextDead, t.letter.Reason
		return
	}
	o.began = time.Now()
	defer func() {
		if r := recover(); r != nil {
			d.logPanic(r, "delivering an event panicked")
			o.reason, o.err, o.took, o.called = ReasonPanic, nil, time.Since(o.began), false
			d.decide(t, o)
		}
	}()
	if !d.find(t, o) {
		return
	}
	o.policy = d.policy(nil) // in case the look-up panics
	sub := d.resources.Subscription(o.owed.Space, o.owed.SubscriptionID)
	o.policy = d.policy(sub)
	switch {
	case o.owed.Dead != nil: // it is not the subscription's any more
	case sub == nil && !d.resources.Loaded(), sub != nil && sub.Paused:
		o.next = nextHold
		return
	case sub == nil:
		o.reason, o.next, o.untried = ReasonSubscriptionMissing, nextDead, true
		return
	case o.began.Sub(o.work.Event.ReceivedAt) > o.policy.MaxAge:
		o.reason, o.next, o.untried = ReasonExpired, nextDead, true
		return
	}
	if d.call(t, sub, o) {
		d.decide(t, o)
	}
}

// policy returns what applies to a subscription, which may be nil.
func (d *Dispatcher) policy(sub *eventgateway.Subscription) *Policy {
	defaults := d.defaults.Load()
	if sub == nil || sub.Delivery == nil {
		return defaults
	}
	p := defaults.Over(sub.Delivery)
	return &p
}

// find has o know the event of t, or what comes next without.
func (d *Dispatcher) find(t *task, o *outcome) bool {
	var err error
	if o.work != nil {
		return true
	}
	if !t.dead && d.paused(t.subscription()) { // it need not be read back for that
		o.next = nextHold
		return false
	}
	if o.work, o.owed, err = d.readBack(t); err == nil {
		return true
	}
	switch {
	case d.ctx.Err() != nil:
		o.next = nextLost
	case errors.Is(err, errRewriting):
		o.next, o.wait = nextWait, shortPause
	case errors.Is(err, ErrUnavailable), errors.Is(err, context.DeadlineExceeded):
		o.next, o.wait = nextWait, logPause
	default:
		d.logger.Error("an accepted event could not be read back from the queue's log", "space", t.lane.key.Space,
			"subscription", *t.sub, "error", err)
		o.next, o.reason, o.err = nextGone, ReasonUnreadable, err
	}
	return false
}

// call calls the function. It returns false if the resources are not there, and what comes next is decided.
func (d *Dispatcher) call(t *task, sub *eventgateway.Subscription, o *outcome) bool {
	key := o.owed.Function()
	for {
		h := d.resources.Function(key)
		switch {
		case h == nil && !d.resources.Loaded():
			o.next, o.wait = nextWait, shortPause
			return false
		case h == nil:
			o.reason = ReasonFunctionMissing
			return true
		}
		o.called = true
		err := d.invoke(h, t, sub, o)
		o.err = err
		if err != nil {
			if errors.As(err, new(*expression.TransformError)) {
				o.reason, o.called = ReasonTransformFailed, false
				return true
			}
			if errors.As(err, new(*StoppedError)) {
				o.reason, o.called = ReasonStopped, false
				return true
			}
			if errors.Is(err, providers.ErrClosed) && d.resources.Function(key) != h {
				// The function was changed between the look-up and the call, and was not called.
				continue
			}
		}
		failure := failureOf(err)
		o.reason = string(failure)
		d.observer.Invoked(key, failure, o.took)
		return true
	}
}

// routeOf returns how the event of a delivery came to its subscription, which may be nil.
func routeOf(sub *eventgateway.Subscription, owed *Owed) eventgateway.Route {
	route := eventgateway.Route{Params: owed.Params}
	if sub != nil {
		route.Path = sub.Path
	}
	return route
}

// invoke calls h, or those who answer for it.
func (d *Dispatcher) invoke(h *providers.Handle, t *task, sub *eventgateway.Subscription, o *outcome) error {
	if h.Router() != nil {
		return d.invokeRouted(h, t, sub, o)
	}
	_, err := d.invokeFunction(d.ctx, h, t, sub, o)
	return err
}

// invokeFunction calls h. Path parameters and transforms are a delivery's own, and so is then what the function gets.
func (d *Dispatcher) invokeFunction(
	ctx context.Context, h *providers.Handle, t *task, sub *eventgateway.Subscription, o *outcome,
) (*providers.Result, error) {
	ev, format, owed := o.work.Event, h.Function.Format, o.owed
	route := routeOf(sub, owed)
	var encoded eventgateway.Encoded
	switch {
	case sub != nil && owed.Dead == nil && sub.Transforms.ChangeCall():
		var err error
		if encoded, err = expression.Encode(patientInput(h, ev), format, route, &sub.Transforms); err != nil {
			return nil, err
		}
	case len(o.work.Owed) == 1 || len(owed.Params) > 0:
		encoded = ev.EncodeRoute(nil, format, route)
	default:
		enc := o.work.encodings.acquire(ev, format, route.Path)
		defer o.work.encodings.release(enc)
		encoded = enc.Encoded
	}
	key, err := keyOfEvent(h, ev, owed.Params)
	if err != nil {
		return nil, err
	}
	setDeliveryHeaders(&encoded, ev, &owed.Target, int(t.attempts)+1, owed.Dead)
	stages, call := d.stagesOf(ev), Invocation{h.Function.Key(), ev, owed.Params}
	if stages != nil && !o.told {
		o.told = true
		if err := stages.Invoking(d.ctx, call); err != nil {
			return nil, &StoppedError{err}
		}
	}
	// No longer than the function's own timeout, which would otherwise need a context of its own.
	ctx, cancel := context.WithTimeout(ctx, min(o.policy.Timeout, h.Function.CallTimeout()))
	defer cancel()
	start := time.Now()
	result, err := invoke(ctx, h, &encoded, ev, key)
	o.took = time.Since(start)
	if stages != nil {
		d.tellStages(stages, call, result, err)
	}
	return result, err
}

// decide says what comes after an attempt that was made.
func (d *Dispatcher) decide(t *task, o *outcome) {
	failure := providers.Failure(o.reason)
	attempts := int(t.attempts) + 1
	switch {
	case o.reason == "":
		o.next = nextDone
	case (failure == providers.Canceled || o.reason == ReasonStopped) && d.ctx.Err() != nil:
		o.next = nextLost
	case o.policy == nil: // it did not even come to looking at the event
		o.next, o.wait = nextWait, logPause
	case o.reason == ReasonTransformFailed, o.reason == ReasonStopped, attempts >= o.policy.Attempts:
		o.next = nextDead
	case o.reason == ReasonFunctionMissing, o.reason == ReasonPanic, o.policy.Retries(failure, o.err):
		o.next, o.wait = nextRetry, o.policy.Wait(attempts, o.err)
		if o.owed.Dead == nil && time.Now().Add(o.wait).Sub(o.work.Event.ReceivedAt) > o.policy.MaxAge {
			o.next = nextDead
		}
	default:
		o.next = nextDead
	}
}

// logPanic logs where a panic happened. Of its value only what the runtime says is shown: any other may hold a payload.
func (d *Dispatcher) logPanic(value any, msg string) {
	what := fmt.Sprintf("%T", value)
	if err, ok := value.(runtime.Error); ok {
		what = err.Error()
	}
	d.logger.Error(msg, slog.String("panic", what), slog.String("stack", string(debug.Stack())))
}
