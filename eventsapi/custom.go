package eventsapi

import (
	"fmt"

	"github.com/eventgateway/eventgateway"
)

// serveOne serves a custom event or a CloudEvent: queued for its async subscribers, then answered by the sync one, or
// with 202 if there is none.
func (x *exchange) serveOne(form form) error {
	if err := x.readKey(); err != nil {
		return err
	}
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
	x.addItem(ev, alone)
	x.noteReceived(ev)
	if err := x.put(); err != nil {
		return err
	}
	if x.match.Sync.Subscription != nil {
		if x.answerCall(ev) {
			x.h.Observer.Processed(space, ev.Type)
		}
		return nil
	}
	x.accept(ev)
	return nil
}

// serveBatch serves a batch of CloudEvents, all or none. A batch has one answer for all its events, so a sync subscriber
// gets its event through the queue as the async ones do.
func (x *exchange) serveBatch() error {
	if err := x.readKey(); err != nil {
		return err
	}
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
		x.addItem(ev, i)
	}
	for i, ev := range events {
		x.h.Observer.Received(spaces[i], ev.Type)
	}
	x.noteBatch(events)
	if err := x.put(); err != nil {
		return err
	}
	x.acceptBatch()
	return nil
}
