package expression

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"

	"github.com/eventgateway/eventgateway"
)

// check refuses what cannot be in the events of a scope.
func (s Scope) check(field string, a *cel.Ast) error {
	if s.Event == "" && len(s.Schema) == 0 {
		return nil
	}
	noRequest := s.Event != "" && !strings.Contains(s.Event, "*") && eventgateway.CanonicalEvent(s.Event) != eventgateway.EventHTTP
	var root schema
	if len(s.Schema) > 0 {
		root = schema{raw: s.Schema, root: s.Schema}
	}
	var problem error
	report := func(e ast.Expr, format string, args ...any) {
		if problem == nil {
			at := a.NativeRep().SourceInfo().GetStartLocation(e.ID())
			text := eventgateway.Errorf(eventgateway.Invalid, format, args...).Message
			problem = eventgateway.Errorf(eventgateway.Invalid, "%s: %d:%d: %s", field, max(at.Line(), 1), max(at.Column(), 0)+1, text)
		}
	}
	ast.PostOrderVisit(a.NativeRep().Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if noRequest && e.Kind() == ast.IdentKind && e.AsIdent() == "request" {
			report(e, "request: only http events have it: want event or data for event %s", eventgateway.Quote(s.Event))
		}
		path := names(e)
		if e.Kind() == ast.SelectKind && e.AsSelect().IsTestOnly() {
			if path = names(e.AsSelect().Operand()); path != nil {
				path = append(path, e.AsSelect().FieldName())
			}
		}
		if root.raw == nil || path == nil || path[0] != "data" {
			return
		}
		if i, known := root.misses(path[1:]); i >= 0 {
			report(e, "%s: the schema of the event type has no such property: want one of %s",
				eventgateway.Quote(strings.Join(path[:i+2], ".")), strings.Join(known, ", "))
		}
	}))
	return problem
}

// schema is a JSON Schema, and the document its references are of.
type schema struct {
	raw, root json.RawMessage
}

// misses returns the index of the first name in path that no data may have, with those it may have instead; or -1.
func (s schema) misses(path []string) (int, []string) {
	for i, name := range path {
		properties, closed := s.properties(0)
		if !closed {
			return -1, nil
		}
		next, ok := properties[name]
		if !ok {
			return i, slices.Sorted(maps.Keys(properties))
		}
		s.raw = next
	}
	return -1, nil
}

// properties returns the properties of a schema, and whether it names them all: it lists some, and says nothing of others.
// Anything that is not plain (alternatives, patterns, additionalProperties that are allowed outright) is taken to allow all.
func (s schema) properties(references int) (map[string]json.RawMessage, bool) {
	var keywords map[string]json.RawMessage
	if json.Unmarshal(s.raw, &keywords) != nil || references > 16 {
		return nil, false
	}
	for _, open := range []string{"allOf", "anyOf", "oneOf", "if", "patternProperties", "$dynamicRef", "dependentSchemas"} {
		if _, ok := keywords[open]; ok {
			return nil, false
		}
	}
	var ref string
	if json.Unmarshal(keywords["$ref"], &ref) == nil && ref != "" {
		target, ok := s.resolve(ref)
		if !ok || keywords["properties"] != nil {
			return nil, false
		}
		return schema{target, s.root}.properties(references + 1)
	}
	if more, ok := keywords["additionalProperties"]; ok && string(more) != "false" {
		return nil, false
	}
	var properties map[string]json.RawMessage
	if json.Unmarshal(keywords["properties"], &properties) != nil || len(properties) == 0 {
		return nil, false
	}
	return properties, true
}

// resolve follows a reference within the document, as in "#/$defs/address".
func (s schema) resolve(ref string) (json.RawMessage, bool) {
	pointer, ok := strings.CutPrefix(ref, "#")
	if !ok || pointer != "" && pointer[0] != '/' {
		return nil, false
	}
	at := s.root
	for name := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		if pointer == "" {
			break
		}
		var members map[string]json.RawMessage
		if json.Unmarshal(at, &members) != nil {
			return nil, false
		}
		if at, ok = members[strings.NewReplacer("~1", "/", "~0", "~").Replace(name)]; !ok {
			return nil, false
		}
	}
	return at, true
}
