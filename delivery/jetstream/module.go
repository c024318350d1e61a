// Package jetstream keeps accepted events on disk, in NATS JetStream: in a server inside this process that listens
// nowhere, or in a cluster that several gateways share. It is the Caddy module event_gateway.queues.jetstream.
package jetstream

import (
	"fmt"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/delivery"
)

func init() {
	caddy.RegisterModule(new(Queue))
}

// SyncAlways is the value of Queue.Sync with which an event is accepted only once it is on the disk itself.
const SyncAlways = "always"

const (
	defaultMaxBytes      = 10 << 30
	defaultMaxDeliveries = 3_000_000
	defaultMaxMemory     = 256 << 20
	defaultReserve       = 256 << 20
	defaultDeadAge       = 14 * 24 * time.Hour
	defaultDeadBytes     = 1 << 30
	defaultPartitions    = 16
	// minBytes is the least a stream is bounded to: less has no room for one large event.
	minBytes = 1 << 20
)

// Queue is a queue on disk: what was accepted outlives the gateway's process, and is delivered at least once.
//
// Without urls it is kept by a NATS server inside the process, under the gateway's data directory; with urls by a NATS
// cluster, whose gateways share the work.
type Queue struct {
	// When an event counts as kept. Default: "", once it is written to the operating system's file, so that a process
	// that is killed loses nothing, while a machine that loses power may lose the last seconds. "always": once it is on
	// the disk itself. For the embedded server only; a cluster's servers have a setting of their own.
	Sync string `json:"sync,omitempty"`

	// How many bytes of events may wait, on disk. At least 1048576. Default: 10737418240 (10 GiB).
	MaxBytes int64 `json:"max_bytes,omitempty"`

	// How many deliveries (event × subscriber) this gateway works on at once, those that wait for a retry included; what
	// it knows of each takes some hundred bytes of memory. Default: 3000000.
	MaxDeliveries int `json:"max_deliveries,omitempty"`

	// How many bytes of events are kept in memory as well, so that they need not be read back. Default: 268435456
	// (256 MiB).
	MaxMemory int64 `json:"max_memory,omitempty"`

	// How many deliveries may wait for one function. Default: as many as are still free.
	MaxPerFunction int `json:"max_per_function,omitempty"`

	// How many bytes of the disk stay free: with less nothing is accepted. For the embedded server only. Default:
	// 268435456 (256 MiB).
	Reserve int64 `json:"reserve,omitempty"`

	// How long and how many of the events are kept that could not be delivered.
	DeadLetters *DeadLetters `json:"dead_letters,omitempty"`

	// The servers of a NATS cluster, such as nats://nats-1:4222. Default: none, a server runs inside the process.
	// Placeholders are expanded, here and in the settings below.
	URLs []string `json:"urls,omitempty"`

	// The file with the credentials (JWT and key) for the cluster. Default: none.
	Credentials string `json:"credentials,omitempty"`

	// The user name for the cluster. Default: none.
	Username string `json:"username,omitempty"`

	// The password for the cluster. Default: none.
	Password string `json:"password,omitempty"`

	// The token for the cluster. Default: none.
	Token string `json:"token,omitempty"`

	// How the connection to the cluster is secured. Default: as the URLs say, with the system's authorities.
	TLS *TLS `json:"tls,omitempty"`

	// On how many of the cluster's servers an event is kept, 1 to 5. Default: 3, or 1 if the cluster is a single server.
	Replicas int `json:"replicas,omitempty"`

	// Into how many parts the work is divided, each of which one gateway works on at a time, 1 to 256; the same for all
	// gateways. Default: 16.
	Partitions int `json:"partitions,omitempty"`
}

// DeadLetters bounds what is kept of events that could not be delivered: the oldest go first.
type DeadLetters struct {
	// How long they are kept. Default: 336h (14 days).
	MaxAge caddy.Duration `json:"max_age,omitempty"`

	// How many bytes are kept. At least 1048576. Default: 1073741824 (1 GiB).
	MaxBytes int64 `json:"max_bytes,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (*Queue) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: delivery.Namespace + ".jetstream", New: func() caddy.Module { return new(Queue) }}
}

// Provision expands the placeholders.
func (q *Queue) Provision(caddy.Context) error {
	fields := map[string]*string{
		"credentials": &q.Credentials, "username": &q.Username, "password": &q.Password, "token": &q.Token,
	}
	for i := range q.URLs {
		fields["urls["+strconv.Itoa(i)+"]"] = &q.URLs[i]
	}
	if t := q.TLS; t != nil {
		fields["tls.ca"], fields["tls.cert"], fields["tls.key"], fields["tls.server_name"] = &t.CA, &t.Cert, &t.Key, &t.ServerName
	}
	repl := caddy.NewReplacer()
	for name, value := range fields {
		expanded, err := repl.ReplaceOrErr(*value, true, true)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		*value = expanded
	}
	return nil
}

// Validate implements delivery.Backend.
func (q *Queue) Validate() error {
	if q.Sync != "" && q.Sync != SyncAlways {
		return eventgateway.InvalidField("sync", q.Sync, `"always", or nothing`)
	}
	for _, bound := range []struct {
		field      string
		value, min int64
	}{
		{"max_bytes", q.MaxBytes, minBytes},
		{"max_deliveries", int64(q.MaxDeliveries), 1},
		{"max_memory", q.MaxMemory, 1},
		{"max_per_function", int64(q.MaxPerFunction), 1},
		{"reserve", q.Reserve, 1},
	} {
		if err := atLeast(bound.field, bound.value, bound.min); err != nil {
			return err
		}
	}
	if err := q.DeadLetters.validate(); err != nil {
		return err
	}
	if len(q.URLs) > 0 {
		return q.validateCluster()
	}
	return q.validateEmbedded()
}

// validateEmbedded refuses what only a cluster has.
func (q *Queue) validateEmbedded() error {
	for field, set := range map[string]bool{
		"credentials": q.Credentials != "", "username": q.Username != "", "password": q.Password != "",
		"token": q.Token != "", "tls": q.TLS != nil, "replicas": q.Replicas != 0, "partitions": q.Partitions != 0,
	} {
		if set {
			return eventgateway.Errorf(eventgateway.Invalid, "%s: not accepted without urls: it is for a NATS cluster", field)
		}
	}
	return nil
}

// atLeast checks a number of which 0 means the default.
func atLeast(field string, value, least int64) error {
	if value != 0 && value < least {
		return eventgateway.Errorf(eventgateway.Invalid, "%s: %d is not accepted: want %d or more", field, value, least)
	}
	return nil
}

func (d *DeadLetters) validate() error {
	if d == nil {
		return nil
	}
	if age := time.Duration(d.MaxAge); age != 0 && age < time.Second {
		return eventgateway.InvalidField("dead_letters.max_age", age.String(), "a duration of 1s or more")
	}
	return atLeast("dead_letters.max_bytes", d.MaxBytes, minBytes)
}

// Identity implements delivery.Backend.
func (q *Queue) Identity(env delivery.Env) string {
	if len(q.URLs) > 0 {
		return q.clusterIdentity(env)
	}
	return "jetstream " + queueDir(env)
}

// Limits implements delivery.Backend.
func (q *Queue) Limits() delivery.Limits {
	return delivery.Limits{
		Deliveries: orDefault(q.MaxDeliveries, defaultMaxDeliveries), Bytes: q.maxBytes(),
		Memory: orDefault(q.MaxMemory, defaultMaxMemory), PerFunction: q.MaxPerFunction,
	}
}

// Open implements delivery.Backend.
func (q *Queue) Open(env delivery.Env) (delivery.Log, error) {
	open := q.openEmbedded
	if len(q.URLs) > 0 {
		open = q.openCluster
	}
	l, err := open(env)
	if err != nil {
		return nil, err
	}
	return l, nil
}

// access says how the cluster is reached.
func (q *Queue) access() access {
	return access{
		urls: q.URLs, credentials: q.Credentials, username: q.Username, password: q.Password, token: q.Token, tls: q.TLS,
	}
}

func (q *Queue) maxBytes() int64 { return orDefault(q.MaxBytes, defaultMaxBytes) }

func (q *Queue) reserve() int64 { return orDefault(q.Reserve, defaultReserve) }

func (q *Queue) partitions() int { return orDefault(q.Partitions, defaultPartitions) }

func (d *DeadLetters) limits() (age time.Duration, bytes int64) {
	if d == nil {
		return defaultDeadAge, defaultDeadBytes
	}
	return orDefault(time.Duration(d.MaxAge), defaultDeadAge), orDefault(d.MaxBytes, defaultDeadBytes)
}

func orDefault[T ~int | ~int64](value, otherwise T) T {
	if value == 0 {
		return otherwise
	}
	return value
}

var (
	_ caddy.Module          = (*Queue)(nil)
	_ caddy.Provisioner     = (*Queue)(nil)
	_ caddyfile.Unmarshaler = (*Queue)(nil)
	_ delivery.Backend      = (*Queue)(nil)
)
