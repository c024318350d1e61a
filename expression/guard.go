package expression

import (
	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/functions"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"cel.dev/cel-go/interpreter"
)

// maxWork is how much one call of a function may do at once: bytes made or compared, or pairs of elements compared.
const maxWork = 16 << 20

// products are the functions whose work is the product of the sizes of two arguments, by their indices. A cost limit counts
// a call only when it is done, and one such call could take seconds or gigabytes.
var products = map[string][2]int{
	"replace": {0, 2}, "join": {0, 1}, "format": {0, 1}, "indexOf": {0, 1}, "lastIndexOf": {0, 1}, "distinct": {0, 0},
	"sets.contains": {0, 1}, "sets.equivalent": {0, 1}, "sets.intersects": {0, 1},
}

// guarded makes calls of those functions fail where they would do too much.
func guarded(env *cel.Env) cel.ProgramOption {
	return cel.CustomDecoratorV2(func(i interpreter.InterpretableV2) (interpreter.InterpretableV2, error) {
		call, ok := i.(interpreter.InterpretableCall)
		if !ok {
			return i, nil
		}
		of, ok := products[call.Function()]
		if !ok {
			return i, nil
		}
		f := env.Functions()[call.Function()]
		bindings, err := f.Bindings()
		if err != nil {
			return nil, err
		}
		operation := operationOf(bindings, call.Function(), call.OverloadID())
		return interpreter.NewCall(call.ID(), call.Function(), call.OverloadID(), call.Args(), func(args ...ref.Val) ref.Val {
			if of[0] < len(args) && of[1] < len(args) && work(args[of[0]])*work(args[of[1]]) > maxWork {
				return types.NewErr("%s: the arguments are too large", call.Function())
			}
			return operation(args...)
		}), nil
	})
}

// operationOf returns what a function does: the overload that was chosen when compiling, else the one for any arguments.
func operationOf(bindings []*functions.Overload, name, overload string) functions.FunctionOp {
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
	return func(args ...ref.Val) ref.Val {
		switch {
		case any != nil && len(args) == 1 && any.Unary != nil:
			return any.Unary(args[0])
		case any != nil && len(args) == 2 && any.Binary != nil:
			return any.Binary(args[0], args[1])
		case any != nil && any.Function != nil:
			return any.Function(args...)
		}
		return types.MaybeNoSuchOverloadErr(args[0])
	}
}

// work is the size of a value: the bytes of a text, or the elements of a list with what is in them.
func work(v ref.Val) int {
	switch v := v.(type) {
	case types.String:
		return len(v)
	case types.Bytes:
		return len(v)
	case traits.Lister:
		sum := 0
		for it := v.Iterator(); it.HasNext() == types.True && sum <= maxWork; {
			sum += 1
			if s, ok := it.Next().(types.String); ok {
				sum += len(s)
			}
		}
		return sum
	}
	return 1
}
