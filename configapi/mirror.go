package configapi

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
)

// Mirror is this instance's copy of the store: a Sink for what the store tells, and the source of every snapshot.
// Readers load one pointer and take no lock; whoever changes it or its views does so one at a time.
type Mirror struct {
	open    Opener
	logger  *slog.Logger
	current atomic.Pointer[state]
	writers spaceLocks

	mu     sync.Mutex
	views  []*View
	shared interner
}

// Opener makes a function callable; see providers.Open.
type Opener func(*eventgateway.Function) *providers.Handle

// NewMirror returns an empty mirror.
func NewMirror(open Opener, logger *slog.Logger) *Mirror {
	m := &Mirror{open: open, logger: logger}
	m.current.Store(&state{superseded: make(chan struct{})})
	return m
}

// Load implements Sink.
func (m *Mirror) Load() Loader { return &loader{m, rebuildState(m.current.Load(), new(interner))} }

// loader makes a whole new state. What it reads stays its own until Commit.
type loader struct {
	mirror *Mirror
	edit   *edit
}

func (l *loader) Add(change Change) {
	l.edit.apply(change)
	d := &l.edit.delta // views start over after a load
	d.subscriptions, d.cors = d.subscriptions[:0], d.cors[:0]
}

func (l *loader) Commit(revision int64) {
	m, e := l.mirror, l.edit
	m.mu.Lock()
	defer m.mu.Unlock()
	e.previous = m.current.Load() // Reopen may have closed the handles that were there when the load began
	for key := range e.previous.handles.All() {
		e.delta.functions[key] = struct{}{}
	}
	retired := e.settle(m.open)
	m.shared = *e.shared
	m.report(e.broken)
	m.publish(e.state(revision, true), nil)
	retire(retired)
}

// Apply implements Sink.
func (m *Mirror) Apply(revision int64, changes []Change) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.current.Load()
	if len(changes) == 0 {
		next := *now
		next.revision, next.superseded = revision, make(chan struct{})
		m.publish(&next, &delta{})
		return
	}
	e := editState(now, &m.shared)
	for _, change := range changes {
		e.apply(change)
	}
	retired := e.settle(m.open)
	m.report(e.broken)
	m.publish(e.state(revision, now.loaded), &e.delta)
	retire(retired)
}

// publish makes next visible, in the views first: whoever waits for its revision then finds it in all of them. A nil
// delta means that all may differ.
func (m *Mirror) publish(next *state, d *delta) {
	for _, v := range m.views {
		v.follow(next, d)
	}
	close(m.current.Swap(next).superseded)
}

// Revision implements Sink.
func (m *Mirror) Revision() int64 { return m.current.Load().revision }

// WaitRevision waits until revision is applied, or ctx is done.
func (m *Mirror) WaitRevision(ctx context.Context, revision int64) error {
	for {
		st := m.current.Load()
		if st.revision >= revision {
			return nil
		}
		select {
		case <-st.superseded:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Entries yields everything the mirror holds at one revision, in the form the store has it, for saving. Entries that
// could not be used are not among them.
func (m *Mirror) Entries() (revision int64, entries func(yield func(Change) bool)) {
	st := m.current.Load()
	return st.revision, st.entries
}

// FunctionKeys yields the functions that the mirror holds.
func (m *Mirror) FunctionKeys() iter.Seq[eventgateway.FunctionKey] {
	return func(yield func(eventgateway.FunctionKey) bool) {
		for name, sp := range m.current.Load().spaces.All() {
			for id := range sp.functions.All() {
				if !yield(eventgateway.FunctionKey{Space: string(name), ID: string(id)}) {
					return
				}
			}
		}
	}
}

// Skipped returns how many entries of the store could not be used and are left out.
func (m *Mirror) Skipped() int { return m.current.Load().skipped.Len() }

// Close lets go of all functions of the store. The mirror must not be told anything afterwards, and has no open view.
func (m *Mirror) Close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, handle := range m.current.Load().handles.All() {
		handle.Close()
	}
}

func (m *Mirror) detach(v *View) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.views = slices.DeleteFunc(m.views, func(other *View) bool { return other == v })
}

// maxReports bounds how many broken entries one load or change logs by name.
const maxReports = 100

// report logs entries that were left out: the key and the field that is wrong, but no value.
func (m *Mirror) report(broken []brokenEntry) {
	for i, b := range broken {
		if i == maxReports {
			m.logger.Warn("more stored resources cannot be used and are left out", "count", len(broken)-i)
			return
		}
		field := "value"
		if eventgateway.KindOf(b.err) != 0 || errors.Is(b.err, errOtherKey) {
			field, _, _ = strings.Cut(b.err.Error(), ":")
		}
		m.logger.Warn("a stored resource cannot be used and is left out", "space", b.key.Space, "kind", b.key.Kind,
			"id", b.key.ID, "revision", b.revision, "field", field)
	}
}

// grace is how long a function that was changed or removed can still be called by requests that looked it up before.
const grace = time.Second

// retire closes handles after the grace period.
func retire(handles []*providers.Handle) {
	if len(handles) == 0 {
		return
	}
	time.AfterFunc(grace, func() {
		for _, handle := range handles {
			handle.Close()
		}
	})
}
