// Package matcher finds the subscriptions of an event: a pure function of a table and a query.
package matcher

import (
	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/internal/hamt"
)

// Table holds subscriptions by space, method, event type and path. It is immutable; the nil table is empty.
type Table struct {
	tries  *hamt.Map[listener, node]
	places places
	// spaces are all that have subscriptions.
	spaces spaces
	// wildcards are the event names with a *, of all spaces.
	wildcards *wildcards
	system    systemListeners
	len       int
}

// Len returns the number of subscriptions.
func (t *Table) Len() int {
	if t == nil {
		return 0
	}
	return t.len
}

// Insert returns a table with s, which replaces one of the same space and ID. s must be valid and must not be changed
// afterwards; its ID is the one that goes with its route, as eventgateway.Subscription.Normalize gives it. Conflicting
// subscriptions are accepted: what matches then is still determined by the table's content alone.
func (t *Table) Insert(s *eventgateway.Subscription) *Table {
	e := t.change(nil)
	e.Insert(s)
	return &e.table
}

// Delete returns a table without s, found by its space, ID and route; t itself if it has none.
func (t *Table) Delete(s *eventgateway.Subscription) *Table {
	e := t.change(nil)
	e.Delete(s)
	if e.table.len == t.Len() {
		return t
	}
	return &e.table
}

// Edit returns an editor for many changes at once.
func (t *Table) Edit() *Editor { return t.change(new(hamt.Owner)) }

func (t *Table) change(owner *hamt.Owner) *Editor {
	if t == nil {
		t = &Table{}
	}
	return &Editor{owner, *t}
}

// Editor changes a copy of a table; the table it came from stays as it is. It is used by one goroutine.
type Editor struct {
	owner *hamt.Owner
	table Table
}

// Insert adds s as Table.Insert does. A subscription whose path is not a valid pattern matches nothing and is left out.
func (e *Editor) Insert(s *eventgateway.Subscription) {
	segments, err := eventgateway.ParsePath(s.Path)
	if err != nil {
		return
	}
	t, key := &e.table, listenerOf(s)
	root, _ := t.tries.Get(key)
	root, replaced := root.insert(e.owner, segments, 0, s)
	t.tries = t.tries.With(e.owner, key, root)
	if !replaced {
		t.count(e.owner, key, segments, 1)
	}
}

// Delete removes s as Table.Delete does.
func (e *Editor) Delete(s *eventgateway.Subscription) {
	segments, err := eventgateway.ParsePath(s.Path)
	if err != nil {
		return
	}
	t, key := &e.table, listenerOf(s)
	root, _ := t.tries.Get(key)
	root, removed := root.remove(e.owner, segments, 0, s)
	if !removed {
		return
	}
	if root.empty() {
		t.tries = t.tries.Without(e.owner, key)
	} else {
		t.tries = t.tries.With(e.owner, key, root)
	}
	t.count(e.owner, key, segments, -1)
}

// count notes that there is a subscription more or less.
func (t *Table) count(owner *hamt.Owner, l listener, segments []eventgateway.Segment, change int) {
	t.len += change
	t.places = t.places.add(owner, l, segments, change)
	if t.spaces.add(owner, l.space, change); t.spaces.empty() {
		t.spaces = spaces{}
	}
	t.system.add(l.event, change)
	if isWildcard(l.event) {
		t.wildcards = t.wildcards.change(l.event, change)
	}
}

// Len returns the number of subscriptions as it is now.
func (e *Editor) Len() int { return e.table.len }

// Table returns the table as it is now; later edits do not change it.
func (e *Editor) Table() *Table {
	e.owner = new(hamt.Owner)
	t := e.table
	return &t
}
