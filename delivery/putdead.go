package delivery

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/eventgateway/eventgateway"
)

// deadPatience bounds how long dead letters may take to be kept, or taken out, while their sender waits.
const deadPatience = 10 * time.Second

// isDead reports whether an item is to be kept among the dead letters.
func (it Item) isDead() bool { return it.Dead != "" && it.DuplicateOf == "" }

// keepDead keeps the events of the items that are not to be delivered as dead letters, of all their targets, or none.
func (d *Dispatcher) keepDead(items []Item) ([]*DeadLetter, error) {
	if !slices.ContainsFunc(items, Item.isDead) {
		return nil, nil
	}
	if d.isDraining() {
		return nil, ErrDraining
	}
	letters := d.lettersOf(items)
	// Not the sender's context: what is kept is kept, even if they go away meanwhile.
	ctx, cancel := context.WithTimeout(d.ctx, deadPatience)
	defer cancel()
	for i, letter := range letters {
		if err := d.addLetter(ctx, letter); err != nil {
			d.takeBack(letters[:i])
			return nil, err
		}
	}
	return letters, nil
}

func (d *Dispatcher) isDraining() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.draining
}

// notices adds to works those by which functions for dead letters get letters. What such a function causes in turn is too deep
// as well: it is kept, but goes to no such function, which would be a loop again.
func (d *Dispatcher) notices(works []*Work, letters []*DeadLetter) []*Work {
	if len(letters) == 0 {
		return works
	}
	d.mu.Lock()
	deepest := d.options.MaxDepth + 1
	d.mu.Unlock()
	for _, letter := range letters {
		if letter.deadLetter != "" && letter.Event.Depth <= deepest {
			works = append(works, letter.notice())
		}
	}
	return works
}

// lettersOf makes the dead letters of items.
func (d *Dispatcher) lettersOf(items []Item) (letters []*DeadLetter) {
	now := time.Now()
	for _, it := range items {
		if !it.isDead() {
			continue
		}
		event := it.Event.Detach()
		for _, t := range it.Targets {
			letters = append(letters, &DeadLetter{
				Space: t.Space, SubscriptionID: t.SubscriptionID, FunctionID: t.FunctionID, Event: event,
				Params: slices.Clone(t.Params), OrderingKey: t.OrderingKey, Reason: it.Dead, At: now,
				deadLetter: d.policy(d.resources.Subscription(t.Space, t.SubscriptionID)).DeadLetter,
			})
		}
	}
	return letters
}

// takeBack takes out what was kept of a Put that failed in the end: its sender tries again.
func (d *Dispatcher) takeBack(letters []*DeadLetter) {
	ctx, cancel := context.WithTimeout(d.ctx, deadPatience)
	defer cancel()
	for _, letter := range letters {
		if err := d.removeLetter(ctx, letter); err != nil {
			d.logLetter(slog.LevelWarn, "a dead letter of an event that was refused could not be taken out", letter, err)
			return
		}
	}
}

func (d *Dispatcher) removeLetter(ctx context.Context, letter *DeadLetter) (err error) {
	defer d.recoverLetter(&err)
	_, err = d.log.DeadLetters().Delete(ctx, letter.Space, letter.ID)
	return err
}

// tellDead reports events that were kept instead of being delivered: to the observer, the journal and the log.
func (d *Dispatcher) tellDead(letters []*DeadLetter) {
	for _, letter := range letters {
		d.observer.Dropped(letter.Space, letter.Event.Type, letter.Reason)
		target := Target{Space: letter.Space, SubscriptionID: letter.SubscriptionID, FunctionID: letter.FunctionID}
		trace := AttemptTrace{Attempt: 1, At: letter.At, Outcome: AttemptDead, Reason: letter.Reason}
		d.journal.Attempted(letter.Event, &target, &trace, time.Time{})
		d.logDead(letter)
	}
}

func (d *Dispatcher) logDead(letter *DeadLetter) {
	// By the space alone: a loop has several functions, and each would have a line of its own.
	suppressed, ok := d.loops.admit(eventgateway.FunctionKey{Space: letter.Space}, letter.At)
	if !ok {
		return
	}
	msg, ev := "an event was not delivered", letter.Event
	if letter.Reason == ReasonLoop {
		msg += ": too many deliveries lead to it, as where functions cause each other's events"
	}
	d.logger.Warn(msg, slog.String("space", letter.Space), slog.String("function", letter.FunctionID),
		slog.String("subscription", letter.SubscriptionID), slog.String("event", ev.Type), slog.String("event_id", ev.ID),
		slog.String("cause", ev.Cause), slog.Int("depth", ev.Depth), slog.String("reason", letter.Reason),
		slog.Int("suppressed", suppressed))
}
