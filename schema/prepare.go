package schema

import (
	"iter"
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// maxChain is how many schemas may apply to one value, each because of the one before.
const maxChain = 64

// schemas puts a guard into each schema that can be reached.
type schemas struct {
	meter *meter
	// anchored are those with a $dynamicAnchor.
	anchored []*jsonschema.Schema
	// lengths are the lengths of the longest chains of schemas for one value, by their first; 0 while it is looked for.
	lengths map[*jsonschema.Schema]int
	queue   []*jsonschema.Schema
}

func (all *schemas) prepare(root *jsonschema.Schema) error {
	all.queue = append(slices.Clone(all.anchored), root)
	for len(all.queue) > 0 {
		s := all.queue[len(all.queue)-1]
		all.queue = all.queue[:len(all.queue)-1]
		if _, err := all.chain(s, 1); err != nil {
			return err
		}
	}
	return nil
}

// chain returns the length of the longest chain of schemas that begins with s, which is so deep in one.
func (all *schemas) chain(s *jsonschema.Schema, depth int) (int, error) {
	switch length, known := all.lengths[s]; {
	case known && length == 0:
		return 0, invalid("%s: not accepted: it refers to itself without going down in the data", schemaLocation(s.Location))
	case known:
		return length, nil
	case depth > maxChain:
		return 0, invalid("%s: not accepted: more than %d schemas apply to one value through each other", schemaLocation(s.Location), maxChain)
	}
	all.lengths[s] = 0
	longest, applied := 0, 0
	for next := range all.inPlace(s) {
		length, err := all.chain(next, depth+1)
		if err != nil {
			return 0, err
		}
		longest = max(longest, length)
		applied++
	}
	if longest++; longest > maxChain {
		return 0, invalid("%s: not accepted: more than %d schemas apply to one value through each other", schemaLocation(s.Location), maxChain)
	}
	all.lengths[s] = longest
	for next := range below(s) {
		if _, known := all.lengths[next]; !known {
			all.queue = append(all.queue, next)
		}
	}
	guard(s, all.meter, applied)
	return longest, nil
}

// inPlace yields the schemas that s applies to the value it is applied to itself.
func (all *schemas) inPlace(s *jsonschema.Schema) iter.Seq[*jsonschema.Schema] {
	list := slices.Concat([]*jsonschema.Schema{s.Ref, s.RecursiveRef, s.Not, s.If, s.Then, s.Else}, s.AllOf, s.AnyOf, s.OneOf)
	if s.DynamicRef != nil {
		list = append(list, s.DynamicRef.Ref)
		for _, target := range all.anchored {
			if target.DynamicAnchor == s.DynamicRef.Anchor {
				list = append(list, target)
			}
		}
	}
	for _, dependent := range s.DependentSchemas {
		list = append(list, dependent)
	}
	for _, dependent := range s.Dependencies {
		list = appendSchema(list, dependent)
	}
	return present(list)
}

// below yields the schemas that s applies to values below.
func below(s *jsonschema.Schema) iter.Seq[*jsonschema.Schema] {
	list := []*jsonschema.Schema{s.PropertyNames, s.UnevaluatedProperties, s.Contains, s.Items2020, s.UnevaluatedItems}
	list = append(list, s.PrefixItems...)
	for _, property := range s.Properties {
		list = append(list, property)
	}
	for _, property := range s.PatternProperties {
		list = append(list, property)
	}
	for _, some := range []any{s.AdditionalProperties, s.AdditionalItems, s.Items} {
		list = appendSchema(list, some)
	}
	return present(list)
}

// appendSchema appends what may be a schema, a list of them, or something else.
func appendSchema(list []*jsonschema.Schema, some any) []*jsonschema.Schema {
	switch some := some.(type) {
	case *jsonschema.Schema:
		return append(list, some)
	case []*jsonschema.Schema:
		return append(list, some...)
	}
	return list
}

func present(list []*jsonschema.Schema) iter.Seq[*jsonschema.Schema] {
	return func(yield func(*jsonschema.Schema) bool) {
		for _, s := range list {
			if s != nil && !yield(s) {
				return
			}
		}
	}
}
