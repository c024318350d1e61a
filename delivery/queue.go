// Package delivery gets an event to a function: now, while the sender waits, or through a queue.
package delivery

import (
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
	// Transforms are those of the subscription as it was when the event matched; nil when it has none.
	Transforms *eventgateway.Transforms
}

// TargetOf returns the target for an event that matches s. Neither s nor params may be changed afterwards.
func TargetOf(s *eventgateway.Subscription, params eventgateway.PathParams) Target {
	t := Target{Space: s.Space, SubscriptionID: s.ID, FunctionID: s.FunctionID, Params: params}
	if s.Transforms.ChangeCall() {
		t.Transforms = &s.Transforms
	}
	return t
}

// Function returns the key of the target's function.
func (t *Target) Function() eventgateway.FunctionKey {
	return eventgateway.FunctionKey{Space: t.Space, ID: t.FunctionID}
}

// Item is one event with all its targets.
type Item struct {
	Event   *eventgateway.Event
	Targets []Target
}

// Queue takes events for asynchronous delivery. It is safe for concurrent use.
type Queue interface {
	// Put accepts all items for all their targets, or nothing: then the error is ErrFull or ErrDraining. It does not
	// wait for room. Once it has returned nil the queue answers for the deliveries. It keeps neither the slices it was
	// given nor, of an http event, anything the server may change; see eventgateway.Event.Detach.
	Put(items []Item) error
}

var (
	// ErrFull means the queue has no room for an event now.
	ErrFull = errors.New("the queue is full")
	// ErrDraining means the gateway is shutting down.
	ErrDraining = errors.New("the gateway is shutting down")
)

// Functions finds a function as it is now; nil when there is none.
type Functions func(key eventgateway.FunctionKey) *providers.Handle

// Observer is told what happens to deliveries. Its methods are called on the data path: they do not block.
type Observer interface {
	// Invoked is called after every call of a function, sync or async. failure is empty when it succeeded.
	Invoked(key eventgateway.FunctionKey, failure providers.Failure, duration time.Duration)
	// Delivered is called when an async delivery succeeded; age is the time since the event was received.
	Delivered(space, eventType string, age time.Duration)
	// Dropped is called when an accepted event will not reach a target; reason is a providers.Failure or one of the
	// Reason constants.
	Dropped(space, eventType, reason string)
}

// The reasons of Dropped that are not a providers.Failure.
const (
	// ReasonFunctionMissing means the function was deleted while the event waited.
	ReasonFunctionMissing = "function_missing"
	// ReasonShutdown means the gateway stopped before the delivery could end.
	ReasonShutdown = "shutdown"
	// ReasonTransformFailed means the subscription's transform or headers could not be evaluated for the event.
	ReasonTransformFailed = "transform_failed"
	// ReasonPanic means a fault in the gateway or a provider ended the delivery.
	ReasonPanic = "panic"
)
