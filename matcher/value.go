package matcher

import (
	"strings"
	"unsafe"

	"github.com/eventgateway/eventgateway/expression"
)

// kind is the kind of a value in an event.
type kind uint8

const (
	absent kind = iota
	isNull
	isFalse
	isTrue
	isNumber
	isString
	// isList and isObject values are there, but nothing of them is compared.
	isList
	isObject
	// isOther is what equals no constant: bytes.
	isOther
)

// value is one value of an event, or a constant it is compared with.
type value struct {
	kind   kind
	number number
	text   string
}

// number is a number as CEL has it: of three types that compare by what they count.
type number struct {
	typ byte // 'i', 'u' or 'd'; 0 is no number
	// n is the integer; an int64 as it is in two's complement.
	n uint64
	// f is the number as a double, rounded; it is never NaN.
	f float64
}

func numberOf(v any) number {
	switch v := v.(type) {
	case int64:
		return number{typ: 'i', n: uint64(v), f: float64(v)}
	case int32:
		return number{typ: 'i', n: uint64(int64(v)), f: float64(v)}
	case uint64:
		return number{typ: 'u', n: v, f: float64(v)}
	case float64:
		return number{typ: 'd', f: v}
	}
	return number{}
}

// plain reports whether f is the number, and no other number has that f.
func (a number) plain() bool {
	const limit = 1 << 53
	return a.f > -limit && a.f < limit
}

// compare orders numbers as CEL does: exactly among integers, as doubles where one is a double.
func (a number) compare(b number) int {
	switch {
	case a.typ == 'd' || b.typ == 'd':
		return order(a.f, b.f)
	case a.typ == 'i' && b.typ == 'i':
		return order(int64(a.n), int64(b.n))
	case a.typ == 'i' && int64(a.n) < 0:
		return -1
	case b.typ == 'i' && int64(b.n) < 0:
		return 1
	}
	return order(a.n, b.n)
}

func order[T int64 | uint64 | float64](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// valueOf converts what expression.Input and expression.Formula have.
func valueOf(v any) value {
	switch v := v.(type) {
	case nil:
		return value{kind: isNull}
	case bool:
		if v {
			return value{kind: isTrue}
		}
		return value{kind: isFalse}
	case string:
		return value{kind: isString, text: v}
	case int64, int32, uint64, float64:
		return value{kind: isNumber, number: numberOf(v)}
	case []any, []string:
		return value{kind: isList}
	case map[string]any, map[string]string, map[string][]string:
		return value{kind: isObject}
	}
	return value{kind: isOther}
}

// scalarOf reads a JSON number, true, false or null.
func scalarOf(literal string) value {
	switch literal[0] {
	case 't':
		return value{kind: isTrue}
	case 'f':
		return value{kind: isFalse}
	case 'n':
		return value{kind: isNull}
	}
	return value{kind: isNumber, number: smallNumber(literal)}
}

// smallNumber reads the usual numbers without a detour.
func smallNumber(literal string) number {
	if len(literal) > 15 {
		return numberOf(expression.Number(literal))
	}
	n, digits := int64(0), literal
	if digits[0] == '-' {
		digits = digits[1:]
	}
	for i := range len(digits) {
		c := digits[i] - '0'
		if c > 9 {
			return numberOf(expression.Number(literal))
		}
		n = n*10 + int64(c)
	}
	if len(digits) != len(literal) {
		n = -n
	}
	return number{typ: 'i', n: uint64(n), f: float64(n)}
}

func (v *value) equal(other *value) bool {
	if v.kind != other.kind {
		return false
	}
	switch v.kind {
	case isString:
		return v.text == other.text
	case isNumber:
		return v.number.compare(other.number) == 0
	case isNull, isTrue, isFalse:
		return true
	}
	return false
}

// scalar reports whether v is there and neither list nor object.
func (v *value) scalar() bool { return v.kind != absent && v.kind != isList && v.kind != isObject }

// textOf returns bytes as a string without a copy; an event's data is never changed.
func textOf(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// fold returns what strings equal but for their case have in common.
func fold(s string) string {
	for i := range len(s) {
		if c := s[i]; c >= 0x80 || 'A' <= c && c <= 'Z' {
			return strings.Map(foldRune, s)
		}
	}
	return s
}
