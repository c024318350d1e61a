package matcher

import "github.com/eventgateway/eventgateway"

// clause is one of the conjunctions of a filter, as the index holds it: all that is asked to tell whether the filter is true. It
// is immutable.
type clause struct {
	filter     *Filter
	conditions conjunction
	hash       uint64
	// index is which of the filter's clauses it is.
	index uint16
	// decides is set if the filter is true where the clause is, and joins if that holds only where no objects are in lists.
	decides, joins bool
}

// index makes the filter's clauses.
func (f *Filter) index(d disjunction) {
	const mix = 0x9e3779b97f4a7c15
	f.exact, f.clauses = d.exact, make([]clause, len(d.all))
	for i, c := range d.all {
		f.clauses[i] = clause{
			filter: f, conditions: c, hash: f.hash ^ uint64(i+1)*mix, index: uint16(i), decides: d.exact, joins: f.joinsFields,
		}
	}
}

// trust tells of which conditions a value that the index found something by shows that they are true. A condition that has to
// be looked at nevertheless asks for what no value has, 0.
type trust uint8

const (
	// trustPlain is that of a value that is not in a list, for conditions of filters.
	trustPlain trust = 1 << iota
	// trustOnly is that of the only value of its field, for conditions of patterns.
	trustOnly
)

// trustOf returns the trust in a value, which is an entry of what was found.
func (s *found) trustOf(at int) trust {
	e := &s.entries[at]
	if e.value.kind == isNumber && !e.value.number.plain() {
		return 0
	}
	var t trust
	if !e.inList {
		t = trustPlain
	}
	if e.before < 0 && s.last(e.node.field) == int32(at) {
		t |= trustOnly
	}
	return t
}

// shown returns which trust in a value shows that the condition is true if a lookup of one of its tests has found the value.
func (c *condition) shown() trust {
	if c.overlap || !c.lookup() {
		return 0
	}
	for i := range c.tests {
		if !c.tests[i].exact() {
			return 0
		}
	}
	if c.any {
		return trustOnly
	}
	return trustPlain
}

// exact reports whether the index finds by a plain value only what it passes, and not what passes nearly.
func (t *test) exact() bool {
	switch t.op {
	case opEqual:
		return t.constant.kind != isNumber || t.constant.number.plain()
	case opRange:
		return (t.bounds.low.typ == 0 || t.bounds.low.plain()) && (t.bounds.high.typ == 0 || t.bounds.high.plain())
	}
	return t.lookup()
}

// posting is what the index finds for a value: a clause, through one test of one of its conditions. It holds what is needed most
// of what it leads to, as each of those may be a miss of the caches.
type posting struct {
	clause *clause
	// sole is the filter's only subscription, which is what nearly all have; nil if it has several.
	sole *eventgateway.Subscription
	// test and outerTest are indices of tests; test is everyTest where any value of the field may do. condition is the index of the
	// condition. outer is one more than the index of the condition that led here first; 0 where there was none.
	test, outerTest  uint16
	condition, outer uint8
	// shown and outerShown are those of the two conditions.
	shown, outerShown trust
	// whole is set if there are no other conditions, and nothing else has to be asked of the filter; async if sole is.
	whole, async bool
	// left is what there is to be asked beside that, if it is a single test of one field.
	left *condition
}

const everyTest = 1<<16 - 1

// newPosting returns the posting of a clause that no value leads to.
func newPosting(c *clause, sole *eventgateway.Subscription) posting {
	return posting{clause: c, sole: sole, test: everyTest, async: sole != nil && sole.Type != eventgateway.Sync}
}

// by returns the posting for a condition that leads to it, and a test of it; after another if p has one already.
func (p posting) by(condition, test int) posting {
	c := &p.clause.conditions[condition]
	if p.test != everyTest {
		p.outer, p.outerTest, p.outerShown = p.condition+1, p.test, p.shown
	}
	p.condition, p.test, p.shown = uint8(condition), uint16(test), 0
	if test != everyTest {
		p.shown = c.shown()
	}
	p.whole, p.left = false, nil
	if p.clause.index == 0 && p.clause.decides && !p.clause.joins {
		p.whole, p.left = p.rest()
	}
	return p
}

// rest returns whether a clause has no conditions but those that lead to it, and the only other one if that is simple.
func (p posting) rest() (none bool, left *condition) {
	none = true
	for i := range p.clause.conditions {
		c := &p.clause.conditions[i]
		switch {
		case i == int(p.condition) || i == int(p.outer)-1:
		case !none || c.any || len(c.tests) != 1 || c.alone() == opLacks:
			return false, nil
		default:
			none, left = false, c
		}
	}
	return none, left
}

// Hash implements hamt.Key.
func (p posting) Hash() uint64 {
	const mix = 0x9e3779b97f4a7c15
	way := uint64(p.condition)<<48 | uint64(p.outer)<<32 | uint64(p.test)<<16 | uint64(p.outerTest)
	return p.clause.hash ^ (way+1)*mix
}
