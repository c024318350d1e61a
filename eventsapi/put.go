package eventsapi

import (
	"errors"
	"net/http"
	"slices"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/delivery"
	"github.com/eventgateway/eventgateway/expression"
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
//
// The subscribers of a space that have an event of their own get an item of their own.
func (x *exchange) addItem(ev *eventgateway.Event, index int) {
	x.addItemOf(ev, ev, index, "")
	for i := range x.verdicts {
		if v := &x.verdicts[i]; v.refusal == nil && v.event != ev {
			x.addItemOf(ev, v.event, index, v.space)
		}
	}
}

// addItemOf makes an item of the targets that get ev as own; space is theirs, unless own is ev itself.
func (x *exchange) addItemOf(ev, own *eventgateway.Event, index int, space string) {
	in := x.input
	if own != ev {
		in = x.input.For(own)
	}
	start := len(x.targets)
	for _, t := range x.match.Async {
		if x.eventIn(t.Subscription.Space, ev) == own {
			x.addTarget(own, t, in)
		}
	}
	if t := x.match.Sync; index != alone && t.Subscription != nil && x.eventIn(t.Subscription.Space, ev) == own {
		x.addTarget(own, t, in)
	}
	if end := len(x.targets); end > start {
		x.items = append(x.items, delivery.Item{
			Event: own, Targets: x.targets[start:end:end], Key: x.keyOf(ev, index, space),
		})
		x.sources = append(x.sources, ev)
	}
}

// addTarget makes a target for an event, which in is for.
func (x *exchange) addTarget(ev *eventgateway.Event, t matcher.Target, in *expression.Input) {
	if x.crowded != nil { // then the event is refused anyway
		x.targets = append(x.targets, unordered(t))
		return
	}
	s := t.Subscription
	target, err := delivery.TargetOf(s, t.Params, in)
	x.targets = append(x.targets, target)
	switch {
	case err == nil:
		return
	case errors.Is(err, expression.ErrCrowded) && !in.Shared(): // no other space's sender has to try again for it
		x.crowded = err
		return
	}
	x.h.Observer.OrderingKeyFailed(s.Space, s.ID)
	x.h.Logger.DebugContext(x.r.Context(), "an ordering key could not be evaluated: the event is delivered without order",
		"space", s.Space, "subscription", s.ID, "event", ev.Type, "event_id", ev.ID, "error", err)
}

// syncEvent returns the event as the sync subscriber in x.match gets it, which x.input is then for.
func (x *exchange) syncEvent(ev *eventgateway.Event) *eventgateway.Event {
	own := x.eventIn(x.match.Sync.Subscription.Space, ev)
	if own != ev {
		x.input = x.input.For(own)
	}
	return own
}

// put hands all items to the queue, or none: then the error is the refusal. A sender that goes away meanwhile takes nothing
// back: what the queue has accepted is delivered.
func (x *exchange) put() error {
	if len(x.items) == 0 {
		return nil
	}
	err := x.crowded
	if err == nil {
		err = x.h.Queue.Put(x.r.Context(), x.items)
	}
	if err != nil {
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
	case errors.Is(err, expression.ErrCrowded):
		return unavailable(ReasonCrowded, "the event was not accepted: too many costly ordering keys wait to be evaluated; try again later")
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
	if x.isDuplicate() {
		id = x.items[0].DuplicateOf
		header[duplicateHeader] = []string{"true"}
	}
	header[eventIDHeader] = []string{delivery.EventIDText(id)}
	x.w.WriteHeader(http.StatusAccepted)
}

// acceptBatch tells the sender that a batch is accepted, and whether all of it that has subscribers was before.
func (x *exchange) acceptBatch() {
	if x.isDuplicate() {
		x.w.Header()[duplicateHeader] = []string{"true"}
	}
	x.w.WriteHeader(http.StatusAccepted)
}

// isDuplicate reports whether all that was put was accepted before.
func (x *exchange) isDuplicate() bool {
	fresh := func(item delivery.Item) bool { return item.DuplicateOf == "" }
	return len(x.items) > 0 && !slices.ContainsFunc(x.items, fresh)
}
