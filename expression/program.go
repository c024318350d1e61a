package expression

import (
	"errors"
	"time"

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
	// costly programs are evaluated with their cost counted, as what they cost depends on the event.
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
	g := newGuard(env, ast.NativeRep())
	program, err := env.Program(ast, cel.CustomDecoratorV2(g.decorate))
	if err != nil {
		return nil, eventgateway.Errorf(eventgateway.Invalid, "%s: %s", field, shorten(err.Error()))
	}
	return &Program{source: source, cost: estimate.Max, costly: g.needed, program: program}, nil
}

// Cost returns the highest cost of one evaluation, as estimated when compiled, in about the number of steps that are counted
// when it is evaluated, where texts have up to 1,024 bytes and lists up to 100 elements.
func (p *Program) Cost() uint64 { return p.cost }

// Source returns the expression.
func (p *Program) Source() string { return p.source }

// Bool evaluates a filter. An error (a missing field, a value of the wrong type, a limit) says why it does not match. It may
// hold something of the event; see WithoutData.
func (p *Program) Bool(in *Input) (bool, error) {
	v, err := p.evaluate(in, nil)
	if err != nil {
		return false, err
	}
	b, ok := v.(types.Bool)
	if !ok {
		return false, errors.New("the value is " + v.Type().TypeName() + ": want a bool")
	}
	return bool(b), nil
}

// Value evaluates a transform. The value may share memory with the event. An error as of Bool, or because the value has no JSON.
func (p *Program) Value(in *Input) (Value, error) {
	var value Value
	_, err := p.evaluate(in, func(v ref.Val) (err error) {
		value, err = newValue(v, &in.meter)
		return err
	})
	return value, err
}

// evaluate evaluates what costs little at once, as most programs do for most events. Anything else is evaluated again, from
// the start, in the slow lane, where it takes its turn: so it does not keep the events of other spaces waiting. write is part
// of the evaluation, unless it is nil: it makes what is sent of the value, and charges the input's meter.
func (p *Program) evaluate(in *Input, write func(ref.Val) error) (v ref.Val, err error) {
	if !p.costly && write == nil {
		v, _, err = p.program.Eval(in)
		return v, describe(err)
	}
	used := in.used.by(usageKey{in.space, in.purpose})
	if used.free < freeCost {
		in.meter = quickMeter()
		v, err = p.once(in, write)
		used.free += in.meter.used
		if _, broken := errors.AsType[interpreter.EvalCancelledError](err); !broken {
			return v, describe(err)
		}
	}
	if used.spent >= TimePerEvent {
		return nil, errTime
	}
	patience, err := in.patience()
	if err != nil {
		return nil, err
	}
	start := time.Now()
	defer func() {
		if in.shared {
			*in.heldUp() += time.Since(start)
		}
	}()
	crowded := slowLane.run(in.space, patience, func() time.Duration {
		in.meter = fullMeter(TimePerEvent - used.spent)
		v, err = p.once(in, write)
		in.meter.stop()
		used.spent += in.meter.worked
		return restPerWork*in.meter.worked - in.meter.rested
	})
	if crowded != nil {
		return nil, crowded
	}
	return v, describe(err)
}

func (p *Program) once(in *Input, write func(ref.Val) error) (ref.Val, error) {
	v, _, err := p.program.Eval(in)
	if err != nil || write == nil {
		return v, err
	}
	// What has come may go: that much was read already, and checked.
	own := stepsPerByte * in.bytes()
	in.meter.allow(own)
	evaluated := in.meter.used
	err = write(v)
	in.meter.used -= min(own, in.meter.used-evaluated)
	return v, err
}

// describe makes an evaluation's error one for users, of bounded size.
func describe(err error) error {
	if err == nil {
		return nil
	}
	if broken, ok := errors.AsType[interpreter.EvalCancelledError](err); ok {
		if broken.Cause == interpreter.CostLimitExceeded {
			return errCost
		}
		return errTime
	}
	if _, ok := errors.AsType[*valueError](err); ok {
		return err
	}
	return errors.New(shorten(err.Error()))
}

var (
	errTime = errors.New("the costly filters and transforms of one event took longer than " + TimePerEvent.String())
	errCost = errors.New("too costly for this event: its data, or what is made of it, is too large")
)
