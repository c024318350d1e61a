package matcher

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
