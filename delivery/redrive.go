package delivery

import (
	"context"
	"time"
)

// Redrive puts a dead letter back into the queue, as it was when it was accepted, and then removes it from the dead letters. One
// that was too deep is then caused by nobody: whoever redrives it says that the loop is gone. An error is one that Put has, or of the log.
func (d *Dispatcher) Redrive(ctx context.Context, letter *DeadLetter) error {
	// Its age counts from now on: it may be dead because it was too old.
	event := *letter.Event
	event.ReceivedAt = time.Now()
	if letter.Reason == ReasonLoop {
		event.Depth, event.Cause = 0, ""
	}
	target := Target{
		Space: letter.Space, SubscriptionID: letter.SubscriptionID, FunctionID: letter.FunctionID, Params: letter.Params,
		OrderingKey: letter.OrderingKey,
	}
	targets := []Target{target}
	d.journal.Received(letter.Space, &event, targets, nil)
	if err := d.append([]*Work{{Event: &event, Owed: []Owed{{Target: target}}}}); err != nil {
		d.journal.Refused(&event, targets)
		return err
	}
	_, err := d.log.DeadLetters().Delete(ctx, letter.Space, letter.ID)
	return err
}
