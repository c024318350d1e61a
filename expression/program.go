package expression

import (
	"context"
	"errors"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"

	"github.com/eventgateway/eventgateway"
)

// Program is a compiled expression. It is immutable and may be used by many goroutines at a time.
type Program struct {
	source string
	cost   uint64
	// costly programs are evaluated with a deadline and with their cost counted, as what they cost depends on the event.
	costly  bool
	program cel.Program
}

// plan makes the program of a checked expression, unless it may cost too much.
func plan(kind Kind, field, source string, ast *cel.Ast) (*Program, error) {
	env := environment(kind)
	estimate, err := env.EstimateCost(ast, sizes{})
	if err != nil {
		return nil, eventgateway.Errorf(eventgateway.Invalid, "%s: the cost cannot be estimated: %s", field, shorten(err.Error()))
	}
	if estimate.Max > MaxCost {
		return nil, tooCostly(field, estimate.Max)
	}
	p := &Program{source: source, cost: estimate.Max, costly: costly(ast.NativeRep())}
	options := []cel.ProgramOption{cel.OptimizeRegex(boundedMatches), guarded(env)}
	if p.costly {
		options = append(options, cel.CostTracking(texts{}), cel.CostLimit(MaxCost), cel.InterruptCheckFrequency(64))
	}
	if p.program, err = env.Program(ast, options...); err != nil {
		return nil, eventgateway.Errorf(eventgateway.Invalid, "%s: %s", field, shorten(err.Error()))
	}
	return p, nil
}

// Cost returns the highest cost of one evaluation, as estimated when compiled, in CEL's units: about the number of
// steps, where texts have up to 1,024 bytes and lists up to 100 elements.
func (p *Program) Cost() uint64 { return p.cost }

// Source returns the expression.
func (p *Program) Source() string { return p.source }

// Bool evaluates a filter. An error (a missing field, a value of the wrong type, a deadline) says why it does not match. It may
// hold something of the event; see WithoutData.
func (p *Program) Bool(in *Input) (bool, error) {
	v, err := p.evaluate(in)
	if err != nil {
		return false, err
	}
	b, ok := v.(types.Bool)
	if !ok {
		return false, errors.New("the value is " + v.Type().TypeName() + ": want a bool")
	}
	return bool(b), nil
}

// Value evaluates a transform. The value shares memory with the event. An error as of Bool.
func (p *Program) Value(in *Input) (Value, error) {
	v, err := p.evaluate(in)
	return Value{v}, err
}

func (p *Program) evaluate(in *Input) (v ref.Val, err error) {
	if !p.costly {
		v, _, err = p.program.Eval(in)
		return v, describe(err)
	}
	in.limited(func(ctx context.Context) { v, _, err = p.program.ContextEval(ctx, in) })
	return v, describe(err)
}

// describe makes an evaluation's error one for users, of bounded size.
func describe(err error) error {
	if err == nil {
		return nil
	}
	var cancelled interpreter.EvalCancelledError
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, interpreter.InterruptError{}):
		return errTime
	case errors.As(err, &cancelled) && cancelled.Cause == interpreter.CostLimitExceeded:
		return errCost
	}
	return errors.New(shorten(err.Error()))
}

var (
	errTime = errors.New("the filters and transforms of one event took longer than " + TimePerEvent.String())
	errCost = errors.New("too costly for this event: its data is too large for this expression")
)
