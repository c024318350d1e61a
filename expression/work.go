package expression

import (
	"fmt"
	"regexp"
	"strings"

	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"cel.dev/cel-go/interpreter"
)

// workFunc returns how many steps a call with those arguments takes at most. What is beyond limit need not be exact.
type workFunc func(args []ref.Val, limit uint64) uint64

// workOf is what functions do; nil if that does not depend on the sizes of their arguments. Of those that are not in it,
// workOfAny is true. The factors are measured: see quickCost for how long a step may take.
var workOf = map[string]workFunc{
	operators.LogicalAnd: nil, operators.LogicalOr: nil, operators.LogicalNot: nil, operators.NotStrictlyFalse: nil,
	operators.Conditional: nil, operators.Index: nil, operators.OptIndex: nil, operators.OptSelect: nil,
	operators.Subtract: nil, operators.Multiply: nil, operators.Divide: nil, operators.Modulo: nil, operators.Negate: nil,
	"type": nil, "dyn": nil, "orValue": nil, "hasValue": nil, "or": nil, "value": nil, "optional.of": nil, "optional.none": nil,

	operators.Equals: workOfEqual, operators.NotEquals: workOfEqual, operators.In: workOfIn, operators.Add: workOfAdd,
	operators.Less: workOfLess, operators.LessEquals: workOfLess, operators.Greater: workOfLess, operators.GreaterEquals: workOfLess,
	"startsWith": workOfLess, "endsWith": workOfLess, "size": workOfSize, "contains": workOfSize,
	"indexOf": workOfIndexOf, "lastIndexOf": workOfIndexOf, "replace": workOfReplace, "join": workOfJoin,
	"distinct": workOfPairs, "sets.contains": workOfPairs, "sets.equivalent": workOfPairs, "sets.intersects": workOfPairs,
	"format": workOfFormat, "sort": workOfSort, "@sortByAssociatedKeys": workOfSort, "lists.range": workOfRange,

	"getFullYear": workOfZone, "getMonth": workOfZone, "getDate": workOfZone, "getDayOfMonth": workOfZone,
	"getDayOfWeek": workOfZone, "getDayOfYear": workOfZone, "getHours": workOfZone, "getMinutes": workOfZone,
	"getSeconds": workOfZone, "getMilliseconds": workOfZone,
}

// bounded are the functions that do little if one argument is a literal.
var bounded = map[string]bool{
	operators.Equals: true, operators.NotEquals: true, operators.Less: true, operators.LessEquals: true,
	operators.Greater: true, operators.GreaterEquals: true, "startsWith": true, "endsWith": true,
}

// alwaysHeavy are the functions that may do much whatever the sizes of their arguments.
var alwaysHeavy = map[string]bool{
	"lists.range": true, "matches": true, "getFullYear": true, "getMonth": true, "getDate": true, "getDayOfMonth": true,
	"getDayOfWeek": true, "getDayOfYear": true, "getHours": true, "getMinutes": true, "getSeconds": true, "getMilliseconds": true,
}

// workOfAny is for functions that look at all of their arguments a few times.
func workOfAny(args []ref.Val, limit uint64) uint64 { return 6 * weighAll(args, limit/6) }

func weighAll(args []ref.Val, limit uint64) uint64 {
	sum := uint64(0)
	for _, arg := range args {
		if sum <= limit && !isMutable(arg) {
			sum += weigh(arg, limit-sum)
		}
	}
	return sum
}

// isMutable reports whether a value is what a loop collects, to which elements are added in place.
func isMutable(v ref.Val) bool {
	switch v.(type) {
	case traits.MutableLister, traits.MutableMapper:
		return true
	}
	return false
}

func workOfEqual(args []ref.Val, limit uint64) uint64 {
	a, b := args[0], args[1]
	if isLight(a) || isLight(b) {
		return 0
	}
	if text, ok := a.(types.String); ok {
		return uint64(len(text)) / 500
	}
	if size, ok := a.(traits.Sizer); ok {
		if other, ok := b.(traits.Sizer); !ok || sizeOf(size) != sizeOf(other) {
			return 0
		}
	}
	return 4 * weighAll(args, limit/4)
}

func workOfIn(args []ref.Val, limit uint64) uint64 {
	if _, ok := args[1].(traits.Mapper); ok {
		return textOf(args[0]) / 32
	}
	return 3 * weigh(args[1], limit/3)
}

func workOfAdd(args []ref.Val, _ uint64) uint64 {
	if isMutable(args[0]) {
		return 0
	}
	sum := textOf(args[0])/64 + textOf(args[1])/64
	for _, arg := range args {
		if list, ok := arg.(traits.Lister); ok {
			sum += sizeOf(list) / 4
		}
		if isSum(arg) {
			sum += 3 * sizeOf(arg.(traits.Lister)) // it is flattened
		}
	}
	return sum
}

func workOfLess(args []ref.Val, _ uint64) uint64 { return min(textOf(args[0]), textOf(args[1])) / 200 }

func workOfSize(args []ref.Val, _ uint64) uint64 {
	sum := uint64(0)
	for _, arg := range args {
		sum += textOf(arg) / 8
	}
	return sum
}

func workOfIndexOf(args []ref.Val, _ uint64) uint64 {
	n, m := textOf(args[0]), textOf(args[1])
	return n/4 + n*m/16
}

// workOfReplace counts what is looked at and what is made.
func workOfReplace(args []ref.Val, _ uint64) uint64 {
	if len(args) < 3 {
		return 0
	}
	n, replaced, by := textOf(args[0]), textOf(args[1]), textOf(args[2])
	return n + (n/max(replaced, 1)+1)*by/16
}

func workOfJoin(args []ref.Val, limit uint64) uint64 {
	list, ok := args[0].(traits.Lister)
	if !ok {
		return 0
	}
	separators := uint64(0)
	if len(args) > 1 {
		separators = sizeOf(list) * textOf(args[1]) / 16
	}
	return 16*weigh(list, limit/16) + separators
}

// workOfPairs is for functions that compare each element with each other one.
func workOfPairs(args []ref.Val, limit uint64) uint64 {
	list, ok := args[0].(traits.Lister)
	if !ok {
		return 0
	}
	n := sizeOf(list)
	of := weigh(args[len(args)-1], limit/(2*n+1))
	if len(args) == 1 {
		return 2 * n * of
	}
	return 3*n*of + 12*weigh(list, limit/12)
}

func workOfFormat(args []ref.Val, limit uint64) uint64 { return 16 * weighAll(args, limit/16) }

func workOfSort(args []ref.Val, limit uint64) uint64 { return 40 * weighAll(args, limit/40) }

func workOfRange(args []ref.Val, _ uint64) uint64 {
	n, _ := args[0].(types.Int)
	return uint64(min(max(n, 0), 2*callCost))
}

// workOfZone is for functions that may read a time zone's file.
func workOfZone(args []ref.Val, _ uint64) uint64 {
	if len(args) < 2 {
		return 0
	}
	if zone, ok := args[1].(types.String); ok && strings.Contains(string(zone), ":") {
		return uint64(len(zone))
	}
	return 4000
}

// textOf is the length of a text in bytes, 0 for other values.
func textOf(v ref.Val) uint64 {
	switch v := v.(type) {
	case types.String:
		return uint64(len(v))
	case types.Bytes:
		return uint64(len(v))
	}
	return 0
}

// match is a call of matches, with its regular expression compiled. Its work is the product of the expression's
// instructions and the text's bytes.
type match struct {
	compiled *regexp.Regexp
	size     uint64
}

func newMatch(args []interpreter.InterpretableV2) (*match, error) {
	pattern, _ := args[len(args)-1].(interpreter.InterpretableConst)
	text, _ := pattern.Value().(types.String)
	compiled, err := regexp.Compile(string(text))
	if err != nil {
		return nil, fmt.Errorf("regular expression: %w", err)
	}
	return &match{compiled, uint64(regexpSize(string(text)))}, nil
}

// maxText is how many bytes a text may have that is matched.
func (m *match) maxText() uint64 { return min(MaxRegexpText, MaxRegexpWork/max(m.size, 1)) }

func (m *match) work(args []ref.Val, _ uint64) uint64 {
	n := textOf(args[0])
	if n > m.maxText() {
		return 0 // it is not matched
	}
	return 1 + n*m.size*callCost/MaxRegexpWork
}

func (m *match) operation(args ...ref.Val) ref.Val {
	text, ok := args[0].(types.String)
	if !ok {
		return types.MaybeNoSuchOverloadErr(args[0])
	}
	if most := m.maxText(); uint64(len(text)) > most {
		return types.NewErr(tooLarge+"a text of %d bytes for matches: want at most %d with this regular expression", len(text), most)
	}
	return types.Bool(m.compiled.MatchString(string(text)))
}
