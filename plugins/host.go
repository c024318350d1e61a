package plugins

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eventgateway/eventgateway"
)

// Named is a plugin under the name by which logs and metrics know it.
type Named struct {
	Name string
	Plugin
}

// Observer is told what plugins do. Its methods do not block.
type Observer interface {
	// Reacted is called after every reaction; outcome is one of the Outcome constants.
	Reacted(plugin, event, outcome string, took time.Duration)
}

// The outcomes of Reacted.
const (
	// OutcomeDone means the plugin has reacted.
	OutcomeDone = "done"
	// OutcomeRefused means it stopped the event with a *Refusal.
	OutcomeRefused = "refused"
	// OutcomeFailed means it failed, panicked or took too long.
	OutcomeFailed = "failed"
	// OutcomeCanceled means the sender of the event had gone before the plugin was done.
	OutcomeCanceled = "canceled"
	// OutcomeDropped means an async plugin was so far behind that it was not told.
	OutcomeDropped = "dropped"
)

// rollbackTimeout bounds how long plugins that have started may take to stop when a later one does not start.
const rollbackTimeout = 10 * time.Second

// Host runs the plugins of one configuration. Its methods may be called of a nil Host, which has no plugins.
type Host struct {
	runners []*runner
	started int // how many of runners are to be stopped
	table   atomic.Pointer[table]
	stop    sync.Once

	// async is the context of async reactions, which outlive the request that caused them.
	async  context.Context
	cancel context.CancelFunc
}

// NewHost returns a host. Nothing runs before Start. observer and logger may be nil.
func NewHost(list []Named, observer Observer, logger *slog.Logger) *Host {
	if observer == nil {
		observer = unobserved{}
	}
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	h := &Host{}
	h.async, h.cancel = context.WithCancel(context.Background())
	for _, named := range list {
		h.runners = append(h.runners, newRunner(named, observer, logger))
	}
	return h
}

// Start starts the plugins, in their order. An error names the plugin; those started before it are stopped. It is called once.
func (h *Host) Start(ctx context.Context) error {
	if h == nil {
		return nil
	}
	t := &table{}
	for _, r := range h.runners {
		if err := h.startOne(ctx, t, r); err != nil {
			rollback, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTimeout)
			defer cancel()
			return errors.Join(fmt.Errorf("plugin %s: %w", r.name, err), h.Stop(rollback))
		}
	}
	for _, r := range h.runners {
		if r.queue != nil {
			r.queue.start(r.tuning.Workers, func(ev *eventgateway.Event) { r.reactAsync(h.async, ev) })
		}
	}
	h.table.Store(t)
	return nil
}

func (h *Host) startOne(ctx context.Context, t *table, r *runner) error {
	if starter, ok := r.plugin.(Starter); ok {
		if err := safely(func() error { return starter.Start(ctx) }); err != nil {
			return fmt.Errorf("start: %w", err)
		}
	}
	h.started++
	return safely(func() error {
		r.tune()
		return t.add(r, r.plugin.Subscriptions())
	})
}

// Stop lets async reactions end as far as ctx allows, and stops the plugins, last first. What comes later is not told to
// async plugins, and refused in the name of sync ones: no event passes a plugin that would have stopped it. An error says
// which plugins did not end in time. Calls after the first do nothing.
func (h *Host) Stop(ctx context.Context) error {
	if h == nil {
		return nil
	}
	var errs []error
	h.stop.Do(func() {
		defer h.cancel()
		// When the time is over what still waits is dropped, and reactions that heed their context end.
		defer context.AfterFunc(ctx, h.cancel)()
		for _, r := range slices.Backward(h.runners[:h.started]) {
			if err := h.stopOne(ctx, r); err != nil {
				errs = append(errs, fmt.Errorf("plugin %s: %w", r.name, err))
			}
		}
	})
	return errors.Join(errs...)
}

func (h *Host) stopOne(ctx context.Context, r *runner) error {
	if r.queue != nil {
		r.queue.close()
		r.queue.workers.Wait()
	}
	r.close()
	var err error
	select {
	case <-r.idle:
	case <-ctx.Done():
		err = fmt.Errorf("reactions have not ended: %w", ctx.Err())
	}
	starter, ok := r.plugin.(Starter)
	if !ok {
		return err
	}
	var stopped error
	if !waitFor(ctx, func() { stopped = safely(func() error { return starter.Stop(ctx) }) }) {
		return errors.Join(err, fmt.Errorf("stop has not ended: %w", ctx.Err()))
	}
	if stopped != nil {
		return errors.Join(err, fmt.Errorf("stop: %w", stopped))
	}
	return err
}

// stopGrace is what a plugin gets to end though the time is over: time to be told so and to kill what runs.
const stopGrace = 3 * time.Second

// waitFor calls f, and reports whether it returned before ctx was done and stopGrace more had passed.
func waitFor(ctx context.Context, f func()) bool {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
		return true
	case <-ctx.Done():
	}
	select {
	case <-done:
		return true
	case <-time.After(stopGrace):
		return false
	}
}

// Listens reports whether some plugin reacts to a system event. It is cheap, also for a nil host.
func (h *Host) Listens(event string) bool { return h.listeners(event) != nil }

// listeners returns nil where nobody listens.
func (h *Host) listeners(event string) *listeners {
	if h == nil || len(h.runners) == 0 {
		return nil
	}
	t := h.table.Load()
	place := placeOf(event)
	if t == nil || place < 0 || t[place].empty() {
		return nil
	}
	return &t[place]
}

// Emit tells the plugins of a system event: the sync ones in their order, up to the first that returns an error, which Emit
// returns; the async ones without waiting, and whatever the sync ones say. The error is a *Refusal, a *Failure or, when the
// sender has gone, that of ctx.
func (h *Host) Emit(ctx context.Context, ev *eventgateway.Event) error {
	l := h.listeners(ev.Type)
	if l == nil {
		return nil
	}
	for _, r := range l.async {
		r.emitAsync(ev)
	}
	for _, r := range l.sync {
		if err := r.emitSync(ctx, ev); err != nil {
			return err
		}
	}
	return nil
}

// unobserved is the Observer of a host without one.
type unobserved struct{}

func (unobserved) Reacted(string, string, string, time.Duration) {}
