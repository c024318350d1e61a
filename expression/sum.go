package expression

import (
	"reflect"

	"cel.dev/cel-go/common/functions"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// sumType is what CEL makes of two lists that are added: a pair of them. Each element of a sum of sums is looked for through
// all pairs, so that a walk through it takes longer than its size says.
var sumType = func() reflect.Type {
	list := types.NewRefValList(types.DefaultTypeAdapter, []ref.Val{types.True})
	return reflect.TypeOf(list.Add(list))
}()

func isSum(v ref.Val) bool { return reflect.TypeOf(v) == sumType }

// addFlat returns an addition whose operands are no sums of lists, so that a sum is never deeper than one pair.
func addFlat(add functions.BinaryOp) functions.BinaryOp {
	if add == nil {
		return nil
	}
	return func(a, b ref.Val) ref.Val { return add(flat(a), flat(b)) }
}

// flat returns a sum of lists as one list, any other value as it is.
func flat(v ref.Val) ref.Val {
	if !isSum(v) {
		return v
	}
	list := v.(traits.Lister)
	elements := make([]ref.Val, 0, sizeOf(list))
	for it := list.Iterator(); it.HasNext() == types.True; {
		elements = append(elements, it.Next())
	}
	return types.NewRefValList(types.DefaultTypeAdapter, elements)
}
