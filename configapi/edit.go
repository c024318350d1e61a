package configapi

import (
	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/internal/hamt"
	"github.com/eventgateway/eventgateway/matcher"
	"github.com/eventgateway/eventgateway/providers"
)

// edit makes the next state: from the one before by changes, or anew by everything the store holds.
type edit struct {
	// previous is the state before, from which what did not change is taken.
	previous *state
	shared   *interner

	base    *hamt.Map[hamt.String, *space]
	spaces  map[string]*spaceEdit
	table   *matcher.Editor
	cors    *matcher.Editor
	handles *hamt.Editor[eventgateway.FunctionKey, *providers.Handle]
	skipped *hamt.Editor[Key, int64]

	// delta tells views what to do to follow.
	delta delta
	// broken are the entries skipped for the first time.
	broken []brokenEntry
}

// spaceEdit is a space being edited.
type spaceEdit struct {
	version       int64
	functions     *hamt.Editor[hamt.String, *function]
	subscriptions *hamt.Editor[hamt.String, *subscription]
	eventTypes    *hamt.Editor[hamt.String, *eventType]
	cors          *hamt.Editor[hamt.String, *corsResource]
	uses          *hamt.Editor[hamt.String, int]
	listeners     *hamt.Editor[hamt.String, int]
	composites    *hamt.Editor[hamt.String, *function]
}

// delta is how a state differs from the one before it.
type delta struct {
	functions     map[eventgateway.FunctionKey]struct{}
	subscriptions []subscriptionDelta
	// cors are the CORS resources by their routes.
	cors []subscriptionDelta
}

// subscriptionDelta is one subscription that was put or is gone.
type subscriptionDelta struct {
	*eventgateway.Subscription
	gone bool
}

// brokenEntry is a stored entry that cannot be used.
type brokenEntry struct {
	key      Key
	revision int64
	err      error
}

// editState returns an edit that starts from st.
func editState(st *state, shared *interner) *edit {
	return &edit{
		previous: st, shared: shared, base: st.spaces, spaces: map[string]*spaceEdit{},
		table: st.table.Edit(), cors: st.cors.Edit(), handles: st.handles.Edit(), skipped: st.skipped.Edit(),
		delta: delta{functions: map[eventgateway.FunctionKey]struct{}{}},
	}
}

// rebuildState returns an edit that starts from nothing and takes what did not change from st.
func rebuildState(st *state, shared *interner) *edit {
	e := editState(&state{}, shared)
	e.previous = st
	return e
}

func (e *edit) space(name string) *spaceEdit {
	if sp := e.spaces[name]; sp != nil {
		return sp
	}
	sp, ok := e.base.Get(hamt.String(name))
	if !ok {
		sp = noSpace
	}
	edited := &spaceEdit{
		sp.version, sp.functions.Edit(), sp.subscriptions.Edit(), sp.eventTypes.Edit(), sp.cors.Edit(), sp.uses.Edit(),
		sp.listeners.Edit(), sp.composites.Edit(),
	}
	e.spaces[e.shared.intern(name)] = edited
	return edited
}

// apply makes one change. An entry that cannot be used counts as gone, so that the state depends on nothing but what the
// store holds now.
func (e *edit) apply(c Change) {
	key := c.Entry.Key
	if c.SpaceVersion {
		sp := e.space(key.Space)
		sp.version = c.Entry.ModRevision
		if c.Deleted {
			sp.version = 0
		}
		return
	}
	var err error
	switch key.Kind {
	case Functions:
		err = e.applyFunction(c)
	case Subscriptions:
		err = e.applySubscription(c)
	case EventTypes:
		err = e.applyEventType(c)
	case CORS:
		err = e.applyCORS(c)
	default: // of a later version of the gateway
		return
	}
	if err == nil {
		e.skipped.Delete(key)
		return
	}
	e.skipped.Set(key, c.Entry.ModRevision)
	if revision, known := e.previous.skipped.Get(key); !known || revision != c.Entry.ModRevision {
		e.broken = append(e.broken, brokenEntry{key, c.Entry.ModRevision, err})
	}
}

func (e *edit) applyFunction(c Change) (err error) {
	key := eventgateway.FunctionKey{Space: c.Entry.Key.Space, ID: c.Entry.Key.ID}
	var f *function
	if !c.Deleted {
		f, err = e.readFunction(key, c.Entry)
	}
	sp := e.space(key.Space)
	if f == nil {
		sp.functions.Delete(hamt.String(key.ID))
	} else {
		sp.functions.Set(hamt.String(f.ID), f)
		key = f.Key()
	}
	sp.setComposite(key.ID, f)
	e.delta.functions[key] = struct{}{}
	return err
}

func (e *edit) readFunction(key eventgateway.FunctionKey, entry Entry) (*function, error) {
	sum := contentSum(entry.Value)
	old := e.previous.function(key)
	if old != nil && old.sum == sum && old.modified == entry.ModRevision && old.created == entry.CreateRevision {
		return old, nil
	}
	fn, err := decodeFunction(entry)
	if err != nil {
		return nil, err
	}
	fn.Space = e.shared.intern(fn.Space)
	return &function{Function: fn, created: entry.CreateRevision, modified: entry.ModRevision, sum: sum, parts: providers.PartsOf(fn)}, nil
}

func (e *edit) applySubscription(c Change) (err error) {
	key := c.Entry.Key
	var s *subscription
	if !c.Deleted {
		s, err = e.readSubscription(c.Entry)
	}
	sp := e.space(key.Space)
	old, existed := sp.subscriptions.Get(hamt.String(key.ID))
	if existed {
		sp.use(old, -1)
	}
	if s == nil {
		if existed {
			sp.subscriptions.Delete(hamt.String(key.ID))
			e.table.Delete(&old.Subscription)
			e.delta.subscriptions = append(e.delta.subscriptions, subscriptionDelta{&old.Subscription, true})
		}
		return err
	}
	sp.subscriptions.Set(hamt.String(s.ID), s)
	sp.use(s, +1)
	e.table.Insert(&s.Subscription)
	e.delta.subscriptions = append(e.delta.subscriptions, subscriptionDelta{&s.Subscription, false})
	return nil
}

func (e *edit) readSubscription(entry Entry) (*subscription, error) {
	sum := contentSum(entry.Value)
	old := e.previous.subscription(entry.Key.Space, entry.Key.ID)
	if old != nil && old.sum == sum && old.modified == entry.ModRevision && old.CreateRevision == entry.CreateRevision {
		return old, nil
	}
	s := &subscription{modified: entry.ModRevision, sum: sum}
	if err := decodeSubscription(entry, &s.Subscription, e.shared); err != nil {
		return nil, err
	}
	return s, nil
}

// settle opens the functions that are new or changed, and returns the handles nobody will ask for any more.
func (e *edit) settle(open Opener) (retired []*providers.Handle) {
	for key := range e.delta.functions {
		var now *function
		if sp := e.spaces[key.Space]; sp != nil {
			now, _ = sp.functions.Get(hamt.String(key.ID))
		}
		handle, opened := e.previous.handles.Get(key)
		if opened && now != nil && e.previous.function(key).sum == now.sum {
			e.handles.Set(key, handle)
			continue
		}
		if opened {
			retired = append(retired, handle)
		}
		if now == nil {
			e.handles.Delete(key)
		} else {
			e.handles.Set(key, open(now.Function))
		}
	}
	return retired
}

// state returns the edited state at a revision.
func (e *edit) state(revision int64, loaded bool) *state {
	spaces := e.base.Edit()
	for name, sp := range e.spaces {
		next := &space{
			sp.version, sp.functions.Map(), sp.subscriptions.Map(), sp.eventTypes.Map(), sp.cors.Map(), sp.uses.Map(),
			sp.listeners.Map(), sp.composites.Map(),
		}
		if next.version == 0 && next.empty() {
			spaces.Delete(hamt.String(name))
		} else {
			spaces.Set(hamt.String(name), next)
		}
	}
	return &state{
		revision: revision, loaded: loaded, spaces: spaces.Map(), table: e.table.Table(), cors: e.cors.Table(),
		handles: e.handles.Map(), skipped: e.skipped.Map(), superseded: make(chan struct{}),
	}
}
