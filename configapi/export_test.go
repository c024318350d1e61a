package configapi

import (
	"maps"
	"slices"

	"github.com/eventgateway/eventgateway"
)

// Routes returns the methods of every path, for the test that holds the documentation against them.
func Routes() map[string][]string {
	all := map[string][]string{}
	for _, rt := range routes {
		all[rt.pattern] = slices.Sorted(maps.Keys(rt.methods))
	}
	return all
}

// Listeners returns how many subscriptions are to exactly an event type, and their ids in order.
func Listeners(v *View, space, name string) (count int, ids []string) {
	now, id := v.current.Load(), eventgateway.CanonicalEvent(name)
	return now.listeners(space, id), slices.Sorted(now.listenersOf(space, id))
}

// Uses returns how many subscriptions name a function, and their ids in order.
func Uses(v *View, space, functionID string) (count int, ids []string) {
	now, key := v.current.Load(), eventgateway.FunctionKey{Space: space, ID: functionID}
	return now.uses(key), slices.Sorted(now.users(key))
}
