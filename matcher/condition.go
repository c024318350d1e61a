package matcher

import (
	"net/netip"
	"strings"
	"unicode"
)

// op is what a test asks of one value.
type op uint8

const (
	opEqual op = iota // equals constant
	opFold            // equals text but for case
	opPrefix
	opSuffix
	opRange  // is a number between low and high
	opExists // is there; in a pattern: and neither list nor object
	// The index does not look these up.
	opNotEqual   // is there and does not equal constant
	opNone       // is there and passes none of not; in a pattern: and is neither list nor object
	opNotPrefix  // is a string and does not start with text
	opNotSuffix  // is a string and does not end with text
	opPrefixFold // starts with text but for case
	opSuffixFold
	opWildcard // is a string that has parts in this order
	opCIDR     // is an address in the network
	// These are true of what is not there. They stand alone in their condition.
	opLacks  // the parent is there, may have members and lacks this one
	opAbsent // nothing is there but lists and objects
)

// test is one alternative of a condition.
type test struct {
	op op
	// constant is what the value is compared with; its text is that of opFold, opPrefix and so on.
	constant value
	bounds   *bounds
	rare     *rare
}

// rare is what few tests have.
type rare struct {
	parts   []string
	network netip.Prefix
	not     []test
}

// bounds of a range; a side without a limit has typ 0.
type bounds struct {
	low, high         number
	openLow, openHigh bool
}

// condition is true if a value of its field passes one of its tests.
type condition struct {
	field *field
	tests []test
	// any is set in a pattern: the path leads through lists, and then there may be many values; each counts.
	any bool
	// overlap is set if one value may pass two tests.
	overlap bool
}

// conjunction is true if all its conditions are.
type conjunction []condition

// lookup reports whether the index can look the test up.
func (t *test) lookup() bool { return t.op < opExists }

func (b *bounds) contain(n number) bool {
	if b.low.typ != 0 {
		if c := n.compare(b.low); c < 0 || c == 0 && b.openLow {
			return false
		}
	}
	if b.high.typ != 0 {
		if c := n.compare(b.high); c > 0 || c == 0 && b.openHigh {
			return false
		}
	}
	return true
}

// pass reports whether a value that is there passes the test.
func (t *test) pass(v *value, pattern bool) bool {
	switch t.op {
	case opEqual:
		return v.equal(&t.constant)
	case opExists:
		return !pattern || v.scalar()
	case opRange:
		return v.kind == isNumber && t.bounds.contain(v.number)
	case opNotEqual:
		return !v.equal(&t.constant)
	case opNone:
		if pattern && !v.scalar() {
			return false
		}
		for i := range t.rare.not {
			if t.rare.not[i].pass(v, pattern) {
				return false
			}
		}
		return true
	}
	return v.kind == isString && t.passText(v.text)
}

func (t *test) passText(s string) bool {
	switch t.op {
	case opFold:
		return fold(s) == t.constant.text
	case opPrefix:
		return strings.HasPrefix(s, t.constant.text)
	case opSuffix:
		return strings.HasSuffix(s, t.constant.text)
	case opNotPrefix:
		return !strings.HasPrefix(s, t.constant.text)
	case opNotSuffix:
		return !strings.HasSuffix(s, t.constant.text)
	case opPrefixFold:
		return strings.HasPrefix(fold(s), t.constant.text)
	case opSuffixFold:
		return strings.HasSuffix(fold(s), t.constant.text)
	case opWildcard:
		return wildcard(t.rare.parts, s)
	case opCIDR:
		address, err := netip.ParseAddr(s)
		return err == nil && t.rare.network.Contains(address)
	}
	return false
}

// wildcard reports whether s is the parts in their order with anything between them.
func wildcard(parts []string, s string) bool {
	last := len(parts) - 1
	if last == 0 {
		return s == parts[0]
	}
	if !strings.HasPrefix(s, parts[0]) {
		return false
	}
	s = s[len(parts[0]):]
	for _, part := range parts[1:last] {
		i := strings.Index(s, part)
		if i < 0 {
			return false
		}
		s = s[i+len(part):]
	}
	return strings.HasSuffix(s, parts[last])
}

// foldRune returns one of the runes that differ from r in case only, the same for all of them; of ASCII the lower case.
func foldRune(r rune) rune {
	least := r
	for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
		least = min(least, other)
	}
	if 'A' <= least && least <= 'Z' {
		least += 'a' - 'A'
	}
	return least
}

// newCondition returns a condition with the tests, each constant once.
func newCondition(f *field, pattern bool, tests []test) condition {
	c := condition{field: f, tests: tests, any: pattern}
	if len(tests) < 2 {
		return c
	}
	c.tests = make([]test, 0, len(tests))
	constants, doubles := make(map[value]bool, len(tests)), map[float64]bool{}
	for _, t := range tests {
		if t.op != opEqual {
			c.overlap = true
			c.tests = append(c.tests, t)
			continue
		}
		if constants[t.constant] {
			continue
		}
		constants[t.constant] = true
		c.tests = append(c.tests, t)
		if t.constant.kind == isNumber { // numbers that doubles cannot tell apart, such as 1 and 1.0, may equal one value
			c.overlap = c.overlap || doubles[t.constant.number.f]
			doubles[t.constant.number.f] = true
		}
	}
	return c
}
