package eventsapi

import (
	"fmt"
	"slices"

	"github.com/eventgateway/eventgateway"
)

// serveBatch serves a batch of CloudEvents, all or none. A batch has one answer for all its events, so a sync subscriber
// gets its event through the queue as the async ones do.
func (x *exchange) serveBatch() error {
	if err := x.readKey(); err != nil {
		return err
	}
	events, err := x.parseBatch()
	if err != nil {
		return err
	}
	if err := x.findBatch(events); err != nil {
		return err
	}
	if err := x.stopBatch(events); err != nil {
		return err
	}
	x.noteBatch(events)
	if err := x.put(); err != nil {
		return err
	}
	x.acceptBatch()
	return nil
}

func (x *exchange) parseBatch() ([]*eventgateway.Event, error) {
	body, err := x.readBody()
	if err != nil {
		return nil, err
	}
	x.body = nil // what an authorizer gets of a batch is one event
	events, err := eventgateway.ParseCloudEventBatch(body, x.now)
	if err != nil {
		return nil, err
	}
	for i, ev := range events {
		if err := checkType(fmt.Sprintf("events[%d].type", i), ev.Type); err != nil {
			return nil, err
		}
		dropOwn(ev)
		x.setChain(ev)
	}
	return events, nil
}

// findBatch finds the subscribers of all events and makes items for the queue of them. Where spaces have something to say,
// they are asked about all events before the first is decided, so that authorizers are asked about several at a time.
func (x *exchange) findBatch(events []*eventgateway.Event) error {
	spaces := make([]string, len(events))
	verdicts := make([][]verdict, len(events))
	judged := false
	for i, ev := range events {
		found := x.find(ev, "")
		if spaces[i] = x.seenIn(); !found && !x.snap.Loaded {
			return errNotLoaded
		}
		x.verdicts = nil
		x.judge(ev)
		verdicts[i] = x.verdicts
		if judged = judged || len(x.verdicts) > 0; !judged {
			x.addItem(ev, i)
		}
	}
	x.verdicts = nil
	for i, ev := range events {
		x.h.Observer.Received(spaces[i], ev.Type)
	}
	received := events // as the subscribers get them
	if judged {
		var err error
		if received, err = x.admitBatch(events, verdicts, spaces); err != nil {
			return err
		}
	}
	if slices.ContainsFunc(events, x.tooDeep) {
		return nil // nothing of it is delivered
	}
	for i, ev := range received {
		if err := x.received(spaces[i], ev, i); err != nil {
			return err
		}
	}
	return nil
}

// admitBatch admits all events, or none, and makes their items anew. It returns the events as they go on in spaces, which it
// sets to where they do.
func (x *exchange) admitBatch(
	events []*eventgateway.Event, verdicts [][]verdict, spaces []string,
) ([]*eventgateway.Event, error) {
	var asked []*verdict
	for i := range verdicts {
		for j := range verdicts[i] {
			if v := &verdicts[i][j]; x.wantsAuthorizer(v) {
				asked = append(asked, v)
			}
		}
	}
	x.askAll(asked)
	x.items, x.targets, x.sources = x.items[:0], x.targets[:0], x.sources[:0]
	received := make([]*eventgateway.Event, len(events))
	for i, ev := range events {
		x.verdicts, x.except = verdicts[i], x.except[:0]
		x.look(ev, "")
		if err := x.admit(ev, i); err != nil {
			return nil, err
		}
		x.addItem(ev, i)
		spaces[i] = x.seenIn()
		received[i] = x.eventIn(spaces[i], ev)
	}
	x.verdicts = nil
	return received, nil
}

// stopBatch refuses a batch with an event that is too deep. Only such events find their way to the dead letters.
func (x *exchange) stopBatch(events []*eventgateway.Event) error {
	at := slices.IndexFunc(events, x.tooDeep)
	if at < 0 {
		return nil
	}
	deep := 0
	for i, ev := range x.sources {
		if x.tooDeep(ev) {
			x.items[deep], x.sources[deep] = x.items[i], ev
			deep++
		}
	}
	x.items, x.sources = x.items[:deep], x.sources[:deep]
	x.noteBatch(slices.DeleteFunc(slices.Clone(events), func(ev *eventgateway.Event) bool { return !x.tooDeep(ev) }))
	return x.stopLoop(events[at], at)
}
