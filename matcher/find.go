package matcher

import (
	"slices"
	"strings"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/expression"
	"github.com/eventgateway/eventgateway/internal/hamt"
)

// Query is what of a request decides which subscriptions match.
type Query struct {
	// Space is the only space to look in; empty means all spaces.
	Space string
	// Except are spaces not to look in where Space is empty: the subscriptions of others are found as if those had none.
	Except []string
	// Method is the request's method.
	Method string
	// Path is the request's path as escaped on the wire (url.URL.EscapedPath).
	Path string
	// Event is the event type. Subscriptions whose event name ends in a * match it too, if it begins as they do before the *; but
	// http and invoke only match by their names, and a system event only "gateway.*" and longer.
	Event string
	// FunctionID is the function an invoke event is for: only its subscriptions match. Other events ignore it.
	FunctionID string
	// Input is the event, for filters. Find sets its path parameters, whose expressions they are, and whether others wait. Without it, subscriptions with a filter do not match.
	Input *expression.Input
	// AllFilters takes every filter as matched, for what is asked before there is an event, such as a preflight.
	AllFilters bool
}

// Target is a subscription that matches, with the path parameters it gets.
type Target struct {
	Subscription *eventgateway.Subscription
	// Params are shared by the targets of one pattern, so they must not be changed.
	Params eventgateway.PathParams
}

// Match is what Find found. One Match may be used again for many calls, to save allocations.
type Match struct {
	// Sync is the subscription that answers; its Subscription is nil when there is none. Where several claim the
	// request (in different spaces, or one static), the oldest has it: lowest CreateRevision, then lowest ID, then space.
	Sync Target
	// Async are the subscriptions that receive the event, in no particular order.
	Async []Target
	// Failed are the subscriptions whose filter could not be evaluated, in no particular order: they do not match.
	Failed []Failure
	// Undecided tells that there are subscriptions with a filter for the method, path and event type of a Query without Input.
	Undecided bool

	found  found
	finder finder
}

// Reset empties m and keeps its memory.
func (m *Match) Reset() {
	m.Sync = Target{}
	clear(m.Async)
	m.Async = m.Async[:0]
	clear(m.Failed)
	m.Failed, m.Undecided = m.Failed[:0], false
}

func (m *Match) add(s *eventgateway.Subscription, params eventgateway.PathParams) {
	if s.Type != eventgateway.Sync {
		m.Async = append(m.Async, Target{s, params})
	} else if m.Sync.Subscription == nil || older(s, m.Sync.Subscription) < 0 {
		m.Sync = Target{s, params}
	}
}

// addLeaf adds the subscriptions of one pattern of a space.
func (m *Match) addLeaf(w *walk, space string) {
	l, params := w.leaf, w.params
	if l.sole != nil {
		m.add(l.sole, params)
		return
	}
	for _, s := range l.crowd.sync {
		if !isFiltered(s) || w.allFilters {
			m.add(s, params)
			break
		}
	}
	for _, s := range l.crowd.async.All() {
		m.Async = append(m.Async, Target{s, params})
	}
	switch {
	case l.crowd.filtered.len() == 0:
	case w.allFilters:
		for _, f := range l.crowd.filtered.ids.All() {
			m.add(f.subscription, params)
		}
	case w.input == nil:
		m.Undecided = true
	default:
		w.input.SetSpace(space)
		l.crowd.filtered.find(w.input, params, m)
	}
}

// Shared reports whether the events of a query for a space may be for several; the empty one stands for all.
func (t *Table) Shared(space string) bool { return t != nil && space == "" && t.spaces.many != nil }

// Find fills m (which it resets first) with the subscriptions that match q and reports whether there are any. When there
// are none it does not allocate, except to decode a path with percent-encoding.
func (t *Table) Find(q *Query, m *Match) bool {
	m.Reset()
	if t.Len() == 0 {
		return false
	}
	if q.Input != nil {
		q.Input.SetShared(t.Shared(q.Space))
	}
	w := walk{input: q.Input, allFilters: q.AllFilters, except: q.Except}
	if !w.path.parse(q.Path) {
		return false
	}
	from := channelOf(q.Method, q.Event, q.FunctionID)
	t.findOn(from, q.Space, &w, m)
	if t.wildcards != nil && from.event != eventgateway.EventHTTP && from.event != eventgateway.EventInvoke {
		t.findWildcards(from, q.Space, &w, m)
	}
	return m.Sync.Subscription != nil || len(m.Async) > 0
}

// findOn looks on one channel, in a space or, if it is empty, in all.
func (t *Table) findOn(from channel, space string, w *walk, m *Match) {
	if space != "" {
		t.findIn(listener{from, space}, w, m)
	} else {
		t.findInAll(from, w, m)
	}
}

// findWildcards looks on the channels whose event name has a * and fits the event.
func (t *Table) findWildcards(from channel, space string, w *walk, m *Match) {
	name, rest := from.event, from.event
	for at := t.wildcards; strings.HasPrefix(rest, at.label); {
		if rest = rest[len(at.label):]; fits(at.pattern, name) {
			from.event = at.pattern
			t.findOn(from, space, w, m)
		}
		if rest == "" {
			return
		}
		i, ok := at.child(rest[0])
		if !ok {
			return
		}
		at = at.children[i]
	}
}

func (t *Table) findIn(in listener, w *walk, m *Match) {
	if trie, _ := t.tries.Get(in); w.find(trie, 0, 0) {
		m.addLeaf(w, in.space)
	}
}

// findInAll looks in the spaces that have patterns beginning as the path does. A space may have such patterns of several
// depths, but only one that matches first, and only the place of that one gives the space's match.
func (t *Table) findInAll(from channel, w *walk, m *Match) {
	on, _ := t.places.channels.Get(from)
	if on.spaces.many == nil {
		if !w.leavesOut(on.spaces.sole) {
			t.findIn(listener{from, on.spaces.sole}, w, m)
		}
		return
	}
	hash, hashed := from.placeHash(), 0
	for _, d := range on.depths {
		if d.static > w.path.len || d.exact != (d.static == w.path.len) {
			continue
		}
		for ; hashed < d.static; hashed++ {
			hash = hash.add(w.path.segment(hashed))
		}
		found, _ := t.places.spaces.Get(hash.place(d.exact))
		if found.many == nil {
			t.findAt(d, listener{from, found.sole}, w, m)
		}
		for space := range found.many.All() {
			t.findAt(d, listener{from, string(space)}, w, m)
		}
	}
}

func (t *Table) findAt(d depth, in listener, w *walk, m *Match) {
	if w.leavesOut(in.space) {
		return
	}
	if trie, _ := t.tries.Get(in); w.find(trie, 0, 0) && w.static == d.static {
		m.addLeaf(w, in.space)
	}
}

// walk looks for a path in a trie. All but path, input, allFilters and except is what it found.
type walk struct {
	path path
	leaf leaf
	// input is the event, for the filters of the leaf.
	input *expression.Input
	// allFilters takes them all as matched.
	allFilters bool
	// except are the spaces not to look in.
	except []string
	// params are the parameters of the pattern.
	params eventgateway.PathParams
	// static is the number of static segments it starts with.
	static int
}

func (w *walk) leavesOut(space string) bool {
	return len(w.except) > 0 && slices.Contains(w.except, space)
}

// find looks below n for the first pattern that matches the path from segment i on, and reports whether there is one. At
// each segment a static edge comes before a parameter and that before a wildcard; where one leads nowhere the next is
// tried. params is the number of parameters above n.
//
// Without conflicts there never are two ways to go on, except for an empty segment; with them, there are no more steps
// than the trie has nodes.
func (w *walk) find(n node, i, params int) bool {
	switch {
	case n.more == nil:
		return n.sole != nil && w.tail(n.sole, i, params)
	case i == w.path.len:
		return w.end(n, params)
	}
	segment, edges := w.path.segment(i), n.more.edges
	if edges.none() {
		return w.follow(n.more.edge, n.more.child, i, params)
	}
	if child, ok := edges.static.Get(hamt.String(segment)); ok && w.find(child, i+1, params) {
		return true
	}
	for _, edge := range edges.params() {
		if w.follow(eventgateway.Segment{Kind: eventgateway.Param, Text: edge.name}, edge.node, i, params) {
			return true
		}
	}
	if all := edges.wildcards(); len(all) > 0 {
		return w.follow(eventgateway.Segment{Kind: eventgateway.Wildcard, Text: all[0].name}, all[0].node, i, params)
	}
	return false
}

// follow is find through one edge.
func (w *walk) follow(edge eventgateway.Segment, child node, i, params int) bool {
	value := w.path.segment(i)
	switch edge.Kind {
	case eventgateway.Static:
		return edge.Text == value && w.find(child, i+1, params)
	case eventgateway.Param:
		if value == "" || !w.find(child, i+1, params+1) {
			return false
		}
	case eventgateway.Wildcard:
		value = w.path.rest(i)
		w.end(child, params+1)
	}
	// Going back up from the leaf: what is set last is the first parameter.
	w.params[params] = eventgateway.PathParam{Name: edge.Text, Value: value}
	w.static = i
	return true
}

// end takes the leaf of n, if it has one.
func (w *walk) end(n node, params int) bool {
	if w.leaf = n.leaf(); w.leaf.empty() {
		return false
	}
	w.params, w.static = nil, w.path.len
	if params > 0 {
		w.params = make(eventgateway.PathParams, params)
	}
	return true
}
