package delivery

import (
	"time"

	"github.com/eventgateway/eventgateway"
)

// EventTrace is what a Journal knows of one event in one space.
type EventTrace struct {
	Space      string    `json:"space"`
	EventID    string    `json:"eventId"`
	Type       string    `json:"event"`
	ReceivedAt time.Time `json:"receivedAt"`
	// State is "pending" while a delivery is owed, "delivered", "dead" when at least one delivery is a dead letter,
	// "unmatched" when there was no subscription, "refused" when it could not be queued, and "duplicate".
	State string `json:"state"`
	// DuplicateOf is the id under which it was accepted before.
	DuplicateOf string `json:"duplicateOf,omitempty"`
	// Duplicates is how often the event was sent again within the window and not delivered again.
	Duplicates int `json:"duplicates,omitempty"`
	// Deliveries are the first 100.
	Deliveries []DeliveryTrace `json:"deliveries"`
	// Truncated is how many deliveries there are beside those shown.
	Truncated int `json:"truncated,omitempty"`
}

// DeliveryTrace is what became of an event at one subscription.
type DeliveryTrace struct { //nolint:revive // as EventTrace is for events
	SubscriptionID string `json:"subscriptionId"`
	FunctionID     string `json:"functionId"`
	// Type is "sync" or "async".
	Type string `json:"type"`
	// State is "pending", "delivered", "dead", or "refused" when the event could not be queued.
	State string `json:"state"`
	// Next is when the next attempt is due; zero when there is none.
	Next time.Time `json:"next,omitzero"`
	// Attempts are the first and the last 20, of those that were made while the event was known.
	Attempts []AttemptTrace `json:"attempts"`
}

// AttemptTrace is one attempt.
type AttemptTrace struct {
	Attempt int       `json:"attempt"`
	At      time.Time `json:"at"`
	// Duration is in Go's notation.
	Duration eventgateway.Duration `json:"duration"`
	// Outcome is "delivered", "retried" or "dead".
	Outcome string `json:"outcome"`
	// Reason is why it failed; empty when it did not.
	Reason string `json:"reason,omitempty"`
	Error  string `json:"error,omitempty"`
	Status int    `json:"status,omitempty"`
}

// The states of events and deliveries in a trace.
const (
	statePending   = "pending"
	stateDelivered = "delivered"
	stateDead      = "dead"
	stateUnmatched = "unmatched"
	stateRefused   = "refused"
	stateDuplicate = "duplicate"
)

const (
	// DefaultJournalAge is how long a Journal knows an event after the last that happened to it.
	DefaultJournalAge = 15 * time.Minute
	// DefaultJournalEvents is how many events a Journal knows at most.
	DefaultJournalEvents = 1 << 16
)

// Journal remembers for a while what happened to events: which subscriptions they matched, and what came of every
// attempt. It is bounded by age, by number and by size, holds no payloads, and is safe for concurrent use. A nil Journal
// remembers nothing.
type Journal struct {
	age    time.Duration
	events int
	shards []journalShard
}

// NewJournal returns a Journal that knows an event for keep after the last that happened to it, and at most the last so
// many events: an event counts once for every space it has subscribers in. What is not positive means the default,
// DefaultJournalAge and DefaultJournalEvents. An event takes 1 KiB on average at most, or fewer are known.
func NewJournal(keep time.Duration, events int) *Journal {
	if keep <= 0 {
		keep = DefaultJournalAge
	}
	if events <= 0 {
		events = DefaultJournalEvents
	}
	return &Journal{age: keep, events: events, shards: newJournalShards(keep, events)}
}

// Remembers returns for how long events are known, and how many at most.
func (j *Journal) Remembers() (age time.Duration, events int) {
	if j == nil {
		return 0, 0
	}
	return j.age, j.events
}

// Received notes an event and the targets it matched, before it is queued. space is where it was looked for when there are
// no targets; an event with targets is noted in the space of each of them. syncTarget is the subscriber that answers; nil
// when there is none. Of several events with the same ID in a space the one received last is known.
func (j *Journal) Received(space string, ev *eventgateway.Event, targets []Target, syncTarget *Target) {
	if j == nil {
		return
	}
	s, hash := j.lock(ev.ID)
	defer s.mu.Unlock()
	s.calls++
	if len(targets) == 0 && syncTarget == nil {
		s.receive(space, hash, ev)
		return
	}
	var n *eventNotes
	for i := range targets {
		if t := &targets[i]; n == nil || n.space != t.Space {
			s.shrink(n)
			n = s.receive(t.Space, hash, ev)
			n.expect(targets[i:])
		}
		n.owe(&targets[i], false, s)
	}
	if syncTarget != nil {
		s.shrink(n)
		n = s.receive(syncTarget.Space, hash, ev)
		n.owe(syncTarget, true, s)
	}
	s.shrink(n)
}

// Refused notes that an event noted before was not accepted.
func (j *Journal) Refused(ev *eventgateway.Event, targets []Target) {
	if j == nil {
		return
	}
	s, hash := j.lock(ev.ID)
	defer s.mu.Unlock()
	for i := range targets {
		if n := s.of(targets[i].Space, hash, ev); n != nil {
			n.refused = true
		}
	}
}

// Duplicate notes that an event noted before is not delivered to targets because it was accepted before, with the ID of.
// It is counted with the one that was accepted; if that has the same ID, the trace goes on being that one's.
func (j *Journal) Duplicate(ev *eventgateway.Event, targets []Target, of string) {
	if j == nil {
		return
	}
	for i := range targets {
		if i > 0 && targets[i].Space == targets[i-1].Space {
			continue
		}
		j.duplicate(targets[i].Space, ev, of)
	}
}

func (j *Journal) duplicate(space string, ev *eventgateway.Event, of string) {
	s, hash := j.lock(ev.ID)
	counted := s.duplicate(space, hash, ev, of)
	s.mu.Unlock()
	if counted {
		return
	}
	s, hash = j.lock(of)
	if n := s.newest(space, hash, of); n != nil && n.duplicateOf == "" {
		n.duplicates++
	}
	s.mu.Unlock()
}

// Attempted notes an attempt. next is when the following one is due, for the outcome AttemptRetried.
func (j *Journal) Attempted(ev *eventgateway.Event, t *Target, a *AttemptTrace, next time.Time) {
	if j == nil {
		return
	}
	s, hash := j.lock(ev.ID)
	defer s.mu.Unlock()
	n := s.of(t.Space, hash, ev)
	at := a.At.Add(time.Duration(a.Duration))
	if n == nil { // it was received by another process, or is known no longer
		n = s.add(t.Space, hash, ev, at)
	} else {
		s.touch(n, at)
	}
	n.attempted(t, a, next, s)
	s.shrink(n)
}

// Find returns what is known of an event; false when it is not known, or no longer.
func (j *Journal) Find(space, eventID string) (EventTrace, bool) {
	if j == nil {
		return EventTrace{}, false
	}
	s, hash := j.lock(eventID)
	defer s.mu.Unlock()
	s.expire(time.Now())
	n := s.newest(space, hash, eventID)
	if n == nil {
		return EventTrace{}, false
	}
	return n.trace(), true
}
