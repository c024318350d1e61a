package configapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/delivery"
)

// Deliveries is what became of events, as far as the queue knows. It is safe for concurrent use.
type Deliveries interface {
	// DeadLetters returns where undeliverable events are kept.
	DeadLetters() delivery.DeadLetters
	// Redrive puts a dead letter back into the queue and removes it; see delivery.Dispatcher.Redrive.
	Redrive(ctx context.Context, d *delivery.DeadLetter) error
	// Event returns what is known of an event; false when it is not known, or no longer.
	Event(ctx context.Context, space, id string) (delivery.EventTrace, bool)
	// Remembers returns for how long events are known, and how many at most.
	Remembers() (age time.Duration, events int)
}

// deliveries returns what the paths of dead letters and events need.
func (x *exchange) deliveries() (Deliveries, error) {
	if x.Deliveries == nil {
		return nil, refusef(http.StatusNotFound, "path: dead letters and events are not served here")
	}
	return x.Deliveries, nil
}

// getEvent answers with what became of an event.
func (x *exchange) getEvent() error {
	if err := x.noQuery(); err != nil {
		return err
	}
	deliveries, err := x.deliveries()
	if err != nil {
		return err
	}
	trace, ok := deliveries.Event(x.r.Context(), x.space, x.id)
	if !ok {
		age, events := deliveries.Remembers()
		return eventgateway.Errorf(eventgateway.NotFound,
			"event %s is not known in space %q: events are remembered for %s, at most the last %d of them",
			eventgateway.Quote(x.id), x.space, age, events)
	}
	x.answer(http.StatusOK, x.Mirror.Revision(), showTrace(trace))
	return nil
}

// showTrace returns a trace in which nothing is null.
func showTrace(trace delivery.EventTrace) delivery.EventTrace {
	trace.Deliveries = append([]delivery.DeliveryTrace{}, trace.Deliveries...)
	for i := range trace.Deliveries {
		d := &trace.Deliveries[i]
		d.Attempts = append([]delivery.AttemptTrace{}, d.Attempts...)
	}
	return trace
}

// queueError turns an error of the queue into one for the client. done tells what was done before; empty if nothing was.
func queueError(done string, err error) error {
	unavailable := func(why string) error {
		return &eventgateway.Error{Kind: eventgateway.Unavailable, Message: done + why, Err: err}
	}
	switch {
	case errors.Is(err, delivery.ErrTooLarge):
		return refusef(http.StatusConflict, "%s%s", done, delivery.ErrTooLarge)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return unavailable("the request was given up")
	}
	for _, known := range []error{delivery.ErrFull, delivery.ErrDraining, delivery.ErrUnavailable} {
		if errors.Is(err, known) {
			return unavailable(known.Error() + ": try again later")
		}
	}
	return fmt.Errorf("queue: %w", err)
}
