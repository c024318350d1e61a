package expression

import (
	"slices"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// formulaOf reads the formula of a checked filter.
//
// CEL's logic has three values: true, false and error. A && B is true if both are, A || B if one is, whatever the other is:
// so where an expression is not negated, an error may be taken for false. And !(A && B) is true, false or an error just as
// !A || !B is: so negations are moved inwards until they stand before a comparison, which is true, false, or an error.
func formulaOf(a *ast.AST) Formula { return extract(a.Expr(), true) }

// extract returns the formula that is true where e is true (positive) or where e is false (not positive).
func extract(e ast.Expr, positive bool) Formula {
	switch e.Kind() {
	case ast.LiteralKind:
		b, ok := e.AsLiteral().(types.Bool)
		if !ok {
			return Formula{}
		}
		if bool(b) == positive {
			return Formula{Op: And}
		}
		return Formula{Op: Or}
	case ast.CallKind:
		return extractCall(e.AsCall(), positive)
	case ast.SelectKind:
		if e.AsSelect().IsTestOnly() {
			return extractHas(e.AsSelect(), positive)
		}
	}
	if path := pathOf(e); path != nil {
		return Formula{Op: Equal, Path: path, Values: []any{positive}}
	}
	return Formula{}
}

func extractCall(call ast.CallExpr, positive bool) Formula {
	args := call.Args()
	join := map[bool]Op{true: And, false: Or}
	switch name := call.FunctionName(); name {
	case operators.LogicalNot:
		return extract(args[0], !positive)
	case operators.LogicalAnd:
		return Formula{Op: join[positive], Args: extractAll(args, positive)}
	case operators.LogicalOr:
		return Formula{Op: join[!positive], Args: extractAll(args, positive)}
	case operators.Conditional:
		then := Formula{Op: And, Args: []Formula{extract(args[0], true), extract(args[1], positive)}}
		otherwise := Formula{Op: And, Args: []Formula{extract(args[0], false), extract(args[2], positive)}}
		return Formula{Op: Or, Args: []Formula{then, otherwise}}
	case operators.Equals, operators.NotEquals:
		return extractEqual(args, (name == operators.Equals) == positive)
	case operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals:
		return extractOrder(name, args, positive)
	case operators.In:
		return extractIn(args, positive)
	case "startsWith":
		return extractText(call, positive, Prefix, NotPrefix)
	case "endsWith":
		return extractText(call, positive, Suffix, NotSuffix)
	case operators.Index:
		if path := pathOfCall(call); path != nil {
			return Formula{Op: Equal, Path: path, Values: []any{positive}}
		}
	}
	return Formula{}
}

func extractAll(args []ast.Expr, positive bool) []Formula {
	var all []Formula
	for _, arg := range args {
		all = append(all, extract(arg, positive))
	}
	return all
}

func extractEqual(args []ast.Expr, positive bool) Formula {
	path, literal := args[0], args[1]
	if path.Kind() == ast.LiteralKind {
		path, literal = literal, path
	}
	value, ok := valueOf(literal)
	if names := pathOf(path); ok && names != nil {
		return Formula{Op: either(positive, Equal, NotEqual), Path: names, Values: []any{value}}
	}
	return Formula{}
}

// opposite is the comparison that is true where one is false, as the numbers of JSON are ordered; mirrored is the one with
// its sides exchanged.
var (
	orders = map[string]Op{
		operators.Less: Less, operators.LessEquals: LessEqual, operators.Greater: Greater, operators.GreaterEquals: GreaterEqual,
	}
	opposite = map[Op]Op{Less: GreaterEqual, LessEqual: Greater, Greater: LessEqual, GreaterEqual: Less}
	mirrored = map[Op]Op{Less: Greater, LessEqual: GreaterEqual, Greater: Less, GreaterEqual: LessEqual}
)

func extractOrder(name string, args []ast.Expr, positive bool) Formula {
	op, path, literal := orders[name], args[0], args[1]
	if path.Kind() == ast.LiteralKind {
		op, path, literal = mirrored[op], literal, path
	}
	if !positive {
		op = opposite[op]
	}
	names := pathOf(path)
	value, ok := valueOf(literal)
	switch value.(type) {
	case int64, uint64, float64:
	default:
		return Formula{}
	}
	if !ok || names == nil {
		return Formula{}
	}
	return Formula{Op: op, Path: names, Values: []any{value}}
}

func extractIn(args []ast.Expr, positive bool) Formula {
	path := pathOf(args[0])
	if path == nil || args[1].Kind() != ast.ListKind || len(args[1].AsList().OptionalIndices()) > 0 {
		return Formula{}
	}
	f := Formula{Op: either(positive, Equal, NotEqual), Path: path}
	for _, element := range args[1].AsList().Elements() {
		value, ok := valueOf(element)
		if !ok {
			return Formula{}
		}
		f.Values = append(f.Values, value)
	}
	return f
}

func extractText(call ast.CallExpr, positive bool, op, not Op) Formula {
	if !call.IsMemberFunction() || len(call.Args()) != 1 {
		return Formula{}
	}
	path := pathOf(call.Target())
	value, _ := valueOf(call.Args()[0])
	if text, ok := value.(string); ok && path != nil {
		return Formula{Op: either(positive, op, not), Path: path, Values: []any{text}}
	}
	return Formula{}
}

// extractHas reads has(path), of maps only: the attributes of objects are always there.
func extractHas(s ast.SelectExpr, positive bool) Formula {
	path := pathOf(s.Operand())
	if path == nil || path[0] != "data" && len(path) != 2 {
		return Formula{}
	}
	return Formula{Op: either(positive, Exists, NotExists), Path: append(path, s.FieldName())}
}

func either(positive bool, op, not Op) Op {
	if positive {
		return op
	}
	return not
}

// valueOf returns a literal as a Go value.
func valueOf(e ast.Expr) (any, bool) {
	if e.Kind() != ast.LiteralKind {
		return nil, false
	}
	switch v := e.AsLiteral().(type) {
	case types.Null:
		return nil, true
	case types.Bool, types.Int, types.Uint, types.String:
		return v.Value(), true
	case types.Double:
		f := float64(v)
		return f, f == f
	}
	return nil, false
}

// pathOf returns the path of names that e selects, nil if it does something else: below data, or one of the strings and
// maps of event and request.
func pathOf(e ast.Expr) []string {
	path := names(e)
	if path == nil || !slices.Contains([]string{"data", "event", "request"}, path[0]) {
		return nil
	}
	if path[0] == "data" || len(path) == 1 {
		return onlyIf(path[0] == "data", path)
	}
	if path[1] == "time" || path[1] == "query" && len(path) > 2 {
		return nil
	}
	return path
}

func onlyIf(ok bool, path []string) []string {
	if ok {
		return path
	}
	return nil
}

func names(e ast.Expr) []string {
	switch e.Kind() {
	case ast.IdentKind:
		return []string{e.AsIdent()}
	case ast.SelectKind:
		if s := e.AsSelect(); !s.IsTestOnly() {
			if path := names(s.Operand()); path != nil {
				return append(path, s.FieldName())
			}
		}
	case ast.CallKind:
		return namesOfCall(e.AsCall())
	}
	return nil
}

func pathOfCall(call ast.CallExpr) []string {
	path := namesOfCall(call)
	if path == nil || path[0] != "data" {
		return nil
	}
	return path
}

// namesOfCall reads an index by a literal string, as in data["name"].
func namesOfCall(call ast.CallExpr) []string {
	if call.FunctionName() != operators.Index {
		return nil
	}
	args := call.Args()
	path := names(args[0])
	key, _ := valueOf(args[1])
	if name, ok := key.(string); ok && path != nil {
		return append(path, name)
	}
	return nil
}
