package delivery

import (
	"context"
	"time"

	"github.com/eventgateway/eventgateway"
)

// DeadLetter is an event that could not be delivered to a subscription.
type DeadLetter struct {
	// ID names it within its space; later ones sort later. Given by DeadLetters.
	ID                                string
	Space, SubscriptionID, FunctionID string
	Event                             *eventgateway.Event
	// Params are the path parameters matched for the subscription.
	Params eventgateway.PathParams
	// OrderingKey is the event's; see Target.
	OrderingKey string
	// Reason is a providers.Failure or a Reason constant.
	Reason string
	// Error says more, without payload or credentials; may be empty.
	Error string
	// Status is the HTTP status of the last answer; 0 when there was none.
	Status int
	// Attempts is how many were made.
	Attempts int
	// At is when it was given up.
	At time.Time

	// deadLetter is the function that gets it; empty for none.
	deadLetter string
	// kept tells that it is among the dead letters.
	kept bool
}

// DeadLetterQuery chooses dead letters of one space. An empty field chooses all.
type DeadLetterQuery struct {
	Space                                                  string
	SubscriptionID, FunctionID, EventType, EventID, Reason string
	// After is the ID the list goes on after.
	After string
	// Since and Until bound At: at or after Since, before Until.
	Since, Until time.Time
	// Limit is how many are wanted at most; 0 means all.
	Limit int
}

// Matches reports whether d is chosen, Limit and After aside.
func (q *DeadLetterQuery) Matches(d *DeadLetter) bool {
	is := func(want, got string) bool { return want == "" || want == got }
	return q.Space == d.Space && is(q.SubscriptionID, d.SubscriptionID) && is(q.FunctionID, d.FunctionID) &&
		is(q.EventType, d.Event.Type) && is(q.EventID, d.Event.ID) && is(q.Reason, d.Reason) &&
		(q.Since.IsZero() || !d.At.Before(q.Since)) && (q.Until.IsZero() || d.At.Before(q.Until))
}

// DeadLetters keeps dead letters, bounded by age and size: the oldest go first. It is safe for concurrent use.
type DeadLetters interface {
	// Add keeps one and sets its ID. An error is, or wraps, ErrUnavailable or ErrTooLarge.
	Add(ctx context.Context, d *DeadLetter) error
	// List returns those chosen, in the order of their IDs, oldest first. more tells that there are others after them.
	List(ctx context.Context, q *DeadLetterQuery) (list []*DeadLetter, more bool, err error)
	// Get returns one; nil when there is none of that id in the space.
	Get(ctx context.Context, space, id string) (*DeadLetter, error)
	// Delete removes one; false when there was none.
	Delete(ctx context.Context, space, id string) (bool, error)
	// Count returns how many are kept and their bytes, over all spaces; it does no I/O and may lag a little.
	Count() (count, bytes int64)
}
