package expression

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/eventgateway/eventgateway"
)

// Schema is a JSON Schema as far as it tells which properties data may have. It is used by one goroutine.
type Schema struct {
	root any
	// siblings tells that a $ref has keywords beside it, as since draft 2019-09.
	siblings bool
	left     int
}

// maxSchemaSteps bounds how many subschemas are looked at for one path. What would take more is taken to allow all.
const maxSchemaSteps = 2000

// NewSchema returns the schema, nil if there is none.
func NewSchema(source json.RawMessage) *Schema {
	if len(source) == 0 {
		return nil
	}
	decoder := json.NewDecoder(bytes.NewReader(source))
	decoder.UseNumber()
	s := &Schema{siblings: true}
	if decoder.Decode(&s.root) != nil {
		return nil
	}
	if root, ok := s.root.(map[string]any); ok {
		draft, _ := root["$schema"].(string)
		s.siblings = !strings.Contains(draft, "/draft-0")
	}
	return s
}

// Lacks says why no data can have, or is meant to have, what a path of names leads to; it is empty if data may have it, or there is no
// schema. An object that lists properties and does not say that it may have others is taken to have none. lists tells that an element
// of a list is meant where a list is, as in patterns.
func (s *Schema) Lacks(path []string, lists bool) string {
	if s == nil {
		return ""
	}
	s.left = maxSchemaSteps
	at := schemas{s.root}
	for i, name := range path {
		if name == element {
			at = s.elements(at)
			continue
		}
		if lists {
			at = append(at, s.elements(at)...)
		}
		v := s.anyOf(at, name)
		switch {
		case s.left <= 0:
			return ""
		case !v.refused && (v.mentioned || v.open):
			at = v.below
		case v.refused, len(v.known) > 0:
			shown := eventgateway.Quote(pathText(path[:i+1]))
			if len(v.known) == 0 {
				return shown + ": the schema of the event type has no such property"
			}
			return shown + ": the schema of the event type has no such property: want one of " + listNames(v.known)
		default:
			return ""
		}
	}
	return ""
}

// pathText writes a path below data as an expression would.
func pathText(path []string) string {
	return strings.ReplaceAll("data."+strings.Join(path, "."), "."+element, "[]")
}

// listNames lists names by their letters.
func listNames(known map[string]bool) string {
	const most = 20
	names := slices.Sorted(maps.Keys(known))
	if len(names) > most {
		names = append(names[:most], fmt.Sprintf("… (%d in all)", len(known)))
	}
	return strings.Join(names, ", ")
}

// schemas are alternatives: one of them is a value's.
type schemas []any

// verdict is what a schema says of a property.
type verdict struct {
	// refused: no object has it. open: objects may have properties that are not named. mentioned: it is named.
	refused, open, mentioned bool
	// known are the properties that are named.
	known map[string]bool
	// below are the schemas of its value; none means any value.
	below schemas
}

func (v *verdict) name(all map[string]any) {
	if v.known == nil {
		v.known = map[string]bool{}
	}
	for name := range all {
		v.known[name] = true
	}
}

// anyOf is the verdict of alternatives: what one of them allows is allowed.
func (s *Schema) anyOf(alternatives []any, name string) verdict {
	out := verdict{refused: len(alternatives) > 0}
	for _, alternative := range alternatives {
		v := s.of(alternative, name)
		out.refused = out.refused && v.refused
		if !v.refused {
			out.open, out.mentioned = out.open || v.open, out.mentioned || v.mentioned
			out.below = append(out.below, v.below...)
		}
		for known := range v.known {
			out.name(map[string]any{known: nil})
		}
	}
	return out
}

// and adds what another schema says of the same object.
func (v *verdict) and(other verdict) {
	v.refused, v.mentioned, v.open = v.refused || other.refused, v.mentioned || other.mentioned, v.open || other.open
	v.below = append(v.below, other.below...)
	for known := range other.known {
		v.name(map[string]any{known: nil})
	}
}

// of is the verdict of one schema.
func (s *Schema) of(schema any, name string) verdict {
	if s.left--; s.left <= 0 {
		return verdict{open: true}
	}
	keywords, ok := schema.(map[string]any)
	if !ok {
		return verdict{refused: schema == false, open: schema != false}
	}
	if ref, ok := keywords["$ref"].(string); ok {
		v := verdict{open: true}
		if target, found := s.resolve(ref); found {
			v = s.of(target, name)
		}
		if s.siblings {
			v.and(s.own(keywords, name))
		}
		return v
	}
	v := s.own(keywords, name)
	if saysNothing(keywords) {
		v.open = true
	}
	return v
}

// own is the verdict of a schema but for its $ref.
func (s *Schema) own(keywords map[string]any, name string) (v verdict) {
	v = s.properties(keywords, name)
	if !mayBe(keywords, "object") {
		v.refused = true
	}
	for _, also := range elementsOf(keywords["allOf"]) {
		v.and(s.of(also, name))
	}
	for _, keyword := range []string{"anyOf", "oneOf"} {
		if alternatives := elementsOf(keywords[keyword]); alternatives != nil {
			v.and(s.anyOf(alternatives, name))
		}
	}
	// What holds in some cases names properties, and refuses none.
	var sometimes []any
	for _, keyword := range []string{"if", "then", "else"} {
		if some, ok := keywords[keyword]; ok {
			sometimes = append(sometimes, some)
		}
	}
	for _, keyword := range []string{"dependentSchemas", "dependencies"} {
		for _, some := range membersOf(keywords[keyword]) {
			if membersOf(some) != nil {
				sometimes = append(sometimes, some)
			}
		}
	}
	for _, some := range sometimes {
		if in := s.of(some, name); in.mentioned && !in.refused || len(in.known) > 0 {
			in.refused, in.open = false, false
			v.and(in)
		}
	}
	for _, dynamic := range []string{"$dynamicRef", "$recursiveRef"} {
		if _, ok := keywords[dynamic]; ok {
			v.open = true
		}
	}
	return v
}

// properties is the verdict of properties, patternProperties and additionalProperties.
func (s *Schema) properties(keywords map[string]any, name string) (v verdict) {
	named := membersOf(keywords["properties"])
	v.name(named)
	if below, ok := named[name]; ok {
		v.mentioned, v.below = true, append(v.below, below)
	}
	for pattern, below := range membersOf(keywords["patternProperties"]) {
		s.left -= 10
		if expression, err := regexp.Compile(pattern); err != nil || expression.MatchString(name) {
			v.mentioned, v.below = true, append(v.below, below)
		}
	}
	more, ok := keywords["additionalProperties"]
	if !ok {
		if more, ok = keywords["unevaluatedProperties"]; more == false {
			ok = false // what else is named counts, and that is what and does
		}
	}
	switch {
	case !ok:
	case more == false:
		v.refused = !v.mentioned
	default:
		if v.open = true; !v.mentioned {
			v.below = append(v.below, more)
		}
	}
	return v
}

// saysNothing reports whether a schema allows all properties by naming none.
func saysNothing(keywords map[string]any) bool {
	for keyword := range keywords {
		switch keyword {
		case "type", "title", "description", "$comment", "default", "examples", "deprecated", "readOnly", "writeOnly",
			"$id", "$schema", "$anchor", "$dynamicAnchor", "$defs", "definitions":
		default:
			return false
		}
	}
	return mayBe(keywords, "object")
}

// mayBe reports whether a schema allows values of a type.
func mayBe(keywords map[string]any, typ string) bool {
	switch types := keywords["type"].(type) {
	case string:
		return types == typ
	case []any:
		return slices.Contains(types, any(typ))
	}
	return true
}

// elements are the schemas of the elements of lists; none means any.
func (s *Schema) elements(of schemas) (all schemas) {
	for _, schema := range of {
		if s.left--; s.left <= 0 {
			return nil
		}
		keywords := membersOf(schema)
		if keywords == nil || !mayBe(keywords, "array") {
			continue
		}
		if ref, ok := keywords["$ref"].(string); ok {
			if target, found := s.resolve(ref); found {
				all = append(all, s.elements(schemas{target})...)
			}
		}
		for _, keyword := range []string{"items", "additionalItems", "unevaluatedItems"} {
			if one, ok := keywords[keyword].(map[string]any); ok {
				all = append(all, one)
			}
		}
		all = append(append(all, elementsOf(keywords["prefixItems"])...), elementsOf(keywords["items"])...)
		for _, keyword := range []string{"allOf", "anyOf", "oneOf"} {
			all = append(all, s.elements(elementsOf(keywords[keyword]))...)
		}
	}
	return all
}

// resolve follows a reference within the document, as in "#/$defs/address".
func (s *Schema) resolve(ref string) (any, bool) {
	pointer, ok := strings.CutPrefix(ref, "#")
	if !ok || pointer != "" && pointer[0] != '/' {
		return nil, false
	}
	at := s.root
	for name := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		if pointer == "" {
			break
		}
		name = strings.NewReplacer("~1", "/", "~0", "~").Replace(name)
		if i, err := strconv.Atoi(name); err == nil && i >= 0 && i < len(elementsOf(at)) {
			at = elementsOf(at)[i]
			continue
		}
		if at, ok = membersOf(at)[name]; !ok {
			return nil, false
		}
	}
	return at, true
}

func membersOf(v any) map[string]any {
	o, _ := v.(map[string]any)
	return o
}

func elementsOf(v any) []any {
	l, _ := v.([]any)
	return l
}
