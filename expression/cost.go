package expression

import (
	"regexp/syntax"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/checker"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
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
