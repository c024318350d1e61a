package delivery

import (
	"slices"

	"github.com/eventgateway/eventgateway"
)

// accepted is an event with the deliveries it still owes.
type accepted struct {
	event *eventgateway.Event
	bytes int64
	// left is how many deliveries have not ended; Memory.mu guards it.
	left       int
	deliveries []delivery
	encodings  encodings
}

// accept readies an item for the queue, with as few allocations as will do.
func accept(item *Item) *accepted {
	a := &accepted{
		bytes:      sizeOf(item.Event),
		left:       len(item.Targets),
		deliveries: make([]delivery, len(item.Targets)),
	}
	a.event = item.Event.Detach()
	for i := range item.Targets {
		d := &a.deliveries[i]
		d.of, d.target = a, item.Targets[i]
		d.target.Params = slices.Clone(d.target.Params)
	}
	return a
}

// delivery is one event on its way to one target.
type delivery struct {
	of     *accepted
	target Target
	lane   *lane
	next   *delivery
}

// lane holds the deliveries of one function: those that wait, in the order they came, and the number of those that run.
// Something waits only while as many run as may. A lane lives from its first delivery to the end of its last; Memory.mu
// guards it.
type lane struct {
	key         eventgateway.FunctionKey
	first, last *delivery
	waiting     int
	running     int
	// incoming counts the deliveries of the Put under way that are for this lane.
	incoming int
}

func (l *lane) push(d *delivery) {
	if l.last == nil {
		l.first = d
	} else {
		l.last.next = d
	}
	l.last = d
	l.waiting++
}

// pop takes the delivery that has waited longest. There must be one.
func (l *lane) pop() *delivery {
	d := l.first
	l.first, d.next = d.next, nil
	if l.first == nil {
		l.last = nil
	}
	l.waiting--
	return d
}

func (l *lane) empty() bool { return l.waiting+l.running+l.incoming == 0 }

// overflows reports whether more than limit deliveries would have to wait once the incoming ones are in.
func (l *lane) overflows(limit, concurrency int) bool {
	return l.waiting+l.incoming-max(0, concurrency-l.running) > limit
}
