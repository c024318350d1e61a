package matcher

import (
	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/expression"
)

// finder looks for the filters of one index that are true of one event.
type finder struct {
	index  *filterIndex
	in     *expression.Input
	found  *found
	match  *Match
	params eventgateway.PathParams
	// outer is the entry that led to the inner index that is being looked at, -1 if none.
	outer int
}

// find adds the subscriptions whose filters are true of the event to m.
//
// Every conjunction of every filter is reached through one value of one of its fields. What is reached is a superset: each
// conjunction is then checked whole, and counts only where it is reached the first way it can be, and only if no earlier
// conjunction of its filter is true as well. So every filter counts at most once, without a note of those that did.
func (x *filterIndex) find(in *expression.Input, params eventgateway.PathParams, m *Match) {
	in.SetParams(params)
	f := &m.finder
	*f = finder{x, in, &m.found, m, params, -1}
	f.found.read(in, x.fields)
	for i := range f.found.entries {
		e := &f.found.entries[i]
		if e.node.access != nil && e.value.kind != absent {
			e.node.access.visit(&e.value, f, i)
		}
	}
	f.candidates(x.always, -1)
	*f = finder{}
}

// candidates implements visitor.
func (f *finder) candidates(list postings, at int) {
	switch {
	case list.many == nil:
		if list.one.filter != nil {
			f.candidate(list.one, at)
		}
	case list.many.inner != nil:
		list.many.inner.visit(f, at)
	default:
		for p := range list.many.all.All() {
			f.candidate(p, at)
		}
	}
}

// candidate is called for a conjunction that entry at leads to, or none if at is -1.
func (f *finder) candidate(p posting, at int) {
	c := p.filter.all[p.conjunction]
	if at >= 0 && !f.first(&c[p.condition], p.test, at) {
		return
	}
	if p.outer > 0 && !f.first(&c[p.outer-1], p.outerTest, f.outer) {
		return
	}
	for i := range c {
		if at >= 0 && i == int(p.condition) || i == int(p.outer)-1 {
			continue
		}
		if !f.holds(&c[i]) {
			return
		}
	}
	for _, earlier := range p.filter.all[:p.conjunction] {
		if f.allHold(earlier) {
			return
		}
	}
	if p.filter.exact && !(f.found.lists && p.filter.joinsFields) {
		f.index.add(f, &p, nil)
		return
	}
	ok, err := p.filter.evaluate(f.in)
	if err != nil && p.filter.broken == nil {
		err = expression.WithoutData(p.filter.source, err)
	}
	if ok || err != nil {
		f.index.add(f, &p, err)
	}
}

// first reports whether a condition is true, and entry at and the test of that index are the first that say so.
func (f *finder) first(c *condition, test uint16, at int) bool {
	e := &f.found.entries[at]
	if !c.any && e.inList {
		return false
	}
	if test == everyTest {
		if !c.pass(&e.value) {
			return false
		}
	} else {
		if !c.tests[test].pass(&e.value, c.any) {
			return false
		}
		for i := range c.tests[:test] {
			if c.overlap && c.tests[i].pass(&e.value, c.any) {
				return false
			}
		}
	}
	if !c.any {
		return true
	}
	for i := f.found.last(c.field); i > int32(at); i = f.found.entries[i].before {
		if v := &f.found.entries[i].value; v.kind != absent && c.pass(v) {
			return false
		}
	}
	return true
}

// pass reports whether a value passes one of the tests.
func (c *condition) pass(v *value) bool {
	for i := range c.tests {
		if c.tests[i].pass(v, c.any) {
			return true
		}
	}
	return false
}

func (f *finder) allHold(c conjunction) bool {
	for i := range c {
		if !f.holds(&c[i]) {
			return false
		}
	}
	return true
}

// holds reports whether a condition is true of the event.
func (f *finder) holds(c *condition) bool {
	if len(c.tests) == 1 {
		switch c.tests[0].op {
		case opLacks:
			parent := f.found.plain(c.field.parent)
			return parent != nil && parent.kind != isList && f.found.plain(c.field) == nil
		case opAbsent:
			return f.found.lists || !f.anyScalar(c.field)
		}
	}
	if !c.any {
		v := f.found.plain(c.field)
		return v != nil && c.pass(v)
	}
	for i := f.found.last(c.field); i >= 0; i = f.found.entries[i].before {
		if v := &f.found.entries[i].value; v.kind != absent && c.pass(v) {
			return true
		}
	}
	return false
}

func (f *finder) anyScalar(at *field) bool {
	for i := f.found.last(at); i >= 0; i = f.found.entries[i].before {
		if f.found.entries[i].value.scalar() {
			return true
		}
	}
	return false
}
