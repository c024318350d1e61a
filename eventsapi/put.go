package eventsapi

import (
	"errors"
	"net/http"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/delivery"
	"github.com/eventgateway/eventgateway/matcher"
)

const (
	// eventIDHeader tells the sender of an accepted event the id under which it goes on, as delivery.EventIDText has it.
	eventIDHeader = delivery.HeaderEventID
	// duplicateHeader tells the sender of an event that it was accepted before, and is not delivered again.
	duplicateHeader = eventgateway.HeaderPrefix + "Duplicate"
)

// addItem makes an item for the queue of ev and its targets in x.match. index is its place in a batch, or alone: in a batch
// the sync subscriber is one of the targets.
func (x *exchange) addItem(ev *eventgateway.Event, index int) {
	start := len(x.targets)
	for _, t := range x.match.Async {
		x.targets = append(x.targets, x.targetOf(t))
	}
	if index != alone && x.match.Sync.Subscription != nil {
		x.targets = append(x.targets, x.targetOf(x.match.Sync))
	}
	if end := len(x.targets); end > start {
		x.items = append(x.items, delivery.Item{Event: ev, Targets: x.targets[start:end:end], Key: x.keyOf(ev, index)})
	}
}

func (x *exchange) targetOf(t matcher.Target) delivery.Target {
	return delivery.TargetOf(t.Subscription, t.Params, x.input)
}

// put hands all items to the queue, or none: then the error is the refusal. A sender that goes away meanwhile takes nothing
// back: what the queue has accepted is delivered.
func (x *exchange) put() error {
	if len(x.items) == 0 {
		return nil
	}
	if err := x.h.Queue.Put(x.r.Context(), x.items); err != nil {
		x.noteRefused()
		return x.notQueued(err)
	}
	x.noteDuplicates()
	return nil
}

// notQueued returns the refusal for an error of the queue.
func (x *exchange) notQueued(err error) error {
	switch {
	case errors.Is(err, delivery.ErrFull):
		return unavailable(ReasonQueueFull, "the event was not accepted: the queue is full; try again later")
	case errors.Is(err, delivery.ErrDraining):
		return unavailable(ReasonDraining, "the event was not accepted: the gateway is shutting down; try again later")
	case errors.Is(err, delivery.ErrTooLarge):
		return refusal(http.StatusRequestEntityTooLarge, ReasonTooLarge,
			"the event was not accepted: it is larger than the queue can take")
	case x.r.Context().Err() != nil:
		return refusal(statusClientClosed, ReasonCanceled, "")
	case errors.Is(err, delivery.ErrUnavailable):
		return unavailable(ReasonQueueUnavailable, "the event was not accepted: the queue is out of reach; try again later")
	}
	x.h.Logger.Error("queueing an event failed", "event", x.event, "error", err)
	return unavailable(ReasonQueueFailed, "the event was not accepted: the queue failed; try again later")
}

// accept tells the sender that an event is accepted, under which id, and whether it was before.
func (x *exchange) accept(ev *eventgateway.Event) {
	header, id := x.w.Header(), ev.ID
	if len(x.items) > 0 && x.items[0].DuplicateOf != "" {
		id = x.items[0].DuplicateOf
		header[duplicateHeader] = []string{"true"}
	}
	header[eventIDHeader] = []string{delivery.EventIDText(id)}
	x.w.WriteHeader(http.StatusAccepted)
}

// acceptBatch tells the sender that a batch is accepted, and whether all of it that has subscribers was before.
func (x *exchange) acceptBatch() {
	fresh := len(x.items) == 0
	for i := range x.items {
		fresh = fresh || x.items[i].DuplicateOf == ""
	}
	if !fresh {
		x.w.Header()[duplicateHeader] = []string{"true"}
	}
	x.w.WriteHeader(http.StatusAccepted)
}
