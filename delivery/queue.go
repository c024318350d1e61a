// Package delivery gets an event to a function: now, while the sender waits, or through a queue.
package delivery

import (
	"context"
	"errors"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
)

// Target is one subscription an event goes to.
type Target struct {
	Space, SubscriptionID, FunctionID string
	// Params are the path parameters matched for this subscription.
	Params eventgateway.PathParams
	// OrderingKey is the value of the subscription's ordering key for the event: events of one key reach the subscription
	// one at a time, in the order they were accepted. Empty means that no order is kept.
	OrderingKey string
}

// Function returns the key of the target's function.
func (t *Target) Function() eventgateway.FunctionKey {
	return eventgateway.FunctionKey{Space: t.Space, ID: t.FunctionID}
}

// Item is one event with all its targets.
type Item struct {
	Event   *eventgateway.Event
	Targets []Target
	// Key is what the publisher knows the event by: of two items with the same key within the window the second is not
	// delivered again. Empty means that the event is not compared with others.
	Key string
	// Dead, if not empty, is why the event is not delivered but kept among the dead letters of its targets, such as ReasonLoop.
	// It is when Put returns nil.
	Dead string
	// DuplicateOf is set by Put when the event was accepted before: to the id it was accepted under.
	DuplicateOf string
}

// Queue takes events for asynchronous delivery. It is safe for concurrent use.
type Queue interface {
	// Put accepts all items for all their targets, or nothing. It does not wait for room: the error is then ErrFull. Once
	// it has returned nil the queue answers for the deliveries, as far as its log promises. It keeps neither the slices it
	// was given nor, of an http event, anything the server may change; see eventgateway.Event.Detach. An error is, or
	// wraps, one of ErrFull, ErrDraining, ErrTooLarge and ErrUnavailable.
	Put(ctx context.Context, items []Item) error
}

var (
	// ErrFull means the queue has no room for an event now.
	ErrFull = errors.New("the queue is full")
	// ErrDraining means the gateway is shutting down.
	ErrDraining = errors.New("the gateway is shutting down")
	// ErrTooLarge means the event is larger than the queue can ever take.
	ErrTooLarge = errors.New("the event is too large for the queue")
	// ErrUnavailable means the queue's log is out of reach or refuses to write.
	ErrUnavailable = errors.New("the queue is out of reach")
)

// Resources finds what a delivery needs, as it is now.
type Resources interface {
	// Function returns a function ready to be called; nil when there is none.
	Function(key eventgateway.FunctionKey) *providers.Handle
	// Subscription returns a subscription; nil when there is none. It is not to be changed.
	Subscription(space, id string) *eventgateway.Subscription
	// Loaded reports whether the resources are in. Until then nothing is delivered: what looks deleted may only not be
	// known yet.
	Loaded() bool
}

// Observer is told what happens to deliveries. Its methods are called on the data path: they do not block.
type Observer interface {
	// Invoked is called after every call of a function, sync or async. failure is empty when it succeeded.
	Invoked(key eventgateway.FunctionKey, failure providers.Failure, duration time.Duration)
	// Delivered is called when an async delivery succeeded; age is the time since the event was received.
	Delivered(space, eventType string, age time.Duration)
	// Attempted is called when an attempt of an async delivery has ended; outcome is one of the Attempt constants.
	Attempted(key eventgateway.FunctionKey, outcome string)
	// Dropped is called when an accepted event will not reach a target; reason is a providers.Failure or one of the
	// Reason constants. Unless the queue was shut down, the event is among the dead letters.
	Dropped(space, eventType, reason string)
	// Deduplicated is called for an event that was accepted before.
	Deduplicated(space, eventType string)
	// CopyDropped is called when a shadow did not get its copy of a call, since it has as many as it may.
	CopyDropped(shadow eventgateway.FunctionKey)
}

// The outcomes of Attempted, and of an Attempt.
const (
	// AttemptDelivered means the function has the event.
	AttemptDelivered = "delivered"
	// AttemptRetried means it failed, and is made again later.
	AttemptRetried = "retried"
	// AttemptDead means it failed and was the last.
	AttemptDead = "dead"
)

// The reasons of Dropped and of dead letters that are not a providers.Failure.
const (
	// ReasonFunctionMissing means the function was deleted while the event waited.
	ReasonFunctionMissing = "function_missing"
	// ReasonSubscriptionMissing means the subscription was deleted while the event waited.
	ReasonSubscriptionMissing = "subscription_missing"
	// ReasonExpired means the event waited longer than the subscription's maximum age.
	ReasonExpired = "expired"
	// ReasonShutdown means the gateway stopped before the delivery could end, and its queue is in memory.
	ReasonShutdown = "shutdown"
	// ReasonTransformFailed means the subscription's transform or headers could not be evaluated for the event.
	ReasonTransformFailed = "transform_failed"
	// ReasonPanic means a fault in the gateway or a provider ended the delivery.
	ReasonPanic = "panic"
	// ReasonLoop means that more deliveries led to the event, one after the other, than are allowed: functions cause each other.
	ReasonLoop = "loop"
	// ReasonStopped means that a plugin stopped the event before the function was called.
	ReasonStopped = "stopped"
	// ReasonUnreadable means the event could not be read back from the queue's log.
	ReasonUnreadable = "unreadable"
)
