package expression

import (
	"maps"
	"slices"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"

	"github.com/eventgateway/eventgateway"
)

// element stands in a path for any element of a list.
const element = "\x00element"

// check refuses what cannot be in the events of a scope.
func (s Scope) check(field string, a *cel.Ast) error {
	if s.Event == "" && len(s.Schema) == 0 {
		return nil
	}
	c := &scopeCheck{field: field, info: a.NativeRep().SourceInfo(), event: s.Event, schema: NewSchema(s.Schema)}
	c.noRequest = s.Event != "" && eventgateway.CanonicalEvent(s.Event) != eventgateway.EventHTTP
	c.look(a.NativeRep().Expr(), nil)
	return c.problem
}

// scopeCheck looks through an expression, and keeps the first problem.
type scopeCheck struct {
	field, event string
	info         *ast.SourceInfo
	schema       *Schema
	noRequest    bool
	problem      error
}

func (c *scopeCheck) report(e ast.Expr, format string, args ...any) {
	if c.problem == nil {
		at := c.info.GetStartLocation(e.ID())
		text := eventgateway.Errorf(eventgateway.Invalid, format, args...).Message
		c.problem = eventgateway.Errorf(eventgateway.Invalid, "%s: %d:%d: %s", c.field, max(at.Line(), 1), max(at.Column(), 0)+1, text)
	}
}

// look checks e and all below. variables are the paths in the data that the variables of macros around it go through.
func (c *scopeCheck) look(e ast.Expr, variables map[string][]string) {
	switch {
	case c.problem != nil:
		return
	case e.Kind() == ast.ComprehensionKind:
		c.lookThrough(e.AsComprehension(), variables)
		return
	case e.Kind() == ast.IdentKind && e.AsIdent() == "request" && c.noRequest && variables["request"] == nil:
		c.report(e, "request: only http events have it: want event or data for event %s", eventgateway.Quote(c.event))
	}
	for _, below := range children(e) {
		c.look(below, variables)
	}
	if path := pathThrough(e, variables, true); path != nil && path[0] == "data" {
		if problem := c.schema.Lacks(path[1:], false); problem != "" {
			c.report(e, "%s", problem)
		}
	}
}

// lookThrough checks a macro such as data.items.exists(i, i.price > 1).
func (c *scopeCheck) lookThrough(loop ast.ComprehensionExpr, variables map[string][]string) {
	c.look(loop.IterRange(), variables)
	c.look(loop.AccuInit(), variables)
	inner := maps.Clone(variables)
	if inner == nil {
		inner = map[string][]string{}
	}
	// A variable that is no list's element is not followed; the empty path only hides one of the same name around it.
	inner[loop.IterVar()], inner[loop.AccuVar()] = []string{""}, []string{""}
	value := loop.IterVar()
	if loop.HasIterVar2() {
		value = loop.IterVar2()
		inner[value] = []string{""}
	}
	if path := pathThrough(loop.IterRange(), variables, false); path != nil && path[0] == "data" {
		inner[value] = append(slices.Clone(path), element)
	}
	for _, e := range []ast.Expr{loop.LoopCondition(), loop.LoopStep(), loop.Result()} {
		c.look(e, inner)
	}
}

// pathThrough returns the path of names that e selects, or tests for if that is asked for, with the paths of variables in their place.
func pathThrough(e ast.Expr, variables map[string][]string, tests bool) []string {
	switch e.Kind() {
	case ast.IdentKind:
		if path, ok := variables[e.AsIdent()]; ok {
			return path
		}
		return []string{e.AsIdent()}
	case ast.SelectKind:
		if s := e.AsSelect(); tests || !s.IsTestOnly() {
			return extended(pathThrough(s.Operand(), variables, false), s.FieldName())
		}
	case ast.CallKind:
		call := e.AsCall()
		if name := call.FunctionName(); name != operators.Index && name != operators.OptIndex && name != operators.OptSelect {
			return nil
		}
		switch key, _ := valueOf(call.Args()[1]); key := key.(type) {
		case string:
			return extended(pathThrough(call.Args()[0], variables, false), key)
		case int64:
			return extended(pathThrough(call.Args()[0], variables, false), element)
		}
	}
	return nil
}

func extended(path []string, name string) []string {
	if path == nil {
		return nil
	}
	return append(slices.Clone(path), name)
}

// children returns the parts of an expression that is no macro.
func children(e ast.Expr) []ast.Expr {
	switch e.Kind() {
	case ast.SelectKind:
		return []ast.Expr{e.AsSelect().Operand()}
	case ast.CallKind:
		if call := e.AsCall(); call.IsMemberFunction() {
			return append([]ast.Expr{call.Target()}, call.Args()...)
		}
		return e.AsCall().Args()
	case ast.ListKind:
		return e.AsList().Elements()
	case ast.MapKind:
		var all []ast.Expr
		for _, entry := range e.AsMap().Entries() {
			all = append(all, entry.AsMapEntry().Key(), entry.AsMapEntry().Value())
		}
		return all
	case ast.StructKind:
		var all []ast.Expr
		for _, entry := range e.AsStruct().Fields() {
			all = append(all, entry.AsStructField().Value())
		}
		return all
	}
	return nil
}
