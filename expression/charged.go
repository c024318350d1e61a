package expression

import (
	"cel.dev/cel-go/common/functions"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"cel.dev/cel-go/interpreter"
)

// iteration is the step of a loop.
type iteration struct {
	interpreter.InterpretableV2
	steps uint64
}

// Exec implements interpreter.InterpretableV2.
func (i iteration) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	meterOf(frame).charge(i.steps)
	return i.InterpretableV2.Exec(frame)
}

// Eval implements interpreter.InterpretableV2.
func (i iteration) Eval(vars interpreter.Activation) ref.Val {
	return i.Exec(interpreter.AsFrame(vars))
}

// key is what is looked up in a map: a long text takes long to hash.
type key struct{ interpreter.InterpretableV2 }

// Exec implements interpreter.InterpretableV2.
func (k key) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	v := k.InterpretableV2.Exec(frame)
	if text, ok := v.(types.String); ok && len(text) > shortText {
		meterOf(frame).charge(uint64(len(text) / 32))
	}
	return v
}

// Eval implements interpreter.InterpretableV2. CEL looks keys up this way.
func (k key) Eval(vars interpreter.Activation) ref.Val { return k.Exec(interpreter.AsFrame(vars)) }

// charged is a call that is charged before it is done.
type charged struct {
	interpreter.InterpretableCall
	of          []interpreter.InterpretableV2
	work        workFunc
	alwaysHeavy bool
	operation   functions.FunctionOp
	// binary is the operation where there are two arguments, if it has such a form: then light ones need no list, which would
	// be the most that a loop leaves to the garbage collector.
	binary functions.BinaryOp
}

func newCharged(c interpreter.InterpretableCall, work workFunc, operation functions.FunctionOp, binary functions.BinaryOp) charged {
	if len(c.Args()) != 2 {
		binary = nil
	}
	return charged{c, c.Args(), work, alwaysHeavy[c.Function()], operation, binary}
}

// Exec implements interpreter.InterpretableV2.
func (c charged) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	if c.binary != nil {
		return c.execBinary(frame)
	}
	args, light := make([]ref.Val, len(c.of)), true
	for i, arg := range c.of {
		v := arg.Exec(frame)
		if types.IsUnknownOrError(v) {
			return v
		}
		args[i] = v
		light = light && isLight(v)
	}
	if !light || c.alwaysHeavy {
		if refused := c.charge(frame, args); refused != nil {
			return refused
		}
	}
	return types.LabelErrNode(c.ID(), c.operation(args...))
}

func (c charged) execBinary(frame *interpreter.ExecutionFrame) ref.Val {
	a := c.of[0].Exec(frame)
	if types.IsUnknownOrError(a) {
		return a
	}
	b := c.of[1].Exec(frame)
	if types.IsUnknownOrError(b) {
		return b
	}
	if !isLight(a) || !isLight(b) || c.alwaysHeavy {
		if refused := c.charge(frame, []ref.Val{a, b}); refused != nil {
			return refused
		}
	}
	return types.LabelErrNode(c.ID(), c.binary(a, b))
}

// charge counts what the call is to do; it returns an error if that is too much for one call.
func (c charged) charge(frame *interpreter.ExecutionFrame, args []ref.Val) ref.Val {
	m := meterOf(frame)
	switch steps := c.work(args, m.left()); {
	case steps > callCost:
		m.charge(refusalCost)
		return types.NewErrWithNodeID(c.ID(), tooLarge+"the arguments of %s: want what takes at most %d steps", c.Function(), callCost)
	case steps > 0:
		m.charge(steps)
	}
	return nil
}

// Eval implements interpreter.InterpretableV2.
func (c charged) Eval(vars interpreter.Activation) ref.Val { return c.Exec(interpreter.AsFrame(vars)) }

// tooLarge begins the errors of calls that are refused. What follows holds nothing of the event but its size.
const tooLarge = "too large: "

// refusalCost is what a call costs that is refused: its arguments are weighed.
const refusalCost = callCost / 4

// shortText is how long a text is whose work is that of any value.
const shortText = 64

// isLight reports whether what is done with a value takes no longer than with a number.
func isLight(v ref.Val) bool {
	switch v := v.(type) {
	case types.Int, types.Double, types.Bool, types.Uint, types.Null, types.Timestamp, types.Duration, *types.Type:
		return true
	case types.String:
		return len(v) <= shortText
	case types.Bytes:
		return len(v) <= shortText
	}
	return false
}

// bytesPerStep is how many bytes of a text weigh as much as an element of a list.
const bytesPerStep = 8

// weigh returns the size of a value: its elements with what is in them, and its bytes. It stops beyond limit.
func weigh(v ref.Val, limit uint64) uint64 {
	switch v := v.(type) {
	case types.String:
		return 1 + uint64(len(v))/bytesPerStep
	case types.Bytes:
		return 1 + uint64(len(v))/bytesPerStep
	case *types.Optional:
		if v.HasValue() {
			return 1 + weigh(v.GetValue(), limit)
		}
	case traits.Lister:
		sum := 1 + sizeOf(v)
		if sum > limit {
			return sum
		}
		for it := v.Iterator(); sum <= limit && it.HasNext() == types.True; {
			if e := it.Next(); !isLight(e) {
				sum += weigh(e, limit-sum)
			}
		}
		return sum
	case traits.Mapper:
		sum := 1 + 4*sizeOf(v)
		if sum > limit {
			return sum
		}
		for it := v.Iterator(); sum <= limit && it.HasNext() == types.True; {
			name := it.Next()
			if sum += weigh(name, limit) - 1; sum > limit {
				break
			}
			if e, ok := v.Find(name); ok && !isLight(e) {
				sum += weigh(e, limit-sum)
			}
		}
		return sum
	}
	return 1
}

// sizeOf is the number of a list's or map's elements.
func sizeOf(v traits.Sizer) uint64 {
	n, _ := v.Size().(types.Int)
	return uint64(max(n, 0))
}
