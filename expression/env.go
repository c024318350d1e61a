package expression

import (
	"fmt"
	"sync"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/ext"
)

// Limits on what an expression may be. What exceeds them is refused when it is compiled.
const (
	// MaxLength is how many bytes an expression may have.
	MaxLength = 8 << 10
	// MaxNesting is how deep parentheses, calls, lists and maps may be nested.
	MaxNesting = 64
	// MaxNodes is how many parts an expression may have, macros expanded.
	MaxNodes = 4096
	// MaxComprehensions is how deep all, exists, map, filter and the like may be nested.
	MaxComprehensions = 2
	// MaxRegexp is how many instructions the program of a regular expression may have.
	MaxRegexp = 500
	// MaxRegexpText is how many bytes a text may have that a regular expression is matched against; a longer one is an error.
	MaxRegexpText = 32 << 10
	// MaxRegexpWork is how many bytes a text may have, times the instructions of the regular expression that it is matched
	// against; a longer one is an error.
	MaxRegexpWork = 160_000
	// MaxCost is the highest cost of one evaluation, estimated when compiled and counted when evaluated.
	MaxCost = 250_000
)

// Sizes of what in an event is not known when an expression's cost is estimated.
const (
	assumedText = 1024
	assumedList = 100
)

// environment returns the CEL environment of a kind of expressions. All programs of the kind share it.
func environment(kind Kind) *cel.Env {
	if kind == ResponseTransform {
		return responseEnv()
	}
	return eventEnv()
}

var (
	eventEnv    = sync.OnceValue(func() *cel.Env { return newEnv() })
	responseEnv = sync.OnceValue(func() *cel.Env { return newEnv(cel.Variable("response", responseType)) })
)

func newEnv(more ...cel.EnvOption) *cel.Env {
	options := []cel.EnvOption{
		cel.Variable("event", eventType),
		cel.Variable("data", cel.DynType),
		cel.Variable("request", requestType),
		cel.OptionalTypes(),
		cel.CrossTypeNumericComparisons(true),
		cel.DefaultUTCTimeZone(true),
		cel.EnableIdentifierEscapeSyntax(),
		ext.Strings(ext.StringsVersion(4), ext.StringsMaxPrecision(100)),
		ext.Lists(ext.ListsMaxRangeSize(10_000)),
		ext.Math(),
		ext.Sets(),
		ext.Encoders(),
		ext.Network(),
		ext.TwoVarComprehensions(),
		cel.ParserRecursionLimit(MaxNesting),
		cel.ParserExpressionSizeLimit(MaxLength),
		cel.ParserErrorRecoveryLimit(1),
		cel.ExpressionNodeLimit(MaxNodes),
		cel.ASTValidators(
			cel.ValidateComprehensionNestingLimit(MaxComprehensions),
			cel.ValidateDurationLiterals(),
			cel.ValidateTimestampLiterals(),
			cel.ValidateRegexLiterals(),
			boundedRegexps{},
		),
		withObjects,
	}
	env, err := cel.NewEnv(append(options, more...)...)
	if err != nil {
		panic(fmt.Sprintf("expression: the CEL environment cannot be made: %v", err)) // a constant: it fails always or never
	}
	return env
}
