package configapi

import (
	"maps"
	"slices"
)

// Routes returns the methods of every path, for the test that holds the documentation against them.
func Routes() map[string][]string {
	all := map[string][]string{}
	for _, rt := range routes {
		all[rt.pattern] = slices.Sorted(maps.Keys(rt.methods))
	}
	return all
}
