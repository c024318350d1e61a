package providers

import (
	"encoding/json"

	"github.com/eventgateway/eventgateway"
)

// Composite is implemented by providers whose functions have other functions of their space as members; their Invoker is a
// Router. The gateway keeps some of their fields itself: Check gives them to Succeed.
type Composite interface {
	// Members returns the functions that it names, each once: those must exist in its space, may not be composite themselves, and
	// cannot be deleted.
	Members() []Member
	// Succeed fills in the fields that the gateway keeps, whatever stands in them, and brings the others into canonical form.
	// previous is what is replaced, of the same type; nil for a new function.
	Succeed(previous Provider)
	// Shares returns how the calls are shared among those that answer.
	Shares() []eventgateway.Share
	// WentBack returns what the function has retreated from; nil when it stands as it was written.
	WentBack() *eventgateway.Retreat
	// GoBack makes the retreat r of the fields. It reports false if it does not apply to them any more.
	GoBack(r *eventgateway.Retreat) bool
}

// Member is a function that is part of another, and the field it is named in first.
type Member struct{ Field, FunctionID string }

// Parts is what the gateway has to know of a function that consists of others.
type Parts struct {
	Members []Member
	Shares  []eventgateway.Share
	// Retreated is what the function has retreated from; nil when it stands as it was written.
	Retreated *eventgateway.Retreat
}

// PartsOf returns the parts of a function; nil when it does not consist of others, or its fields cannot be read.
func PartsOf(fn *eventgateway.Function) (parts *Parts) {
	defer func() {
		if recover() != nil {
			parts = nil
		}
	}()
	if !IsComposite(fn.Type) {
		return nil
	}
	p, err := decode(fn)
	if err != nil {
		return nil
	}
	c := p.(Composite)
	parts = &Parts{Members: c.Members(), Shares: c.Shares(), Retreated: c.WentBack()}
	for i := range parts.Members {
		parts.Members[i].Field = "provider." + parts.Members[i].Field
	}
	return parts
}

// IsComposite reports whether functions of a type consist of others.
func IsComposite(typ string) bool {
	_, ok := newProvider(typ).(Composite)
	return ok
}

// WithRetreat returns the fields of a function after a retreat; false if it does not apply to the function any more.
func WithRetreat(fn *eventgateway.Function, r *eventgateway.Retreat) (fields json.RawMessage, ok bool) {
	defer func() {
		if recover() != nil {
			fields, ok = nil, false
		}
	}()
	p, err := decode(fn)
	if err != nil {
		return nil, false
	}
	c, isComposite := p.(Composite)
	if !isComposite || !c.GoBack(r) {
		return nil, false
	}
	fields, err = encode(p)
	return fields, err == nil
}

// succeed has a composite provider take over from the function it replaces, which may be nil.
func succeed(p Provider, typ string, previous *eventgateway.Function) {
	c, ok := p.(Composite)
	if !ok {
		return
	}
	var before Provider
	if previous != nil && previous.Type == typ {
		before, _ = decode(previous)
	}
	c.Succeed(before)
}
