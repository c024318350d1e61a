package delivery

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// bury keeps the event of t as a dead letter, and has it sent to the function for dead letters if there is one. What cannot
// be kept is tried again later: it is not lost.
func (d *Dispatcher) bury(t *task, o *outcome) {
	const patience = 10 * time.Second
	if t.dead { // it is among the dead letters already
		o.next = nextDone
		return
	}
	if t.letter == nil {
		t.letter = letterOf(t, o)
	}
	ctx, cancel := context.WithTimeout(d.ctx, patience)
	defer cancel()
	err := d.keepLetter(ctx, t.letter)
	switch {
	case err == nil:
	case d.ctx.Err() != nil:
		o.next = nextLost
	default:
		d.logLetter(slog.LevelWarn, "a dead letter could not be kept; trying again", t.letter, err)
		o.next, o.wait = nextWait, logPause
	}
}

// addLetter adds a dead letter to the others. It does not panic.
func (d *Dispatcher) addLetter(ctx context.Context, letter *DeadLetter) (err error) {
	defer d.recoverLetter(&err)
	return d.log.DeadLetters().Add(ctx, letter)
}

// recoverLetter is deferred where a dead letter is kept, and makes a panic an error.
func (d *Dispatcher) recoverLetter(err *error) {
	if r := recover(); r != nil {
		d.logPanic(r, "keeping a dead letter panicked")
		*err = ErrUnavailable
	}
}

// keepLetter does what is still to be done about a dead letter. It does not panic.
func (d *Dispatcher) keepLetter(ctx context.Context, letter *DeadLetter) (err error) {
	defer d.recoverLetter(&err)
	if !letter.kept {
		err = d.log.DeadLetters().Add(ctx, letter)
		if errors.Is(err, ErrTooLarge) {
			d.logLetter(slog.LevelError, "a dead letter is too large to be kept, and lost", letter, err)
			err = nil
		}
		if err != nil {
			return err
		}
		letter.kept = true
	}
	if letter.deadLetter == "" {
		return nil
	}
	err = d.log.Append(ctx, []*Work{letter.notice()})
	if errors.Is(err, ErrTooLarge) {
		d.logLetter(slog.LevelError, "a dead letter is too large to be sent to a function", letter, err)
		return nil
	}
	return err
}

// notice returns the work that tells the function for dead letters of one.
func (letter *DeadLetter) notice() *Work {
	return &Work{Event: letter.Event, Owed: []Owed{{
		Target: Target{
			Space: letter.Space, SubscriptionID: letter.SubscriptionID, FunctionID: letter.deadLetter, Params: letter.Params,
		},
		Dead: &DeadNote{Reason: letter.Reason, Error: letter.Error, FunctionID: letter.FunctionID, Attempts: letter.Attempts},
	}}}
}

func (d *Dispatcher) logLetter(level slog.Level, msg string, letter *DeadLetter, err error) {
	d.logger.Log(context.Background(), level, msg, slog.String("space", letter.Space),
		slog.String("subscription", letter.SubscriptionID), slog.String("event_id", letter.Event.ID), slog.Any("error", err))
}

// letterOf makes the dead letter of a delivery that is given up.
func letterOf(t *task, o *outcome) *DeadLetter {
	letter := &DeadLetter{
		Space: o.owed.Space, SubscriptionID: o.owed.SubscriptionID, FunctionID: o.owed.FunctionID, Event: o.work.Event,
		Params: o.owed.Params, OrderingKey: o.owed.OrderingKey, Reason: o.reason, Status: statusOf(o.err),
		Attempts: t.made(o), At: time.Now(), deadLetter: o.policy.DeadLetter,
	}
	if o.err != nil {
		letter.Error = o.err.Error()
	}
	return letter
}

// made returns how many attempts were made of t, the one that ended with o included.
func (t *task) made(o *outcome) int {
	if o.untried {
		return int(t.attempts)
	}
	return int(t.attempts) + 1
}
