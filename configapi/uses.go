package configapi

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/internal/hamt"
)

// use adds n to the number of subscriptions of the functions that s names, and of its event type.
func (sp *spaceEdit) use(s *subscription, n int) {
	for id := range s.functions {
		addTo(sp.uses, id, n)
	}
	if !eventgateway.IsEventPattern(s.Event) {
		addTo(sp.listeners, eventgateway.CanonicalEvent(s.Event), n)
	}
}

func addTo(counts *hamt.Editor[hamt.String, int], name string, n int) {
	key := hamt.String(name)
	count, _ := counts.Get(key)
	if count += n; count == 0 {
		counts.Delete(key)
	} else {
		counts.Set(key, count)
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

// listeners returns how many subscriptions are to exactly an event type. What a static one hides counts too: other instances
// show it.
func (m *merged) listeners(space, id string) int {
	count, _ := m.state.space(space).listeners.Get(hamt.String(id))
	for range m.staticListeners(space, id) {
		count++
	}
	return count
}

// listenersOf yields the ids of the subscriptions that listeners counts, in no particular order.
func (m *merged) listenersOf(space, id string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for subscription := range m.staticListeners(space, id) {
			if !yield(subscription) {
				return
			}
		}
		for subscription, s := range m.state.space(space).subscriptions.All() {
			if s.listensTo(id) && !yield(string(subscription)) {
				return
			}
		}
	}
}

// staticListeners yields the ids of the static subscriptions to exactly an event type that hide none. What they hide has
// their identity, and with it their event type.
func (m *merged) staticListeners(space, id string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for at, s := range m.statics.subscriptions {
			counts := at.space == space && s.listensTo(id) && m.state.subscription(at.space, at.id) == nil
			if counts && !yield(at.id) {
				return
			}
		}
	}
}

// listensTo reports whether the subscription is to exactly the event type of an ID.
func (s *subscription) listensTo(id string) bool {
	return !eventgateway.IsEventPattern(s.Event) && eventgateway.CanonicalEvent(s.Event) == id
}

// authorized returns the names, in order, of the event types that a function is the authorizer of. What a static one hides
// counts too.
func (m *merged) authorized(key eventgateway.FunctionKey) []string {
	names := map[string]struct{}{}
	for at, t := range m.statics.eventTypes {
		if at.space == key.Space && t.AuthorizerID == key.ID {
			names[t.Name] = struct{}{}
		}
	}
	for _, t := range m.state.space(key.Space).eventTypes.All() {
		if t.AuthorizerID == key.ID {
			names[t.Name] = struct{}{}
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// unused refuses a function that is in use, and tells by whom.
func (m *merged) unused(key eventgateway.FunctionKey) error {
	var users []string
	if count := m.uses(key); count > 0 {
		users = append(users, "by "+listUsers("subscription", smallest(m.users(key), count), count))
	}
	if names := m.authorized(key); len(names) > 0 {
		shown := make([]string, min(len(names), maxUsers))
		for i := range shown {
			shown[i] = eventgateway.Quote(names[i])
		}
		users = append(users, "as authorizer by "+listUsers("event type", shown, len(names)))
	}
	if ids := m.composedIn(key); len(ids) > 0 {
		users = append(users, "as a member by "+listUsers("function", ids[:min(len(ids), maxUsers)], len(ids)))
	}
	if len(users) == 0 {
		return nil
	}
	return eventgateway.Errorf(eventgateway.InUse, "function %q is in use %s: delete what uses it first",
		key.ID, strings.Join(users, ", and "))
}

// maxUsers is how many users of one kind an InUse error names.
const maxUsers = 5

// smallest returns the first ids in order, maxUsers at most, of count that ids yields.
func smallest(ids iter.Seq[string], count int) []string {
	var first []string
	found := 0
	for id := range ids {
		at, _ := slices.BinarySearch(first, id)
		first = slices.Insert(first, at, id)
		first = first[:min(len(first), maxUsers)]
		if found++; found == count {
			break
		}
	}
	return first
}

// listUsers names some of count users of a kind.
func listUsers(kind string, ids []string, count int) string {
	switch {
	case count == 1:
		return kind + " " + strings.Join(ids, ", ")
	case count <= len(ids):
		return fmt.Sprintf("%d %ss: %s", count, kind, strings.Join(ids, ", "))
	default:
		return fmt.Sprintf("%d %ss, among them %s", count, kind, strings.Join(ids, ", "))
	}
}
