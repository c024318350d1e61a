// Package archive is a plugin that keeps events: as lines of JSON in compressed files, in a directory or in an object store.
// It is the Caddy module event_gateway.plugins.archive.
package archive

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/plugins"
)

func init() {
	caddy.RegisterModule(new(Archive))
}

// What a line holds.
const (
	// ContentEvent is the event that the system event is about, in the gateway's own schema.
	ContentEvent = "event"
	// ContentSystemEvent is the system event itself, in the same schema; the event it is about is in its data.
	ContentSystemEvent = "system_event"
)

const (
	defaultMaxSize       = 64 << 20
	defaultMaxAge        = 5 * time.Minute
	defaultFlushInterval = time.Second
	defaultMaxSpool      = 10 << 30
)

// Archive appends events to files, one JSON text a line.
//
// A file is written under a temporary name and renamed once it is complete. What a crash leaves is completed at the next
// start, up to the last line that is whole. With s3 complete files are uploaded, and removed once the store has them.
type Archive struct {
	// The directory of the files; made where it is missing. Required without s3. With s3 it is where files are until they
	// are uploaded; default: event_gateway/archive/<bucket> in Caddy's data directory. Placeholders are expanded.
	Directory string `json:"directory,omitempty"`

	// The object store to which complete files go. Default: none, they stay in the directory.
	S3 *S3 `json:"s3,omitempty"`

	// The folders of a file, below the directory or in the bucket. {year}, {month}, {day} and {hour} are when its lines
	// were written, in UTC, and {space} is the space of the events; other placeholders are expanded when the configuration
	// is loaded. Default: none.
	Prefix string `json:"prefix,omitempty"`

	// The system events of which a line is written. Default: gateway.event.received.
	Events []string `json:"events,omitempty"`

	// What a line holds: "event" or "system_event". Default: "event".
	Content string `json:"content,omitempty"`

	// Whether an event waits until its line is in the file, and is refused with 503 if it cannot be. Default: false, events
	// do not wait.
	Sync bool `json:"sync,omitempty"`

	// Whether a line counts as in the file only once the disk has it. Default: false, once the operating system has it.
	Fsync bool `json:"fsync,omitempty"`

	// How files are compressed: "gzip", "zstd" or "none". Default: "gzip".
	Compression string `json:"compression,omitempty"`

	// From how many bytes on, as written, a file is completed. 1024 to 4294967296 (4 GiB). Default: 67108864 (64 MiB).
	MaxSize int64 `json:"max_size,omitempty"`

	// How long a file is written to before it is completed. At least 1s. Default: 5m.
	MaxAge caddy.Duration `json:"max_age,omitempty"`

	// How long lines may wait in memory where events do not wait for them: what a crash can cost. 10ms to 1m; not with
	// sync. Default: 1s.
	FlushInterval caddy.Duration `json:"flush_interval,omitempty"`

	// How many bytes may wait to be uploaded; at least twice max_size. With more, the oldest files are dropped, or with
	// sync further events refused. Only with s3. Default: 10737418240 (10 GiB).
	MaxSpool int64 `json:"max_spool,omitempty"`

	log     *slog.Logger
	now     func() time.Time                // when nil, time.Now
	create  func(path string) (disk, error) // when nil, createOnDisk
	counts  counts
	session *session
	writer  *writer
	mender  *mender
	spool   *spool  // nil without s3
	sender  *sender // nil without s3
	// stopSending breaks uploads off.
	stopSending context.CancelFunc
	troubles    troubles
}

// CaddyModule returns the Caddy module information.
func (*Archive) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: plugins.Namespace + ".archive", New: func() caddy.Module { return new(Archive) }}
}

// Provision expands the placeholders. It touches neither disk nor network.
func (a *Archive) Provision(ctx caddy.Context) error {
	a.log = ctx.Slogger()
	return a.expand()
}

// Subscriptions implements plugins.Plugin.
func (a *Archive) Subscriptions() []plugins.Subscription {
	kind := eventgateway.Async
	if a.Sync {
		kind = eventgateway.Sync
	}
	subscriptions := make([]plugins.Subscription, 0, len(a.events()))
	for _, name := range a.events() {
		subscriptions = append(subscriptions, plugins.Subscription{Event: systemEvent(name), Type: kind})
	}
	return subscriptions
}

// React implements plugins.Plugin: it writes a line, and with sync returns once that is in the file.
func (a *Archive) React(ctx context.Context, ev *eventgateway.Event) error {
	scratch := lines.Get().(*[]byte)
	defer recycle(scratch)
	line, err := appendLine((*scratch)[:0], a.content(), ev)
	if err != nil {
		return a.failed(err)
	}
	*scratch = line
	if a.Sync && a.spool != nil && a.spool.full.Load() {
		a.troubles.warn("the archive refuses events: they wait for files that cannot be uploaded", "error", errFull)
		return a.failed(errFull)
	}
	space := ""
	if a.writer.prefix.perSpace {
		space = spaceOf(ev)
	}
	wait, err := a.writer.put(ctx, space, line)
	if err == nil && a.Sync {
		err = wait.result(ctx)
	}
	if err != nil {
		return a.failed(err)
	}
	return nil
}

// failed counts an event whose line is not in the archive, and returns what its sender is told.
func (a *Archive) failed(err error) error {
	if !a.Sync {
		a.counts.lost.Add(1)
		return err
	}
	a.counts.refused.Add(1)
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err // the sender has gone, or the host's patience is over; the line may still be written
	}
	return &refusal{
		Refusal: plugins.Refusal{Status: 503, Message: "the event cannot be archived now, so it was not accepted: try again later"},
		cause:   err,
	}
}

// refusal is a *plugins.Refusal that keeps its cause for logs.
type refusal struct {
	plugins.Refusal
	cause error
}

func (r *refusal) Unwrap() []error { return []error{&r.Refusal, r.cause} }

func (a *Archive) events() []string {
	if len(a.Events) == 0 {
		return []string{eventgateway.EventReceived}
	}
	return a.Events
}

func (a *Archive) content() string { return orDefault(a.Content, ContentEvent) }

func orDefault[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}

// Interface guards
var (
	_ plugins.Plugin        = (*Archive)(nil)
	_ plugins.Starter       = (*Archive)(nil)
	_ plugins.Tuned         = (*Archive)(nil)
	_ caddy.Provisioner     = (*Archive)(nil)
	_ caddy.Validator       = (*Archive)(nil)
	_ caddyfile.Unmarshaler = (*Archive)(nil)
)
