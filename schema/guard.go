package schema

import (
	"errors"
	"fmt"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// guarded is what of a schema is not left to the library: its enum, const and uniqueItems, which would be compared one by one;
// propertyNames, whose errors are at another place by the time they are read; and it spends the work that comes with the rest.
type guarded struct {
	meter *meter
	// perSchema is the work for the value itself, perMember and perItem for each one in it.
	perSchema, perMember, perItem int
	// accepted are the values of enum or const; nil if there is none. message says that a value is none of them.
	accepted [2]map[string]struct{}
	message  [2]error
	unique   bool
	names    *jsonschema.Schema
}

var errNotUnique = errors.New("two items are equal: want each only once")

// nameError is a name that propertyNames refuses.
type nameError string

func (nameError) Error() string { return "a property of this name is not accepted" }

// guard puts a guard into a schema. The library has one place where it asks others before it goes on: the format.
func guard(s *jsonschema.Schema, m *meter, applied int) {
	if s.Bool != nil {
		return
	}
	g := &guarded{meter: m, perSchema: 1 + applied, unique: s.UniqueItems, names: s.PropertyNames}
	m.tracks = m.tracks || s.UnevaluatedItems != nil || s.UnevaluatedProperties != nil
	g.perMember = len(s.PatternProperties)
	if len(s.Properties) > 0 || s.AdditionalProperties != nil || s.UnevaluatedProperties != nil {
		g.perMember++
	}
	for _, items := range []bool{s.Items != nil || s.Items2020 != nil || len(s.PrefixItems) > 0, s.Contains != nil, s.UnevaluatedItems != nil} {
		if items {
			g.perItem++
		}
	}
	names := len(s.Required)
	for _, required := range s.DependentRequired {
		names += len(required)
	}
	g.perSchema += (names + len(s.DependentRequired) + len(s.Dependencies)) / 8
	if s.Enum != nil {
		g.accept(0, s.Enum.Values)
	}
	if s.Const != nil {
		g.accept(1, []any{*s.Const})
	}
	s.Enum, s.Const, s.UniqueItems, s.PropertyNames = nil, nil, false, nil
	s.Format = &jsonschema.Format{Name: "guard", Validate: g.check}
}

func (g *guarded) accept(i int, values []any) {
	g.accepted[i] = make(map[string]struct{}, len(values))
	var shown []string
	for _, v := range values {
		g.accepted[i][string(appendKey(nil, v))] = struct{}{}
		if len(shown) <= maxShown {
			shown = append(shown, show(v))
		}
	}
	if len(shown) > maxShown {
		shown = append(shown[:maxShown], fmt.Sprintf("… (%d in all)", len(values)))
	}
	g.message[i] = errors.New("the value is not accepted: want " + strings.Join(shown, ", "))
	if len(shown) > 1 {
		g.message[i] = errors.New("the value is not accepted: want one of " + strings.Join(shown, ", "))
	}
}

// check is called before anything else of a schema but its type.
func (g *guarded) check(v any) error {
	work := g.perSchema
	switch v := v.(type) {
	case map[string]any:
		work += g.workFor(g.perMember, len(v))
	case []any:
		work += g.workFor(g.perItem, len(v))
	case string:
		work += len(v) >> 10
	}
	g.meter.spend(work)
	for i, accepted := range g.accepted {
		if accepted == nil {
			continue
		}
		var buffer [64]byte
		key := appendKey(buffer[:0], v)
		g.meter.spend(len(key) >> 4)
		if _, ok := accepted[string(key)]; !ok {
			return g.message[i]
		}
	}
	switch v := v.(type) {
	case []any:
		if g.unique {
			return g.checkUnique(v)
		}
	case map[string]any:
		if g.names != nil {
			return g.checkNames(v)
		}
	}
	return nil
}

func (g *guarded) workFor(each, n int) int {
	if g.meter.tracks {
		each += 2
	}
	return each*n + n>>3
}

// checkNames tells the first name, by its letters, that is refused.
func (g *guarded) checkNames(object map[string]any) error {
	var first *nameError
	for name := range object {
		g.meter.spend(1)
		if first != nil && *first <= nameError(name) {
			continue
		}
		if g.names.Validate(name) != nil {
			refused := nameError(name)
			first = &refused
		}
	}
	if first == nil {
		return nil
	}
	return *first
}

func (g *guarded) checkUnique(list []any) error {
	seen := make(map[string]struct{}, len(list))
	var key []byte
	for _, v := range list {
		key = appendKey(key[:0], v)
		g.meter.spend(1 + len(key)>>4)
		if _, ok := seen[string(key)]; ok {
			return errNotUnique
		}
		seen[string(key)] = struct{}{}
	}
	return nil
}
