package configapi

import "iter"

// Counts are the numbers of resources of a space.
type Counts struct{ Functions, Subscriptions, EventTypes, CORS int }

// Counts yields the numbers of resources of every space, in no particular order. It costs one step per space and static
// resource, however many resources the store holds. A space all of whose resources are gone is still yielded, so that
// its gauges go to 0.
func (v *View) Counts() iter.Seq2[string, Counts] { return v.current.Load().counts }

func (m *merged) counts(yield func(string, Counts) bool) {
	own := map[string]Counts{}
	for key := range m.statics.functions {
		c := own[key.Space]
		if m.state.function(key) == nil {
			c.Functions++
		}
		own[key.Space] = c
	}
	for key := range m.statics.subscriptions {
		c := own[key.space]
		if m.state.subscription(key.space, key.id) == nil {
			c.Subscriptions++
		}
		own[key.space] = c
	}
	for key := range m.statics.eventTypes {
		c := own[key.space]
		if m.state.eventType(key.space, key.id) == nil {
			c.EventTypes++
		}
		own[key.space] = c
	}
	for key := range m.statics.cors {
		c := own[key.space]
		if m.state.corsResource(key.space, key.id) == nil {
			c.CORS++
		}
		own[key.space] = c
	}
	for name, sp := range m.state.spaces.All() {
		c := own[string(name)]
		delete(own, string(name))
		c.Functions += sp.functions.Len()
		c.Subscriptions += sp.subscriptions.Len()
		c.EventTypes += sp.eventTypes.Len()
		c.CORS += sp.cors.Len()
		if !yield(string(name), c) {
			return
		}
	}
	for name, c := range own {
		if !yield(name, c) {
			return
		}
	}
}
