// Package snapshot is where the data path and the control path meet: one immutable view of the configuration, published
// through one atomic pointer. Neither path imports the other.
package snapshot

import (
	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/internal/hamt"
	"github.com/eventgateway/eventgateway/matcher"
	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/schema"
)

// Snapshot is one consistent view of all subscriptions and functions. It is never changed; the next change makes the next
// snapshot.
type Snapshot struct {
	// Revision is the etcd revision this view stands at; 0 for a view of static resources alone.
	Revision int64
	// Loaded reports whether the store's resources are in, from the store itself or from the copy saved last. Until
	// then an event that finds no subscriber may have one.
	Loaded bool
	// Table finds the subscriptions of an event.
	Table *matcher.Table
	// Functions holds every function ready to be called.
	Functions *hamt.Map[eventgateway.FunctionKey, *providers.Handle]
	// EventType returns a registered event type by either of its names; nil when it is not registered.
	EventType func(space, name string) *EventType
	// CORS finds the CORS resource of a request: each stands in it as a sync subscription to http events, with its ID, method,
	// path and CORS.
	CORS *matcher.Table
	// Subscription returns a subscription, which is not to be changed; nil when there is none.
	Subscription func(space, id string) *eventgateway.Subscription
}

// EventType is a registered event type, ready to be used.
type EventType struct {
	*eventgateway.EventType
	// Schema validates the data of its events; nil where there is nothing to validate.
	Schema *schema.Schema
	// Unusable tells that what is stored for the type cannot be used by this instance, and nothing of it is known: its events
	// are not accepted, as it may have an authorizer.
	Unusable bool
}

// Source gives the current snapshot. It is one atomic load, and never nil.
type Source func() *Snapshot
