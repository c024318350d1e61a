package configapi

import (
	"context"
	"errors"
	"iter"
	"maps"
	"slices"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/internal/hamt"
	"github.com/eventgateway/eventgateway/providers"
)

// composites yields the functions of a space that consist of others, in no particular order. What a static one hides is among
// them: other instances show it.
func (m *merged) composites(space string) iter.Seq[*function] {
	return func(yield func(*function) bool) {
		for key, f := range m.statics.functions {
			if key.Space == space && f.parts != nil && !yield(f) {
				return
			}
		}
		for _, f := range m.state.space(space).composites.All() {
			if !yield(f) {
				return
			}
		}
	}
}

// composedIn returns the ids, in order, of the functions that a function is a member of.
func (m *merged) composedIn(key eventgateway.FunctionKey) []string {
	ids := map[string]struct{}{}
	for f := range m.composites(key.Space) {
		if f.ID != key.ID && slices.ContainsFunc(f.parts.Members, func(member providers.Member) bool { return member.FunctionID == key.ID }) {
			ids[f.ID] = struct{}{}
		}
	}
	return slices.Sorted(maps.Keys(ids))
}

// composes refuses a function whose members do not exist or consist of others themselves, and one that would, while it is a
// member.
func (m *merged) composes(fn *eventgateway.Function) error {
	parts := providers.PartsOf(fn)
	if parts == nil {
		return nil
	}
	for _, member := range parts.Members {
		if member.FunctionID == fn.ID {
			return eventgateway.InvalidField(member.Field, member.FunctionID, "another function than itself")
		}
		if err := m.registered(member.Field, fn.Space, member.FunctionID); err != nil {
			return err
		}
		other := m.function(eventgateway.FunctionKey{Space: fn.Space, ID: member.FunctionID})
		if providers.IsComposite(other.Type) {
			return eventgateway.InvalidField(member.Field, member.FunctionID, "a function that is not "+other.Type+" itself")
		}
	}
	if users := m.composedIn(fn.Key()); len(users) > 0 {
		return eventgateway.Errorf(eventgateway.InUse, "type: %s is not accepted: function %q is a member of %s: take it out there first",
			fn.Type, fn.ID, listUsers("function", users[:min(len(users), maxUsers)], len(users)))
	}
	return nil
}

// checkComposite refuses what a function that consists of others has no use for.
func checkComposite(fn *eventgateway.Function) error {
	if fn.Format != "" && providers.IsComposite(fn.Type) {
		return eventgateway.InvalidField("format", string(fn.Format), "none for type "+fn.Type+": each member has its own")
	}
	return nil
}

// errPassed means that a retreat does not apply any more.
var errPassed = errors.New("the function has other weights by now")

// Retreat has a stored function go back to the weights of r, for all instances. It reports false if the function does not have
// the weights any more that r leaves, or is not in the store; then nothing is written.
func (h *Handler) Retreat(ctx context.Context, r *eventgateway.Retreat) (applied bool, err error) {
	s := service{view: h.View, mirror: h.Mirror, store: h.Store}
	_, err = s.write(ctx, r.Space, func(now *merged) (Write, error) {
		f := now.function(r.Key())
		if f == nil || f.static {
			return Write{}, errPassed
		}
		fields, ok := providers.WithRetreat(f.Function, r)
		if !ok {
			return Write{}, errPassed
		}
		fn := *f.Function
		fn.Provider = fields
		return putFunction(&fn), nil
	})
	if errors.Is(err, errPassed) {
		return false, nil
	}
	return err == nil, err
}

// Retreats returns the retreats of stored functions whose weights are those they went back to, in no particular order.
func (v *View) Retreats() []*eventgateway.Retreat {
	var all []*eventgateway.Retreat
	now := v.current.Load()
	for name, sp := range now.state.spaces.All() {
		for id, f := range sp.composites.All() {
			key := eventgateway.FunctionKey{Space: string(name), ID: string(id)}
			if f.parts.Retreated == nil || now.statics.functions[key] != nil {
				continue
			}
			r := *f.parts.Retreated
			r.Space, r.FunctionID, r.To = key.Space, key.ID, f.parts.Shares
			all = append(all, &r)
		}
	}
	return all
}

// setComposite notes in a space whether a function consists of others.
func (sp *spaceEdit) setComposite(id string, f *function) {
	if f == nil || f.parts == nil {
		sp.composites.Delete(hamt.String(id))
		return
	}
	sp.composites.Set(hamt.String(id), f)
}
