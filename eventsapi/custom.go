package eventsapi

import (
	"fmt"
	"net/http"

	"github.com/eventgateway/eventgateway"
)

// eventIDHeader tells the sender of an accepted event the id under which it goes on.
const eventIDHeader = "Event-Gateway-Event-Id"

// serveOne serves a custom event or a CloudEvent: queued for its async subscribers, then answered by the sync one, or
// with 202 if there is none.
func (x *exchange) serveOne(form form) error {
	ev, err := x.parseOne(form)
	if err != nil {
		return err
	}
	found := x.find(ev, "")
	space := x.seenIn()
	x.h.Observer.Received(space, ev.Type)
	if !found && !x.snap.Loaded {
		return errNotLoaded
	}
	x.addItem(ev, false)
	if err := x.put(); err != nil {
		return err
	}
	if x.match.Sync.Subscription != nil {
		if x.answerCall(ev) {
			x.h.Observer.Processed(space, ev.Type)
		}
		return nil
	}
	x.w.Header()[eventIDHeader] = []string{ev.ID}
	x.w.WriteHeader(http.StatusAccepted)
	return nil
}

// serveBatch serves a batch of CloudEvents, all or none. A batch has one answer for all its events, so a sync subscriber
// gets its event through the queue as the async ones do.
func (x *exchange) serveBatch() error {
	body, err := x.readBody()
	if err != nil {
		return err
	}
	events, err := eventgateway.ParseCloudEventBatch(body, x.now)
	if err != nil {
		return err
	}
	for i, ev := range events {
		if err := checkType(fmt.Sprintf("events[%d].type", i), ev.Type); err != nil {
			return err
		}
	}
	spaces := make([]string, len(events))
	for i, ev := range events {
		found := x.find(ev, "")
		spaces[i] = x.seenIn()
		if !found && !x.snap.Loaded {
			return errNotLoaded
		}
		x.addItem(ev, true)
	}
	for i, ev := range events {
		x.h.Observer.Received(spaces[i], ev.Type)
	}
	if err := x.put(); err != nil {
		return err
	}
	x.w.WriteHeader(http.StatusAccepted)
	return nil
}
