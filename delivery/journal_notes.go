package delivery

import (
	"hash/maphash"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	// journalDeliveries is how many deliveries of an event are known; of the others only whether they are through.
	journalDeliveries = 100
	// journalAttempts is how many attempts of a delivery are known, beside the first.
	journalAttempts = 20
	// journalError is how many bytes of an error are kept.
	journalError = 512
	// What a delivery and an attempt take, beside those that have their place in the notes.
	journalDeliverySize, journalAttemptSize, journalBeyondSize = 320, 128, 32
)

// eventNotes is what a Journal keeps of one event in one space. What most events have, one delivery with one attempt, is
// part of it.
type eventNotes struct {
	// key is where the index has the last event of the same ID and space; before is the one received before this.
	key    uint64
	before *eventNotes
	// older and younger are the neighbours in the shard's list.
	older, younger *eventNotes
	// last is when something happened to it, in nanoseconds since 1970.
	last int64
	// size is what it takes beside itself, in bytes.
	size int

	space, id, typ string
	receivedAt     time.Time
	// duplicateOf is set for an event that was accepted before.
	duplicateOf string
	duplicates  int
	// times is how often it was received at that time, and call the last call that did.
	times int
	call  uint64

	refused, dead bool
	// owed is set once there is a delivery: first, and more.
	owed  bool
	first deliveryNotes
	more  []deliveryNotes
	// truncated counts the deliveries that are not kept; pending holds those of them that are not through.
	truncated int
	pending   map[uint64]struct{}
}

// deliveryNotes is what a Journal keeps of one delivery.
type deliveryNotes struct {
	subscriptionID, functionID string
	sync                       bool
	state                      string
	next                       time.Time
	// tried is set once there is an attempt: first, and last.
	tried bool
	first AttemptTrace
	last  []AttemptTrace
}

func (n *eventNotes) grow(bytes int, s *journalShard) {
	n.size += bytes
	s.size += bytes
}

// find returns the delivery to t; nil when it is not kept.
func (n *eventNotes) find(t *Target) *deliveryNotes {
	is := func(d *deliveryNotes) bool {
		return d.subscriptionID == t.SubscriptionID && d.functionID == t.FunctionID
	}
	if !n.owed {
		return nil
	}
	if is(&n.first) {
		return &n.first
	}
	for i := range n.more {
		if is(&n.more[i]) {
			return &n.more[i]
		}
	}
	return nil
}

// add keeps a delivery to t and returns it; nil when there are too many.
func (n *eventNotes) add(t *Target, sync bool, s *journalShard) *deliveryNotes {
	d := deliveryNotes{subscriptionID: t.SubscriptionID, functionID: t.FunctionID, sync: sync, state: statePending}
	switch {
	case !n.owed:
		n.owed, n.first = true, d
		return &n.first
	case len(n.more) < journalDeliveries-1:
		n.more = append(n.more, d)
		n.grow(journalDeliverySize, s)
		return &n.more[len(n.more)-1]
	}
	return nil
}

// expect makes room for the deliveries to those at the beginning of targets that are in the event's space.
func (n *eventNotes) expect(targets []Target) {
	others := slices.IndexFunc(targets, func(t Target) bool { return t.Space != n.space })
	if others < 0 {
		others = len(targets)
	}
	if others > 1 && n.more == nil {
		n.more = make([]deliveryNotes, 0, min(others, journalDeliveries)-1)
	}
}

// owe notes a delivery that is to be made.
func (n *eventNotes) owe(t *Target, sync bool, s *journalShard) {
	if n.find(t) == nil && n.add(t, sync, s) == nil {
		n.beyond(t, false, s)
	}
}

// beyond counts a delivery that is not kept, and notes whether it is through.
func (n *eventNotes) beyond(t *Target, through bool, s *journalShard) {
	id := maphash.String(journalSeed, t.SubscriptionID)*31 + maphash.String(journalSeed, t.FunctionID)
	_, known := n.pending[id]
	if !known {
		n.truncated++
	}
	switch {
	case through && known:
		delete(n.pending, id)
		n.grow(-journalBeyondSize, s)
	case !through && !known:
		if n.pending == nil {
			n.pending = map[uint64]struct{}{}
		}
		n.pending[id] = struct{}{}
		n.grow(journalBeyondSize, s)
	}
}

// attempted notes an attempt of the delivery to t.
func (n *eventNotes) attempted(t *Target, a *AttemptTrace, next time.Time, s *journalShard) {
	n.dead = n.dead || a.Outcome == AttemptDead
	d := n.find(t)
	if d == nil {
		d = n.add(t, false, s)
	}
	if d == nil {
		n.beyond(t, a.Outcome != AttemptRetried, s)
		return
	}
	d.next = time.Time{}
	switch a.Outcome {
	case AttemptDelivered:
		d.state = stateDelivered
	case AttemptDead:
		d.state = stateDead
	default:
		d.state, d.next = statePending, next
	}
	kept := *a
	kept.Error = shorten(a.Error)
	n.grow(len(kept.Error), s)
	switch {
	case !d.tried:
		d.tried, d.first = true, kept
	case len(d.last) == journalAttempts:
		n.grow(-len(d.last[0].Error), s)
		copy(d.last, d.last[1:])
		d.last[journalAttempts-1] = kept
	default:
		d.last = append(d.last, kept)
		n.grow(journalAttemptSize, s)
	}
}

// shorten cuts what is too long between two characters.
func shorten(text string) string {
	if len(text) <= journalError {
		return text
	}
	end := journalError
	for end > journalError-utf8.UTFMax && !utf8.RuneStart(text[end]) {
		end--
	}
	return strings.Clone(text[:end]) + "…"
}

// disown drops the deliveries through the queue: those of a duplicate are not made.
func (n *eventNotes) disown(s *journalShard) {
	kept := slices.DeleteFunc(n.deliveries(), func(d deliveryNotes) bool { return !d.sync })
	n.grow(-journalDeliverySize*len(n.more)-journalBeyondSize*len(n.pending), s)
	n.owed, n.first, n.more, n.pending, n.truncated = false, deliveryNotes{}, nil, nil, 0
	if len(kept) > 0 { // no more than one subscriber answers
		n.owed, n.first = true, kept[0]
	}
}

func (n *eventNotes) deliveries() []deliveryNotes {
	if !n.owed {
		return nil
	}
	return append([]deliveryNotes{n.first}, n.more...)
}

// state tells how the event stands.
func (n *eventNotes) state() string {
	waits := func(d *deliveryNotes) bool { return d.state == statePending }
	switch {
	case n.duplicateOf != "":
		return stateDuplicate
	case n.refused:
		return stateRefused
	case !n.owed:
		return stateUnmatched
	case len(n.pending) > 0 || waits(&n.first) || slices.ContainsFunc(n.more, func(d deliveryNotes) bool { return waits(&d) }):
		return statePending
	case n.dead:
		return stateDead
	default:
		return stateDelivered
	}
}

func (n *eventNotes) trace() EventTrace {
	deliveries := n.deliveries()
	t := EventTrace{
		Space: n.space, EventID: n.id, Type: n.typ, ReceivedAt: n.receivedAt, State: n.state(), DuplicateOf: n.duplicateOf,
		Duplicates: n.duplicates, Deliveries: make([]DeliveryTrace, 0, len(deliveries)), Truncated: n.truncated,
	}
	for i := range deliveries {
		d := &deliveries[i]
		shown := DeliveryTrace{
			SubscriptionID: d.subscriptionID, FunctionID: d.functionID, Type: "async", State: d.state, Next: d.next,
			Attempts: []AttemptTrace{},
		}
		if d.sync {
			shown.Type = "sync"
		}
		if n.refused && d.state == statePending {
			shown.State = stateRefused
		}
		if d.tried {
			shown.Attempts = append(append(shown.Attempts, d.first), d.last...)
		}
		t.Deliveries = append(t.Deliveries, shown)
	}
	return t
}
