package delivery

import (
	"context"
	"log/slog"
	"time"

	"github.com/eventgateway/eventgateway"
)

// Namespace is where Caddy finds queues; the last label of a queue's module ID is its name, such as "jetstream".
const Namespace = "event_gateway.queues"

// Backend is the configuration of a queue, a Caddy guest module in Namespace. It also implements caddy.Module and
// caddyfile.Unmarshaler.
type Backend interface {
	// Validate reports the first setting that is wrong. It does no I/O and starts nothing.
	Validate() error
	// Identity names what the queue is kept in: two configurations with the same identity share one Log, which follows
	// the later one with Reconfigure.
	Identity(env Env) string
	// Limits bound what the gateway holds of the queue in this process' memory, and more.
	Limits() Limits
	// Open makes the log ready to be started. It may start servers and use the network, but does not fail because
	// something is out of reach: then Append fails until it is back.
	Open(env Env) (Log, error)
}

// Log keeps accepted work until it is done. It knows nothing of functions, retries or order: that is the Dispatcher's.
// It is safe for concurrent use.
type Log interface {
	// Start begins to hand records to r: first what is left from before, then what is appended, in the order of the log.
	// It is called once, and returns at once.
	Start(r Receiver)
	// Append keeps all works, or none, and returns once they are kept as the log promises. They are handed to the
	// Receiver, maybe before Append returns. Those that are handed over as copies, or by another instance, are released with
	// Receiver.Release; of a work that was Split that is so for its parts. An error is, or wraps, one of ErrFull, ErrTooLarge
	// and ErrUnavailable.
	Append(ctx context.Context, works []*Work) error
	// Rewrite keeps works in place of what is left of r, durably, forgets r, and returns the record that stands for it
	// now. That record is not handed to the Receiver of this process. A log that has nothing to win by it returns
	// errors.ErrUnsupported.
	Rewrite(ctx context.Context, r *Record, works []*Work) (*Record, error)
	// Finish forgets a record. It does not block, and cannot fail for the caller: the log tries again by itself.
	Finish(r *Record)
	// Load reads back the works of a record whose memory was let go.
	Load(ctx context.Context, r *Record) ([]*Work, error)
	// DeadLetters returns where undeliverable events are kept.
	DeadLetters() DeadLetters
	// Reconfigure follows another Backend of the same identity.
	Reconfigure(b Backend) error
	// Status tells how the log is; it does no I/O.
	Status() LogStatus
	// Close writes what Finish has not yet forgotten, as far as ctx allows, and ends the log. Nothing is handed out
	// afterwards.
	Close(ctx context.Context) error
}

// LogStatus tells how a log is, for /v1/status and metrics.
type LogStatus struct {
	// Name is the queue's name: "jetstream" or "memory".
	Name string `json:"type"`
	// Durable tells that what was accepted outlives the process.
	Durable bool `json:"durable"`
	// State is "ready", or "unavailable" while nothing can be accepted.
	State string `json:"state"`
	// Error is why it is not ready; empty when it is.
	Error string `json:"error,omitempty"`
	// Bytes is what is kept, on disk for a durable log.
	Bytes int64 `json:"bytes"`
	// Records counts what is kept; one record holds the events that were accepted together.
	Records int64 `json:"records"`
	// Partitions are those this instance works on; empty where there is only one instance.
	Partitions []int `json:"partitions,omitempty"`
}

// Receiver takes over records. Its methods do not block for long, and are called by one goroutine at a time for one
// partition.
type Receiver interface {
	// Receive takes over a record. The receiver owns it and its works.
	Receive(r *Record)
	// CaughtUp tells that everything left from before was handed over for a partition.
	CaughtUp(partition int)
	// Revoke tells that another instance works on a partition from now on: what waits of it is forgotten.
	Revoke(partition int)
	// Release tells that works that Append kept do not come any more: copies of them were received, or another instance
	// receives them. It may be called at any time after Start, also for works that were received.
	Release(works []*Work)
}

// Record is what a log keeps and forgets as one: works that were accepted at the same time.
type Record struct {
	// Seq identifies the record within its partition; later records have greater ones.
	Seq uint64
	// Partition is the part of the log it is in; always 0 where there is only one.
	Partition int
	// Size is what it takes in the log, in bytes.
	Size int
	// Works is what the record holds. It is nil once its memory was let go, as it is when the record is finished; see Log.Load.
	Works []*Work

	// left is how many deliveries have not ended; Dispatcher.mu guards it and everything below.
	left int32
	// running is how many of them are being attempted.
	running int32
	// size is the reckoned size of its events, and loaded what of it counts towards the memory held.
	size, loaded int64
	// shares are the spaces its events are of, each with the size of those.
	shares []shareOf
	// tasks are the deliveries, also those that have ended.
	tasks []*task
	// changed tells that the log is behind: a delivery ended, or was tried, since the record was written. behindSince is since
	// when, in nanoseconds since 1970, as long as the record waits to be replaced for that.
	behindSince int64
	changed     bool
	// rewriting tells that the record is being replaced.
	rewriting bool
	// revoked tells that another instance works on its partition now.
	revoked bool
}

// Work is an accepted event with the deliveries it still owes.
type Work struct {
	Event *eventgateway.Event
	// Key is the publisher's; see Item.Key.
	Key  string
	Owed []Owed

	// encodings are those that running deliveries share.
	encodings encodings
	// room is reserved for it until it was received; nil when none is. Dispatcher.mu guards it once it is appended.
	room *room
}

// Owed is a delivery that is still to be made.
type Owed struct {
	Target
	// Attempts is how many were made.
	Attempts int
	// NotBefore is when the next may be made; zero means at once.
	NotBefore time.Time
	// Order is the place of the delivery among those of its ordering key: the Seq of the record it first was in; 0 for
	// that of the record it is in.
	Order uint64
	// Dead is set for the delivery of a dead letter to the function the subscription names for that.
	Dead *DeadNote
}

// DeadNote tells a dead letter function why it gets an event.
type DeadNote struct {
	Reason, Error string
	// FunctionID is the function that did not get it.
	FunctionID string
	Attempts   int
}

// Env is what the gateway lends to a log.
type Env struct {
	// DataDir is the directory for everything kept on disk.
	DataDir string
	// Name tells apart the queues of several gateways in one NATS cluster; from the configuration store's prefix.
	Name string
	// Logger never gets payloads or credentials.
	Logger *slog.Logger
}
