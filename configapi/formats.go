package configapi

import (
	"slices"

	"github.com/eventgateway/eventgateway"
)

// formatsFit refuses a subscription to another event than http if the format of a function it names is for http events only.
// function finds a function; nil for one that is not known.
func formatsFit(sub *eventgateway.Subscription, function func(eventgateway.FunctionKey) *function) error {
	if eventgateway.CanonicalEvent(sub.Event) == eventgateway.EventHTTP {
		return nil
	}
	field := "functionId"
	for id := range (&subscription{Subscription: *sub}).functions {
		if f := function(eventgateway.FunctionKey{Space: sub.Space, ID: id}); f != nil && f.Format.OnlyHTTP() {
			return eventgateway.Errorf(eventgateway.Invalid,
				"%s: function %q has the format %s, which is for http events only, and event %s is none: want a function of another format",
				field, id, f.Format, eventgateway.Quote(sub.Event))
		}
		field = "delivery.deadLetter"
	}
	return nil
}

// usersFit refuses a function whose format is for http events only, while subscriptions to other events name it. old is what
// it was so far; nil where there was none.
func (m *merged) usersFit(fn, old *eventgateway.Function) error {
	if !fn.Format.OnlyHTTP() || old != nil && old.Format.OnlyHTTP() || m.uses(fn.Key()) == 0 {
		return nil
	}
	var ids []string
	for s := range m.subscriptionsOf(fn.Space) {
		if s.uses(fn.ID) && eventgateway.CanonicalEvent(s.Event) != eventgateway.EventHTTP {
			ids = append(ids, s.ID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	slices.Sort(ids)
	event := m.subscription(fn.Space, ids[0]).Event
	return eventgateway.Errorf(eventgateway.InUse,
		"format: %s is for http events only, and function %q gets others, such as %s, by %s: want another format, or delete what uses it first",
		fn.Format, fn.ID, eventgateway.Quote(event), listUsers("subscription", ids[:min(len(ids), maxUsers)], len(ids)))
}
