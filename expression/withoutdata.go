package expression

import (
	"errors"
	"strings"
)

// known are beginnings of errors of evaluation, which say enough without what follows.
var known = []string{
	"no such overload", "no such attribute(s)", "index out of bounds", "index out of range", "division by zero", "modulus by zero",
	"integer overflow", "unsigned integer overflow", "double overflow", "timestamp overflow", "duration overflow", "range error",
	"invalid RFC 3339 timestamp", "unknown time zone", "invalid UTF-8 in bytes", "cannot slice", "error during formatting",
}

// WithoutData returns why the evaluation of an expression failed without what the error may hold of the event, for those who
// must not see that: logs, and whoever gets the answer of another's function.
func WithoutData(source string, err error) error {
	if errors.Is(err, errTime) || errors.Is(err, errCost) || errors.Is(err, ErrCrowded) || errors.Is(err, errShared) {
		return err
	}
	if _, ok := errors.AsType[*valueError](err); ok {
		return err
	}
	text := err.Error()
	const noKey, conversion, result = "no such key: ", "type conversion error from ", "the value is "
	if key, ok := strings.CutPrefix(text, noKey); ok {
		if strings.Contains(source, key) {
			return err
		}
		return errors.New("no such key")
	}
	if strings.HasPrefix(text, conversion) || strings.HasPrefix(text, result) || strings.HasPrefix(text, tooLarge) { // types and sizes
		return err
	}
	for _, prefix := range known {
		if strings.HasPrefix(text, prefix) {
			return errors.New(prefix)
		}
	}
	return errors.New("it cannot be evaluated for this event")
}
