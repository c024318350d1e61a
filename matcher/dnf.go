package matcher

import (
	"github.com/eventgateway/eventgateway/expression"
)

const (
	// maxConjunctions is how many conjunctions a filter may be for the index; what is more is left to its program.
	maxConjunctions = 32
	// maxTests is how many tests all of them may have together.
	maxTests = 4096
)

// disjunction is true if one of its conjunctions is. A conjunction may leave something open, that is known to be false of
// events it is false of, but not the other way round: then exact is not set.
type disjunction struct {
	all   []conjunction
	exact bool
}

// normalize turns a formula into a disjunction of conjunctions. Where that grows too large, parts are left open.
func normalize(f expression.Formula) disjunction {
	switch f.Op {
	case expression.Opaque:
		return open()
	case expression.And:
		all := disjunction{[]conjunction{{}}, true}
		for _, arg := range f.Args {
			all = all.and(normalize(arg))
		}
		return all
	case expression.Or:
		all := disjunction{nil, true}
		for _, arg := range f.Args {
			if all = all.or(normalize(arg)); len(all.all) > maxConjunctions {
				return open()
			}
		}
		return all
	}
	return disjunction{[]conjunction{{conditionOf(f)}}, true}
}

// open is true of everything, and leaves everything open.
func open() disjunction { return disjunction{[]conjunction{{}}, false} }

func (d disjunction) and(other disjunction) disjunction {
	exact := d.exact && other.exact
	if len(d.all)*len(other.all) > maxConjunctions || d.tests()*len(other.all)+other.tests()*len(d.all) > maxTests {
		if len(d.all) > 0 && (len(other.all) == 0 || len(d.all) > len(other.all)) {
			return disjunction{other.all, false}
		}
		return disjunction{d.all, false}
	}
	var all []conjunction
	for _, a := range d.all {
		for _, b := range other.all {
			all = append(all, a.and(b))
		}
	}
	return disjunction{all, exact}
}

func (d disjunction) tests() int {
	n := 0
	for _, c := range d.all {
		n += c.tests()
	}
	return n
}

func (c conjunction) tests() int {
	n := 0
	for i := range c {
		n += len(c[i].tests)
	}
	return n
}

// or joins two disjunctions; single conditions on one field become one condition.
func (d disjunction) or(other disjunction) disjunction {
	all := d.all
next:
	for _, b := range other.all {
		for i, a := range all {
			if len(a) == 1 && len(b) == 1 && a[0].field == b[0].field && a[0].joins() && b[0].joins() {
				all[i] = conjunction{newCondition(a[0].field, a[0].any, append(a[0].tests[:len(a[0].tests):len(a[0].tests)], b[0].tests...))}
				continue next
			}
		}
		all = append(all, b)
	}
	return disjunction{all, d.exact && other.exact}
}

// joins reports whether the tests may stand beside others.
func (c *condition) joins() bool {
	for i := range c.tests {
		if c.tests[i].op >= opExists {
			return false
		}
	}
	return true
}

// and joins two conjunctions; two ranges of one field become one.
func (c conjunction) and(other conjunction) conjunction {
	out := append(conjunction{}, c...)
next:
	for _, b := range other {
		for i := range out {
			if a := &out[i]; a.field == b.field && a.plainRange() && b.plainRange() {
				both := intersect(*a.tests[0].bounds, *b.tests[0].bounds)
				out[i] = newCondition(a.field, false, []test{{op: opRange, bounds: &both}})
				continue next
			}
		}
		out = append(out, b)
	}
	return out
}

// plainRange reports whether the condition is one range, with limits that doubles tell apart: of others, which of two is
// tighter may depend on the type of the number between them.
func (c *condition) plainRange() bool {
	if c.any || c.alone() != opRange {
		return false
	}
	b := c.tests[0].bounds
	return b.low.plain() && b.high.plain()
}

// intersect returns the bounds of what is in both.
func intersect(a, b bounds) bounds {
	if b.low.typ != 0 && (a.low.typ == 0 || tighter(b.low.compare(a.low), b.openLow)) {
		a.low, a.openLow = b.low, b.openLow
	}
	if b.high.typ != 0 && (a.high.typ == 0 || tighter(a.high.compare(b.high), b.openHigh)) {
		a.high, a.openHigh = b.high, b.openHigh
	}
	return a
}

// tighter reports whether a bound that is further in by c than another, and may be open, takes its place.
func tighter(c int, open bool) bool { return c > 0 || c == 0 && open }

// conditionOf returns the condition of a formula that is a comparison.
func conditionOf(f expression.Formula) condition {
	at := fieldOf(f.Path)
	var tests []test
	switch f.Op {
	case expression.Equal:
		tests = equalTo(f.Values)
	case expression.NotEqual:
		if len(f.Values) == 1 {
			tests = []test{{op: opNotEqual, constant: valueOf(f.Values[0])}}
		} else {
			tests = []test{{op: opNone, rare: &rare{not: equalTo(f.Values)}}}
		}
	case expression.Less, expression.LessEqual:
		tests = []test{{op: opRange, bounds: &bounds{high: numberOf(f.Values[0]), openHigh: f.Op == expression.Less}}}
	case expression.Greater, expression.GreaterEqual:
		tests = []test{{op: opRange, bounds: &bounds{low: numberOf(f.Values[0]), openLow: f.Op == expression.Greater}}}
	case expression.Exists:
		tests = []test{{op: opExists}}
	case expression.NotExists:
		tests = []test{{op: opLacks}}
	default:
		ops := map[expression.Op]op{
			expression.Prefix: opPrefix, expression.NotPrefix: opNotPrefix,
			expression.Suffix: opSuffix, expression.NotSuffix: opNotSuffix,
		}
		tests = []test{{op: ops[f.Op], constant: valueOf(f.Values[0])}}
	}
	return newCondition(at, false, tests)
}

// equalTo returns a test for each value.
func equalTo(values []any) []test {
	tests := make([]test, len(values))
	for i, v := range values {
		tests[i] = test{op: opEqual, constant: valueOf(v)}
	}
	return tests
}
