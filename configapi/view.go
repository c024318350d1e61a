package configapi

import (
	"iter"
	"sync"
	"sync/atomic"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/internal/hamt"
	"github.com/eventgateway/eventgateway/matcher"
	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/snapshot"
)

// View is the mirror's content with one configuration's static resources merged over it: a static resource hides the stored
// one of the same identity. Several views of one mirror can exist at once, as while the server changes
// from one configuration to the next.
type View struct {
	mirror  *Mirror
	statics *statics
	// opened are the static functions, ready to be called.
	opened  map[eventgateway.FunctionKey]*providers.Handle
	current atomic.Pointer[merged]
	close   sync.Once
}

// merged is a state with static resources over it. Like the state it is not changed once published.
type merged struct {
	*statics
	state    *state
	snapshot snapshot.Snapshot
}

// NewView makes a view. The error names the static resource that is wrong.
func (m *Mirror) NewView(static Static) (*View, error) {
	statics, err := readStatic(static)
	if err != nil {
		return nil, err
	}
	v := &View{mirror: m, statics: statics, opened: map[eventgateway.FunctionKey]*providers.Handle{}}
	open := static.Open
	if open == nil {
		open = m.open
	}
	for key, f := range statics.functions {
		v.opened[key] = open(f.Function)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	v.follow(m.current.Load(), nil)
	m.views = append(m.views, v)
	return v, nil
}

// Snapshot returns the current snapshot: one atomic load.
func (v *View) Snapshot() *snapshot.Snapshot { return &v.current.Load().snapshot }

// Close lets go of the static functions once calls in flight are done, and stops following the mirror; the last snapshot
// stays readable.
func (v *View) Close() {
	v.close.Do(func() {
		v.mirror.detach(v)
		handles := make([]*providers.Handle, 0, len(v.opened))
		for _, handle := range v.opened {
			handles = append(handles, handle)
		}
		retire(handles)
	})
}

// follow publishes next with the static resources over it. It makes the changes of d to what it has, or starts over if d
// is nil. Callers hold the mirror's mutex.
func (v *View) follow(next *state, d *delta) {
	now := &merged{statics: v.statics, state: next, snapshot: snapshot.Snapshot{
		Revision: next.revision, Loaded: next.loaded, Table: next.table, Functions: next.handles, CORS: next.cors,
	}}
	now.snapshot.Subscription, now.snapshot.EventType = now.publishedSubscription, now.publishedEventType
	switch {
	case v.statics.empty():
	case d == nil:
		v.startOver(now)
	default:
		v.catchUp(now, &v.current.Load().snapshot, d)
	}
	v.current.Store(now)
}

// startOver puts the static resources over now's state.
func (v *View) startOver(now *merged) {
	table, cors, handles := now.state.table.Edit(), now.state.cors.Edit(), now.state.handles.Edit()
	for _, s := range v.statics.subscriptions {
		table.Insert(&s.Subscription)
	}
	for _, c := range v.statics.cors {
		cors.Insert(c.route)
	}
	for key, handle := range v.opened {
		handles.Set(key, handle)
	}
	now.snapshot.Table, now.snapshot.CORS, now.snapshot.Functions = table.Table(), cors.Table(), handles.Map()
}

// catchUp makes the changes of d to what before had.
func (v *View) catchUp(now *merged, before *snapshot.Snapshot, d *delta) {
	now.snapshot.Table = followTable(before.Table, d.subscriptions, func(id identity) bool {
		return v.statics.subscriptions[id] != nil
	})
	now.snapshot.CORS = followTable(before.CORS, d.cors, func(id identity) bool { return v.statics.cors[id] != nil })
	handles := before.Functions.Edit()
	for key := range d.functions {
		handle, exists := now.state.handles.Get(key)
		switch {
		case v.statics.functions[key] != nil: // hidden
		case exists:
			handles.Set(key, handle)
		default:
			handles.Delete(key)
		}
	}
	now.snapshot.Functions = handles.Map()
}

// followTable makes changes to a table, but for those that are hidden.
func followTable(t *matcher.Table, changes []subscriptionDelta, hidden func(identity) bool) *matcher.Table {
	if len(changes) == 0 {
		return t
	}
	e := t.Edit()
	for _, s := range changes {
		switch {
		case hidden(identity{s.Space, s.ID}):
		case s.gone:
			e.Delete(s.Subscription)
		default:
			e.Insert(s.Subscription)
		}
	}
	return e.Table()
}

// function returns a function, or nil.
func (m *merged) function(key eventgateway.FunctionKey) *function {
	if f := m.statics.functions[key]; f != nil {
		return f
	}
	return m.state.function(key)
}

// subscription returns a subscription, or nil.
func (m *merged) subscription(space, id string) *subscription {
	if s := m.statics.subscriptions[identity{space, id}]; s != nil {
		return s
	}
	return m.state.subscription(space, id)
}

// publishedSubscription is subscription for a snapshot.
func (m *merged) publishedSubscription(space, id string) *eventgateway.Subscription {
	if s := m.subscription(space, id); s != nil {
		return &s.Subscription
	}
	return nil
}

// functionsOf yields the functions of a space, in no particular order.
func (m *merged) functionsOf(space string) iter.Seq[*function] {
	return func(yield func(*function) bool) {
		for key, f := range m.statics.functions {
			if key.Space == space && !yield(f) {
				return
			}
		}
		for id, f := range m.state.space(space).functions.All() {
			hidden := m.statics.functions[eventgateway.FunctionKey{Space: space, ID: string(id)}] != nil
			if !hidden && !yield(f) {
				return
			}
		}
	}
}

// subscriptionsOf yields the subscriptions of a space, in no particular order.
func (m *merged) subscriptionsOf(space string) iter.Seq[*subscription] {
	return mergedOf(space, m.statics.subscriptions, m.state.space(space).subscriptions)
}

// mergedOf yields the static resources of a space and the stored ones they do not hide.
func mergedOf[T any](space string, static map[identity]T, stored *hamt.Map[hamt.String, T]) iter.Seq[T] {
	return func(yield func(T) bool) {
		for key, resource := range static {
			if key.space == space && !yield(resource) {
				return
			}
		}
		for id, resource := range stored.All() {
			_, hidden := static[identity{space, string(id)}]
			if !hidden && !yield(resource) {
				return
			}
		}
	}
}

// hasSpace reports whether a space was ever written to or has static resources.
func (m *merged) hasSpace(name string) bool {
	if m.state.space(name) != noSpace {
		return true
	}
	for key := range m.statics.functions {
		if key.Space == name {
			return true
		}
	}
	return holds(m.statics.subscriptions, name) || holds(m.statics.eventTypes, name) || holds(m.statics.cors, name)
}

// holds reports whether one of some static resources is in a space.
func holds[T any](static map[identity]T, space string) bool {
	for key := range static {
		if key.space == space {
			return true
		}
	}
	return false
}
