package expression

import (
	"fmt"
	"regexp"
	"regexp/syntax"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/checker"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"cel.dev/cel-go/interpreter"
)

// sizes tells CEL's cost estimate how large things in an event are.
type sizes struct{}

func (sizes) EstimateSize(node checker.AstNode) *checker.SizeEstimate {
	switch node.Type().Kind() {
	case types.StringKind, types.BytesKind:
		return &checker.SizeEstimate{Max: assumedText}
	case types.ListKind, types.MapKind, types.DynKind, types.AnyKind:
		return &checker.SizeEstimate{Max: assumedList}
	case types.TypeKind:
		return &checker.SizeEstimate{Max: 1}
	}
	return nil
}

func (sizes) EstimateCallCost(string, string, *checker.AstNode, []checker.AstNode) *checker.CallEstimate {
	return nil
}

// texts counts the cost of calls by the texts and lists that go in and come out. CEL's own count takes a call for one step
// where types are not known when compiled, as with all data.
type texts struct{}

func (texts) CallCost(_, _ string, args []ref.Val, result ref.Val) *uint64 {
	cost := 1 + length(result)/10
	for _, arg := range args {
		cost += length(arg) / 10
	}
	return &cost
}

func length(v ref.Val) uint64 {
	switch v := v.(type) {
	case types.String:
		return uint64(len(v))
	case types.Bytes:
		return uint64(len(v))
	case traits.Sizer:
		if n, ok := v.Size().(types.Int); ok {
			return uint64(n)
		}
	}
	return 0
}

// cheap are the functions whose cost hardly depends on the event.
var cheap = map[string]bool{
	operators.LogicalAnd: true, operators.LogicalOr: true, operators.LogicalNot: true, operators.Conditional: true,
	operators.Equals: true, operators.NotEquals: true, operators.Less: true, operators.LessEquals: true,
	operators.Greater: true, operators.GreaterEquals: true, operators.In: true, operators.Index: true,
	operators.OptIndex: true, operators.OptSelect: true, operators.Subtract: true, operators.Multiply: true,
	operators.Divide: true, operators.Modulo: true, operators.Negate: true,
	"startsWith": true, "endsWith": true, "size": true, "int": true, "double": true, "uint": true, "timestamp": true,
	"duration": true, "type": true, "dyn": true, "orValue": true, "hasValue": true, "or": true, "value": true,
	"getFullYear": true, "getMonth": true, "getDate": true, "getDayOfMonth": true, "getDayOfWeek": true, "getDayOfYear": true,
	"getHours": true, "getMinutes": true, "getSeconds": true, "getMilliseconds": true,
	"ip": true, "cidr": true, "isIP": true, "isCIDR": true, "containsIP": true, "containsCIDR": true,
}

// costly reports whether what an expression costs depends on the event so much that it has to be watched: loops, and
// functions that make or search texts and lists.
func costly(a *ast.AST) bool {
	found := false
	ast.PostOrderVisit(a.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		switch e.Kind() {
		case ast.ComprehensionKind:
			found = true
		case ast.CallKind:
			found = found || !cheap[e.AsCall().FunctionName()]
		}
	}))
	return found
}

// boundedRegexps refuses regular expressions that are not literals, as those could not be bounded, or too large. CEL's own
// limit, cel.RegexProgramSizeLimit, panics at repetitions such as a{2}.
type boundedRegexps struct{}

func (boundedRegexps) Name() string { return "eventgateway.bounded_regexps" }

func (boundedRegexps) Validate(_ *cel.Env, _ cel.ValidatorConfig, a *ast.AST, issues *cel.Issues) {
	ast.PostOrderVisit(a.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() != ast.CallKind || e.AsCall().FunctionName() != "matches" {
			return
		}
		args := e.AsCall().Args()
		pattern := args[len(args)-1]
		text, ok := types.String(""), pattern.Kind() == ast.LiteralKind
		if ok {
			text, ok = pattern.AsLiteral().(types.String)
		}
		if !ok {
			issues.ReportErrorAtID(pattern.ID(), "the regular expression is not a literal: want one such as '^a+$'")
		} else if size := regexpSize(string(text)); size > MaxRegexp {
			issues.ReportErrorAtID(pattern.ID(), "the regular expression is too large: it has %d instructions: want at most %d",
				size, MaxRegexp)
		}
	}))
}

// regexpSize returns how many instructions a regular expression has; 0 if it is not valid, which another check tells.
func regexpSize(text string) int {
	parsed, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return 0
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return 0
	}
	return len(program.Inst)
}

// boundedMatches compiles regular expressions once, and bounds what they are matched against.
var boundedMatches = &interpreter.RegexOptimization{
	Function:   "matches",
	RegexIndex: 1,
	Factory: func(call interpreter.InterpretableCall, pattern string) (interpreter.InterpretableCall, error) {
		compiled, err := regexp.Compile(pattern)
		if err != nil {
			return nil, fmt.Errorf("regular expression: %w", err)
		}
		return interpreter.NewCall(call.ID(), call.Function(), call.OverloadID(), call.Args(), func(args ...ref.Val) ref.Val {
			text, ok := args[0].(types.String)
			if !ok {
				return types.MaybeNoSuchOverloadErr(args[0])
			}
			if len(text) > MaxRegexpText {
				return types.NewErr("matches: a text of %d bytes is too long: want at most %d", len(text), MaxRegexpText)
			}
			return types.Bool(compiled.MatchString(string(text)))
		}), nil
	},
}
