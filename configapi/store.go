package configapi

import (
	"context"
	"errors"
	"time"
)

// Kind is a kind of stored resource, as it stands in its key.
type Kind string

// The kinds of resources.
const (
	Functions     Kind = "functions"
	Subscriptions Kind = "subscriptions"
	EventTypes    Kind = "eventtypes"
	CORS          Kind = "cors"
)

// Key names one stored resource.
type Key struct {
	Space string
	Kind  Kind
	ID    string
}

// Entry is one stored resource.
type Entry struct {
	Key   Key
	Value []byte
	// CreateRevision and ModRevision are the store revisions that created and last changed it.
	CreateRevision, ModRevision int64
}

// Change is one change of the store: Entry as it is now, or only its key when it is gone.
type Change struct {
	Entry   Entry
	Deleted bool
	// SpaceVersion marks a change of the version of space Entry.Key.Space and of no resource; Entry.ModRevision is the
	// new version.
	SpaceVersion bool
}

// Write is a set of changes to one space that happen together or not at all. Without changes it makes sure that the space
// still is as it was seen.
type Write struct {
	Space string
	// Version is the space's version the changes were checked against: 0 for a space never written to.
	Version int64
	Puts    []Put
	Deletes []Key
}

// Put stores a resource.
type Put struct {
	Key   Key
	Value []byte
}

// ErrVersion is returned by Commit when the space has changed since it was looked at.
var ErrVersion = errors.New("space has changed")

// Store keeps the resources. Implementations are safe for concurrent use.
type Store interface {
	// Commit makes w's changes and bumps the space's version, if that still is w.Version, and returns the revision they
	// happened at; else it changes nothing and returns ErrVersion with the revision that overtook it. When the store is
	// out of reach the error is an *eventgateway.Error of kind Unavailable, and its message says whether the write may
	// have happened all the same.
	Commit(ctx context.Context, w Write) (revision int64, err error)
	// Status tells how the store is; it does no I/O.
	Status() StoreStatus
}

// StoreStatus tells how the store is, for /v1/status and metrics.
type StoreStatus struct {
	// State is "connected" while changes arrive, "connecting" before the first list, "disconnected" while the store is
	// out of reach.
	State string `json:"state"`
	// Embedded tells that the store runs in this process.
	Embedded bool `json:"embedded"`
	// Endpoints are the store's addresses; empty when embedded.
	Endpoints []string `json:"endpoints,omitempty"`
	// Since is when it came into this state, if it is not connected; zero when it is.
	Since time.Time `json:"since,omitzero"`
	// Error is what keeps it from being connected; empty when it is.
	Error string `json:"error,omitempty"`
}

// Sink receives what the store holds: first everything at one revision, then every change after it, in order and without
// a gap. Its methods are called from one goroutine at a time.
type Sink interface {
	// Load begins to receive everything anew. Nothing is seen by readers until the Loader's Commit; a Loader that is
	// dropped leaves no trace.
	Load() Loader
	// Apply makes the changes of one or more whole revisions visible at once; revision is the last of them. Without
	// changes it only tells that the sink is up to date with revision.
	Apply(revision int64, changes []Change)
	// Revision is the last revision loaded or applied; 0 before the first.
	Revision() int64
}

// Loader receives everything the store holds at one revision.
type Loader interface {
	// Add receives one resource, or one space version.
	Add(change Change)
	// Commit makes all that was added visible at once, in place of what was there.
	Commit(revision int64)
}
