package configapi

import (
	"iter"
	"sync"
	"sync/atomic"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/internal/hamt"
	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/snapshot"
)

// View is the mirror's content with one configuration's static resources merged over it: a static function or subscription
// hides the stored one of the same identity. Several views of one mirror can exist at once, as while the server changes
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
		Revision: next.revision, Loaded: next.loaded, Table: next.table, Functions: next.handles,
	}}
	now.snapshot.Subscription = now.published
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
	table, handles := now.state.table.Edit(), now.state.handles.Edit()
	for _, s := range v.statics.subscriptions {
		table.Insert(&s.Subscription)
	}
	for key, handle := range v.opened {
		handles.Set(key, handle)
	}
	now.snapshot.Table, now.snapshot.Functions = table.Table(), handles.Map()
}

// catchUp makes the changes of d to what before had.
func (v *View) catchUp(now *merged, before *snapshot.Snapshot, d *delta) {
	table, handles := before.Table.Edit(), before.Functions.Edit()
	for _, s := range d.subscriptions {
		switch {
		case v.statics.subscriptions[subscriptionKey{s.Space, s.ID}] != nil: // hidden
		case s.gone:
			table.Delete(s.Subscription)
		default:
			table.Insert(s.Subscription)
		}
	}
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
	now.snapshot.Table, now.snapshot.Functions = table.Table(), handles.Map()
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
	if s := m.statics.subscriptions[subscriptionKey{space, id}]; s != nil {
		return s
	}
	return m.state.subscription(space, id)
}

// published is subscription for a snapshot.
func (m *merged) published(space, id string) *eventgateway.Subscription {
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
	return func(yield func(*subscription) bool) {
		for key, s := range m.statics.subscriptions {
			if key.space == space && !yield(s) {
				return
			}
		}
		for id, s := range m.state.space(space).subscriptions.All() {
			hidden := m.statics.subscriptions[subscriptionKey{space, string(id)}] != nil
			if !hidden && !yield(s) {
				return
			}
		}
	}
}

// uses returns how many subscriptions name a function. What a static one hides counts too: other instances show it.
func (m *merged) uses(key eventgateway.FunctionKey) int {
	count, _ := m.state.space(key.Space).uses.Get(hamt.String(key.ID))
	for range m.staticUsers(key) {
		count++
	}
	return count
}

// users yields the ids of the subscriptions that uses counts, in no particular order.
func (m *merged) users(key eventgateway.FunctionKey) iter.Seq[string] {
	return func(yield func(string) bool) {
		for id := range m.staticUsers(key) {
			if !yield(id) {
				return
			}
		}
		for id, s := range m.state.space(key.Space).subscriptions.All() {
			if s.uses(key.ID) && !yield(string(id)) {
				return
			}
		}
	}
}

// staticUsers yields the ids of the static subscriptions that name a function and hide none that does.
func (m *merged) staticUsers(key eventgateway.FunctionKey) iter.Seq[string] {
	return func(yield func(string) bool) {
		for at, s := range m.statics.subscriptions {
			counts := at.space == key.Space && s.uses(key.ID) && !m.state.subscription(at.space, at.id).uses(key.ID)
			if counts && !yield(at.id) {
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
	for key := range m.statics.subscriptions {
		if key.space == name {
			return true
		}
	}
	return false
}
