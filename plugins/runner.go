package plugins

import (
	"context"
	"errors"
	"log/slog"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/eventgateway/eventgateway"
)

const (
	// maxReactions bounds how many reactions of one plugin run at a time, those included that nobody waits for any more
	// because they took too long.
	maxReactions = 4096
	// complaintInterval is how often the failures of one plugin are logged.
	complaintInterval = 10 * time.Second
)

// runner runs one plugin.
type runner struct {
	name     string
	plugin   Plugin
	tuning   Tuning
	observer Observer
	logger   *slog.Logger
	queue    *queue // nil without async subscriptions

	mu      sync.Mutex
	running int
	closed  bool
	idle    chan struct{} // closed when closed and running is 0

	complaints complaints
}

func newRunner(named Named, observer Observer, logger *slog.Logger) *runner {
	return &runner{
		name:     named.Name,
		plugin:   named.Plugin,
		observer: observer,
		logger:   logger.With(slog.String("plugin", named.Name)),
		idle:     make(chan struct{}),
	}
}

// tune takes the plugin's own limits.
func (r *runner) tune() {
	if tuned, ok := r.plugin.(Tuned); ok {
		r.tuning = tuned.Tuning()
	}
	if r.tuning.Timeout <= 0 {
		r.tuning.Timeout = DefaultTimeout
	}
	if r.tuning.Workers <= 0 {
		r.tuning.Workers = DefaultWorkers
	}
}

// emitSync has the plugin react while the event waits. The error is a *Refusal, a *Failure or, when the sender has gone, that
// of ctx.
func (r *runner) emitSync(ctx context.Context, ev *eventgateway.Event) error {
	start := time.Now()
	err := r.react(ctx, ev)
	took := time.Since(start)
	var refusal *Refusal
	switch {
	case err == nil:
		r.observer.Reacted(r.name, ev.Type, OutcomeDone, took)
		return nil
	case errors.As(err, &refusal):
		r.observer.Reacted(r.name, ev.Type, OutcomeRefused, took)
		return refusal
	case ctx.Err() != nil:
		r.observer.Reacted(r.name, ev.Type, OutcomeCanceled, took)
		return ctx.Err()
	}
	r.observer.Reacted(r.name, ev.Type, OutcomeFailed, took)
	r.complain(ev, err, took)
	if r.tuning.FailOpen {
		return nil
	}
	return r.failed(err)
}

// emitAsync leaves an event to the workers, or drops it where there is no room.
func (r *runner) emitAsync(ev *eventgateway.Event) {
	if !r.queue.put(ev) {
		r.observer.Reacted(r.name, ev.Type, OutcomeDropped, 0)
		r.complain(ev, errBehind, 0)
	}
}

// reactAsync has the plugin react to an event that does not wait. Once ctx is done events are dropped.
func (r *runner) reactAsync(ctx context.Context, ev *eventgateway.Event) {
	if ctx.Err() != nil {
		r.observer.Reacted(r.name, ev.Type, OutcomeDropped, 0)
		return
	}
	start := time.Now()
	err := r.react(ctx, ev)
	took := time.Since(start)
	if err == nil {
		r.observer.Reacted(r.name, ev.Type, OutcomeDone, took)
		return
	}
	r.observer.Reacted(r.name, ev.Type, OutcomeFailed, took)
	r.complain(ev, err, took)
}

// react calls React in a goroutine of its own, so that a plugin that does not heed its context holds up nobody but itself.
func (r *runner) react(ctx context.Context, ev *eventgateway.Event) error {
	if err := r.enter(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, r.tuning.Timeout, errTooSlow)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		defer r.leave()
		done <- safely(func() error { return r.plugin.React(ctx, ev) })
	}()
	select {
	case err := <-done:
		if err != nil && errors.Is(err, ctx.Err()) {
			return context.Cause(ctx)
		}
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// enter counts a reaction in.
func (r *runner) enter() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed:
		return errStopped
	case r.running >= maxReactions:
		return errBusy
	}
	r.running++
	return nil
}

func (r *runner) leave() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.running--
	if r.closed && r.running == 0 {
		close(r.idle)
	}
}

// close lets no further reaction begin. idle is closed when the last has ended.
func (r *runner) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	r.closed = true
	if r.running == 0 {
		close(r.idle)
	}
}

// complain logs a failed reaction: one line in complaintInterval, with the number of those that got none before it.
func (r *runner) complain(ev *eventgateway.Event, err error, took time.Duration) {
	suppressed, ok := r.complaints.admit(time.Now())
	if !ok {
		return
	}
	attrs := []any{
		slog.String("event", ev.Type),
		slog.String("error", shorten(err.Error())),
		slog.Duration("duration", took),
	}
	var p *panicError
	if errors.As(err, &p) {
		attrs = append(attrs, slog.String("stack", string(p.stack)))
	}
	if suppressed > 0 {
		attrs = append(attrs, slog.Int("suppressed", suppressed))
	}
	r.logger.Warn("plugin did not react", attrs...)
}

// complaints counts what is not logged.
type complaints struct {
	mu     sync.Mutex
	logged time.Time
	count  int
}

// admit reports whether a line may be logged now, and how many before it were not.
func (c *complaints) admit(now time.Time) (suppressed int, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.Sub(c.logged) < complaintInterval {
		c.count++
		return 0, false
	}
	suppressed = c.count
	c.logged, c.count = now, 0
	return suppressed, true
}

// shorten bounds the text of a plugin's error, which is not ours.
func shorten(s string) string {
	const limit = 512
	if len(s) > limit {
		s = s[:limit] + "…"
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// safely calls f and turns a panic into an error.
func safely(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &panicError{value: p, stack: debug.Stack()}
		}
	}()
	return f()
}
