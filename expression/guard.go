package expression

import (
	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/functions"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"
)

// guard makes an expression charge what it does to the meter of its evaluation: the iterations of its loops, and the calls
// whose work depends on the event. CEL's own count takes a call for one step where types are not known when compiled, as
// with all data, and looks for the values of calls in a list that grows with the evaluation.
type guard struct {
	env *cel.Env
	// iterations are the steps of one iteration, by the id of the loop's step; keys are the ids of what is looked up in maps.
	iterations map[int64]uint64
	keys       map[int64]bool
	// needed is set if there is anything to charge.
	needed bool
}

func newGuard(env *cel.Env, a *ast.AST) *guard {
	g := &guard{env: env, iterations: map[int64]uint64{}, keys: map[int64]bool{}}
	g.steps(a.Expr())
	return g
}

// What some parts of an expression cost beyond one step.
const (
	loopCost      = 10
	iterationCost = 8
	// makeCost is for lists and maps, elementCost for each element or entry.
	makeCost    = 8
	elementCost = 1
	// functionCost is for functions that work on texts, lists and the like, however small.
	functionCost = 12
)

// steps returns how many steps an expression has, where each loop's body is none.
func (g *guard) steps(e ast.Expr) uint64 {
	n := uint64(1)
	switch e.Kind() {
	case ast.SelectKind:
		n += g.steps(e.AsSelect().Operand())
	case ast.CallKind:
		call := e.AsCall()
		args := call.Args()
		if call.IsMemberFunction() {
			n += g.steps(call.Target())
		}
		for _, arg := range args {
			n += g.steps(arg)
		}
		name := call.FunctionName()
		if name == operators.Index || name == operators.OptIndex {
			g.key(args[1])
		}
		if work, ok := workOf[name]; !operator(name) && (work != nil || !ok) {
			n += functionCost
		}
	case ast.ListKind:
		n += makeCost
		for _, element := range e.AsList().Elements() {
			n += elementCost + g.steps(element)
		}
	case ast.MapKind:
		n += 2 * makeCost
		for _, entry := range e.AsMap().Entries() {
			n += 2*elementCost + g.steps(entry.AsMapEntry().Key()) + g.steps(entry.AsMapEntry().Value())
			g.key(entry.AsMapEntry().Key())
		}
	case ast.ComprehensionKind:
		c := e.AsComprehension()
		n += loopCost + g.steps(c.AccuInit()) + g.steps(c.IterRange()) + g.steps(c.Result())
		g.iterations[c.LoopStep().ID()] = iterationCost + g.steps(c.LoopCondition()) + g.steps(c.LoopStep())
	}
	return n
}

// operator reports whether a function is written as an operator.
func operator(name string) bool {
	return name[0] == '_' || name[0] == '@' || name[0] == '!' || name[0] == '-'
}

func (g *guard) key(e ast.Expr) {
	if e.Kind() != ast.LiteralKind {
		g.keys[e.ID()] = true
	}
}

// decorate is a CEL decorator.
func (g *guard) decorate(i interpreter.InterpretableV2) (interpreter.InterpretableV2, error) {
	if call, ok := i.(interpreter.InterpretableCall); ok {
		guarded, err := g.call(call)
		if err != nil {
			return nil, err
		}
		i = guarded
	}
	if g.keys[i.ID()] {
		g.needed, i = true, key{i}
	}
	if steps, ok := g.iterations[i.ID()]; ok {
		g.needed, i = true, iteration{i, steps}
	}
	return i, nil
}

// call returns what charges a call, if that is to be charged.
func (g *guard) call(c interpreter.InterpretableCall) (interpreter.InterpretableV2, error) {
	name, args := c.Function(), c.Args()
	if name == "matches" {
		m, err := newMatch(args)
		if err != nil {
			return nil, err
		}
		g.needed = true
		return newCharged(c, m.work, m.operation, nil), nil
	}
	work, ok := workOf[name]
	switch {
	case ok && work == nil, bounded[name] && hasLiteral(args), name == operators.In && hasLiteral(args[1:]), len(args) == 0:
		return c, nil
	case !ok:
		work = workOfAny
	}
	g.needed = true
	switch name {
	case operators.Equals:
		return newCharged(c, work, nil, types.Equal), nil
	case operators.NotEquals:
		return newCharged(c, work, nil, func(a, b ref.Val) ref.Val { return types.Bool(types.Equal(a, b) != types.True) }), nil
	}
	f := g.env.Functions()[name]
	if f == nil {
		return c, nil
	}
	bindings, err := f.Bindings()
	if err != nil {
		return nil, err
	}
	operation, binary := operationOf(bindings, name, c.OverloadID())
	if name == operators.Add {
		binary = addFlat(binary)
	}
	return newCharged(c, work, operation, binary), nil
}

// hasLiteral reports whether one of the arguments is a literal, which bounds what some functions do.
func hasLiteral(args []interpreter.InterpretableV2) bool {
	for _, arg := range args {
		switch arg := arg.(type) {
		case interpreter.InterpretableConst:
			return true
		case interpreter.InterpretableConstructor:
			if hasOnlyLiterals(arg) {
				return true
			}
		}
	}
	return false
}

func hasOnlyLiterals(c interpreter.InterpretableConstructor) bool {
	for _, v := range c.InitVals() {
		if _, ok := v.(interpreter.InterpretableConst); !ok {
			return false
		}
	}
	return true
}

// operationOf returns what a function does: the overload that was chosen when compiling, else the one for any arguments; and the
// same for two arguments, nil if it takes them only in a list.
func operationOf(bindings []*functions.Overload, name, overload string) (functions.FunctionOp, functions.BinaryOp) {
	var any *functions.Overload
	for _, b := range bindings {
		if b.Operator == overload {
			any = b
			break
		}
		if b.Operator == name {
			any = b
		}
	}
	takes := func(arg ref.Val) bool {
		return any != nil && (any.OperandTrait == 0 || arg.Type().HasTrait(any.OperandTrait))
	}
	var binary functions.BinaryOp
	if any != nil && any.Binary != nil {
		binary = func(a, b ref.Val) ref.Val {
			if !takes(a) {
				return types.MaybeNoSuchOverloadErr(a)
			}
			return any.Binary(a, b)
		}
	}
	return func(args ...ref.Val) ref.Val {
		switch {
		case !takes(args[0]):
		case len(args) == 1 && any.Unary != nil:
			return any.Unary(args[0])
		case any.Function != nil:
			return any.Function(args...)
		}
		return types.MaybeNoSuchOverloadErr(args[0])
	}, binary
}
