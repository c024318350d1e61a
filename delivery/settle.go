package delivery

import (
	"errors"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
)

// tell reports an attempt: to the observer, the journal, and for what is given up the log.
func (d *Dispatcher) tell(t *task, o *outcome) {
	defer func() {
		if r := recover(); r != nil {
			d.logPanic(r, "reporting a delivery panicked")
		}
	}()
	switch {
	case o.next == nextGone:
		d.observer.Dropped(t.lane.key.Space, "", o.reason)
	case o.work != nil && t.letter == nil:
		d.tellAttempt(t, o)
	}
}

func (d *Dispatcher) tellAttempt(t *task, o *outcome) {
	ev, target := o.work.Event, &o.owed.Target
	var as string
	var due time.Time
	switch o.next {
	case nextDone:
		as = AttemptDelivered
		d.observer.Delivered(target.Space, ev.Type, o.began.Add(o.took).Sub(ev.ReceivedAt))
	case nextRetry:
		as, due = AttemptRetried, time.Now().Add(o.wait)
	case nextDead:
		as = AttemptDead
		d.failures.log(ev, target, t.made(o), *o)
		if o.owed.Dead == nil {
			d.observer.Dropped(target.Space, ev.Type, o.reason)
		}
	case nextLost:
		if !d.durable {
			d.observer.Dropped(target.Space, ev.Type, ReasonShutdown)
		}
		return
	default:
		return
	}
	if !o.untried {
		d.observer.Attempted(target.Function(), as)
	}
	if d.journal == nil || o.owed.Dead != nil {
		return
	}
	trace := AttemptTrace{
		Attempt: int(t.attempts) + 1, At: o.began, Duration: eventgateway.Duration(o.took), Outcome: as, Reason: o.reason,
		Status: statusOf(o.err),
	}
	if o.err != nil {
		trace.Error = o.err.Error()
	}
	d.journal.Attempted(ev, target, &trace, due)
}

// statusOf returns the HTTP status of a failed call; 0 when there was none.
func statusOf(err error) int {
	if e, ok := errors.AsType[*providers.Error](err); ok {
		return e.Status
	}
	return 0
}

// settle does what o says with t, and returns what its goroutine runs next, if anything.
func (d *Dispatcher) settle(t *task, o *outcome) run {
	l := t.lane
	own := 0
	if o.called {
		own = d.ownConcurrency(l.key) // as it is now: the call may have begun before the function was changed
	}
	d.mu.Lock()
	t.rec.running--
	l.running--
	l.share.running--
	d.stats.Running--
	changed := d.learn(l, o, own)
	finished := d.move(t, o)
	if d.starved.any() {
		d.feed()
	}
	following := d.take(l)
	d.start(l) // a wider pace, or an ordering key that goes on, may let more than one run
	d.release(l)
	d.checkIdle()
	d.mu.Unlock()
	if changed != "" {
		d.logger.Warn("the circuit of a function changed", "space", l.key.Space, "function", l.key.ID, "circuit", changed)
	}
	if finished != nil {
		d.log.Finish(finished)
	}
	return following
}

// learn has the lane's pace and circuit follow an outcome, and returns the circuit's new state if it opened or closed. own is
// the concurrency that the function has of its own. Callers hold mu.
func (d *Dispatcher) learn(l *lane, o *outcome, own int) (changed string) {
	if !o.called || o.next == nextLost {
		l.probing = false
		return ""
	}
	if own == 0 {
		own = d.options.Limits.Concurrency
	}
	if own != l.max {
		l.configure(own)
	}
	if o.reason == "" && !l.wary() {
		return ""
	}
	now := time.Now()
	e, ok := errors.AsType[*providers.Error](o.err)
	if !ok {
		e = &providers.Error{}
	}
	failure := providers.Failure(o.reason)
	l.pace.note(failure, e.RetryAfter, now)
	wasClosed := l.opened.IsZero()
	l.circuit.note(o.reason != "", unwell(failure, e.Status, e.Permanent), now)
	switch isClosed := l.opened.IsZero(); {
	case wasClosed && !isClosed:
		return CircuitOpen
	case isClosed && !wasClosed:
		return CircuitClosed
	}
	return ""
}

// move puts t where it belongs now and returns its record if that is finished. Callers hold mu.
func (d *Dispatcher) move(t *task, o *outcome) (finished *Record) {
	again := o.next == nextRetry || o.next == nextWait || o.next == nextHold
	switch {
	case again && t.rec.revoked: // another instance makes the next attempt
		d.forgo(t)
		return nil
	case o.next == nextLost:
		t.state = taskAborted
		d.aborted++
		return nil
	case !again:
		return d.end(t)
	}
	d.stats.Waiting++
	switch o.next {
	case nextRetry:
		t.attempts++
		d.fallBehind(t.rec)
		d.delayUntil(t, time.Now().Add(o.wait))
	case nextWait:
		d.delayUntil(t, time.Now().Add(o.wait))
	default:
		d.hold(t)
	}
	d.unload(t.rec)
	return nil
}

// end takes out a task that is through and returns its record if that is finished. Callers hold mu.
func (d *Dispatcher) end(t *task) (finished *Record) {
	rec := t.rec
	d.forgo(t)
	rec.left--
	switch {
	case rec.left > 0:
		d.fallBehind(rec)
		d.unload(rec)
		return nil
	case rec.rewriting: // whoever replaces it sees that nothing is left
		d.letGo(rec)
		return nil
	}
	d.letGo(rec)
	rec.Works, rec.tasks = nil, nil
	return rec
}

// forgo lets go of a task that ran and is made no more here, and has the next of its ordering key go ahead. Callers hold mu.
func (d *Dispatcher) forgo(t *task) {
	c := t.chain
	d.unchain(t)
	d.drop(t)
	if c != nil && c.head != nil && c.head.lane != t.lane {
		d.start(c.head.lane)
	}
}
