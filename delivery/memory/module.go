// Package memory keeps accepted events in this process' memory. It is the Caddy module event_gateway.queues.memory.
package memory

import (
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/delivery"
)

func init() {
	caddy.RegisterModule(new(Queue))
}

const (
	name = "memory"

	defaultMaxDeliveries = 100_000
	defaultMaxBytes      = 256 << 20
	defaultDeadAge       = 14 * 24 * time.Hour
	defaultDeadBytes     = 64 << 20
	defaultDeadCount     = 100_000
)

// Queue is a queue in memory: what was accepted is delivered at most once, and lost with the gateway's process. So are the
// dead letters.
type Queue struct {
	// How many deliveries (event × subscriber) may wait or run at once. Default: 100000.
	MaxDeliveries int `json:"max_deliveries,omitempty"`

	// How many bytes of events may wait or run at once. Default: 268435456 (256 MiB).
	MaxBytes int64 `json:"max_bytes,omitempty"`

	// How many deliveries may wait for one function. Default: as many as have room.
	MaxPerFunction int `json:"max_per_function,omitempty"`

	// How long and how many of the events are kept that could not be delivered.
	DeadLetters *DeadLetters `json:"dead_letters,omitempty"`
}

// DeadLetters bounds what is kept of events that could not be delivered: the oldest go first.
type DeadLetters struct {
	// How long they are kept. Default: 336h (14 days).
	MaxAge caddy.Duration `json:"max_age,omitempty"`

	// How many bytes of them are kept. Default: 67108864 (64 MiB).
	MaxBytes int64 `json:"max_bytes,omitempty"`

	// How many of them are kept. Default: 100000.
	MaxCount int `json:"max_count,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (*Queue) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: delivery.Namespace + "." + name, New: func() caddy.Module { return new(Queue) }}
}

// Validate implements delivery.Backend.
func (q *Queue) Validate() error {
	dead := DeadLetters{}
	if q.DeadLetters != nil {
		dead = *q.DeadLetters
	}
	for _, bound := range []struct {
		field string
		value int64
	}{
		{"max_deliveries", int64(q.MaxDeliveries)},
		{"max_bytes", q.MaxBytes},
		{"max_per_function", int64(q.MaxPerFunction)},
		{"dead_letters.max_bytes", dead.MaxBytes},
		{"dead_letters.max_count", int64(dead.MaxCount)},
	} {
		if bound.value < 0 {
			return eventgateway.Errorf(eventgateway.Invalid, "%s: %d is not accepted: want a positive number, or 0 for the default",
				bound.field, bound.value)
		}
	}
	if age := time.Duration(dead.MaxAge); age < 0 {
		return eventgateway.InvalidField("dead_letters.max_age", age.String(), "a positive duration, or 0s for the default")
	}
	return nil
}

// Identity implements delivery.Backend.
func (q *Queue) Identity(env delivery.Env) string { return name + " " + env.Name }

// Limits implements delivery.Backend.
func (q *Queue) Limits() delivery.Limits {
	return delivery.Limits{
		Deliveries:  orDefault(q.MaxDeliveries, defaultMaxDeliveries),
		Bytes:       orDefault(q.MaxBytes, defaultMaxBytes),
		PerFunction: q.MaxPerFunction,
	}
}

// Open implements delivery.Backend.
func (q *Queue) Open(delivery.Env) (delivery.Log, error) {
	l := newLog()
	l.letters.bound(q.bounds())
	return l, nil
}

// bounds returns those of the dead letters.
func (q *Queue) bounds() bounds {
	d := DeadLetters{}
	if q.DeadLetters != nil {
		d = *q.DeadLetters
	}
	return bounds{
		age:   orDefault(time.Duration(d.MaxAge), defaultDeadAge),
		bytes: orDefault(d.MaxBytes, defaultDeadBytes),
		count: orDefault(d.MaxCount, defaultDeadCount),
	}
}

func orDefault[T ~int | ~int64](value, otherwise T) T {
	if value == 0 {
		return otherwise
	}
	return value
}

// queueOf returns b as a queue in memory.
func queueOf(b delivery.Backend) (*Queue, error) {
	q, ok := b.(*Queue)
	if !ok {
		return nil, fmt.Errorf("a queue in memory cannot become one of another kind, %T", b)
	}
	return q, nil
}

var (
	_ caddy.Module          = (*Queue)(nil)
	_ caddyfile.Unmarshaler = (*Queue)(nil)
	_ delivery.Backend      = (*Queue)(nil)
	_ delivery.Log          = (*log)(nil)
	_ delivery.DeadLetters  = (*letters)(nil)
)
