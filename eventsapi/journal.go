package eventsapi

import (
	"errors"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/delivery"
	"github.com/eventgateway/eventgateway/expression"
	"github.com/eventgateway/eventgateway/providers"
)

// noteReceived notes an event that came alone, with what it matched.
func (x *exchange) noteReceived(ev *eventgateway.Event) {
	if x.h.Journal == nil {
		return
	}
	x.noted = append(x.noted, ev)
	var answers *delivery.Target
	if x.match.Sync.Subscription != nil {
		answers = new(unordered(x.match.Sync))
	}
	x.h.Journal.Received(x.journalSpace(), ev, x.targetsFrom(new(int), ev), answers)
}

// noteBatch notes the events of a batch, with what they matched.
func (x *exchange) noteBatch(events []*eventgateway.Event) {
	if x.h.Journal == nil {
		return
	}
	x.noted = append(x.noted, events...)
	item := 0
	for _, ev := range events {
		x.h.Journal.Received(x.journalSpace(), ev, x.targetsFrom(&item, ev), nil)
	}
}

// targetsFrom returns the targets of an event, none if there is no item for it. item is where to look, and goes on with
// each event in their order.
func (x *exchange) targetsFrom(item *int, ev *eventgateway.Event) []delivery.Target {
	first := *item
	for *item < len(x.items) && x.sources[*item] == ev {
		*item++
	}
	switch *item - first {
	case 0:
		return nil
	case 1:
		return x.items[first].Targets
	}
	var all []delivery.Target
	for _, it := range x.items[first:*item] {
		all = append(all, it.Targets...)
	}
	return all
}

// journalSpace is where an event is noted that nobody subscribes to.
func (x *exchange) journalSpace() string {
	if x.space == "" {
		return eventgateway.DefaultSpace
	}
	return x.space
}

// noteRefused notes that the queue did not take what the request brought: neither what it would have got, nor what goes with
// it, be it events of a batch that nobody wants or the call of a sync subscriber.
func (x *exchange) noteRefused() {
	item := 0
	for _, ev := range x.noted {
		targets := x.targetsFrom(&item, ev)
		if len(targets) == 0 {
			targets = []delivery.Target{{Space: x.journalSpace()}}
		}
		if len(x.noted) == 1 && x.match.Sync.Subscription != nil {
			targets = append(targets, unordered(x.match.Sync))
		}
		x.h.Journal.Refused(ev, targets)
	}
}

// noteDuplicates notes which events the queue had accepted before.
func (x *exchange) noteDuplicates() {
	if len(x.noted) == 0 {
		return
	}
	for i := range x.items {
		if it := &x.items[i]; it.DuplicateOf != "" {
			x.h.Journal.Duplicate(it.Event, it.Targets, it.DuplicateOf)
		}
	}
}

// noteCall notes the call of the sync subscriber that began at start and ended with err.
func (x *exchange) noteCall(ev *eventgateway.Event, target *delivery.Target, start time.Time, err error) {
	if len(x.noted) == 0 {
		return
	}
	attempt := delivery.AttemptTrace{
		Attempt: 1, At: start, Duration: eventgateway.Duration(time.Since(start)), Outcome: delivery.AttemptDelivered,
	}
	if err != nil {
		attempt.Outcome = delivery.AttemptDead
		attempt.Reason, attempt.Error = reasonOf(err), err.Error()
		if e, ok := errors.AsType[*providers.Error](err); ok {
			attempt.Status = e.Status
		}
	}
	x.h.Journal.Attempted(ev, target, &attempt, time.Time{})
}

// reasonOf returns why a call failed, as deliveries have it.
func reasonOf(err error) string {
	if errors.Is(err, errGone) {
		return delivery.ReasonFunctionMissing
	}
	if _, ok := errors.AsType[*delivery.StoppedError](err); ok {
		return delivery.ReasonStopped
	}
	if _, ok := errors.AsType[*expression.TransformError](err); ok {
		return delivery.ReasonTransformFailed
	}
	return string(providers.FailureOf(err))
}
