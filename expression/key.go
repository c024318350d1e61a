package expression

import (
	"errors"
	"math"
	"strconv"

	"cel.dev/cel-go/common/types"

	"github.com/eventgateway/eventgateway"
)

// Text evaluates an expression whose value names something, such as an ordering key, and returns the value as text: a
// string as it is; a number in one form for all numbers that are equal, so that 1 and 1.0 are "1"; true and false; a
// timestamp, a duration or bytes as the string they are in JSON, without its quotes; a list or map as its JSON, ordered by
// name; null and an empty optional as "". Values of different types may so have one text, as 1 and "1" do. The text shares
// memory with the event, and need not be valid UTF-8.
//
// field names the expression in errors, which are *TransformErrors. Programs are kept compiled as those of transforms are.
// The costly ones of one event and space have TimePerEvent together, beside what its filters take, and wait for their turn
// as those do: the cause of the error may be ErrCrowded.
func Text(field, source string, in *Input) (string, error) {
	program, err := recent.get(Transform, field, source)
	if err != nil {
		return "", &TransformError{field, errors.New("the expression does not compile any more")}
	}
	in.purpose = naming
	value, err := program.Value(in)
	in.purpose = filtering
	if err != nil {
		return "", &TransformError{field, WithoutData(source, err)}
	}
	return value.text(), nil
}

func (v Value) text() string {
	switch v := v.v.(type) {
	case types.Null:
		return ""
	case types.String:
		return string(v)
	case types.Double:
		if text, ok := wholeText(float64(v)); ok {
			return text
		}
	}
	doc := v.JSON()
	if text, ok := eventgateway.JSONText(doc); ok {
		return string(text)
	}
	return string(doc)
}

// wholeText returns a double that equals an integer of 64 bits as that integer.
func wholeText(f float64) (string, bool) {
	const limit = 1 << 63
	switch {
	case f != math.Trunc(f) || f < -limit || f >= 2*limit: // also what is no number
		return "", false
	case f < limit:
		return strconv.FormatInt(int64(f), 10), true
	}
	return strconv.FormatUint(uint64(f), 10), true
}
