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
	// trust is that in the value that leads to what is found, outerTrust that in the outer one.
	trust, outerTrust trust
	// asked is the field that was looked at last, and answer its value.
	asked  *field
	answer *value
}

// find adds the subscriptions whose filters are true of the event to m.
//
// Every conjunction of every filter is reached through one value of one of its fields. What is reached is a superset: each
// conjunction is then checked, but for what its lookup has shown, and counts only where it is reached the first way it can be,
// and only if no earlier conjunction of its filter is true as well. So every filter counts at most once, without a note of
// those that did.
func (x *filterIndex) find(in *expression.Input, params eventgateway.PathParams, m *Match) {
	in.SetParams(params)
	f := &m.finder
	*f = finder{index: x, in: in, found: &m.found, match: m, params: params, outer: -1}
	f.found.read(in, x.fields)
	for i := range f.found.entries {
		e := &f.found.entries[i]
		if e.node.access != nil && e.value.kind != absent {
			f.trust = f.found.trustOf(i)
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
		if list.one.clause != nil {
			f.candidate(&list.one, at)
		}
	case list.many.inner != nil:
		list.many.inner.visit(f, at)
	default:
		for p := range list.many.all.All() {
			f.candidate(&p, at)
		}
	}
}

// candidate is called for a clause that entry at leads to, or none if at is -1.
func (f *finder) candidate(p *posting, at int) {
	shown := f.trust&p.shown != 0
	outerShown := p.outer == 0 || f.outerTrust&p.outerShown != 0
	if shown && outerShown {
		if p.whole {
			f.add(p, nil)
			return
		}
		if p.left != nil {
			if v := f.plain(p.left.field); v != nil && p.left.tests[0].pass(v, false) {
				f.add(p, nil)
			}
			return
		}
	}
	clause := p.clause
	c := clause.conditions
	if !shown && at >= 0 && !f.first(&c[p.condition], p.test, at) || !outerShown && !f.first(&c[p.outer-1], p.outerTest, f.outer) {
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
	if clause.index > 0 && f.earlierHolds(clause) {
		return
	}
	if clause.decides && !(clause.joins && f.found.lists) {
		f.add(p, nil)
		return
	}
	filter := clause.filter
	ok, err := filter.evaluate(f.in)
	if err != nil && filter.broken == nil {
		err = expression.WithoutData(filter.source, err)
	}
	if ok || err != nil {
		f.add(p, err)
	}
}

// add adds the subscriptions of a filter that is true, or could not be evaluated, to what is found. p led to the filter.
func (f *finder) add(p *posting, err error) {
	switch {
	case p.async && err == nil:
		f.match.Async = append(f.match.Async, Target{p.sole, f.params})
	case p.sole != nil:
		f.addOne(p.sole, err)
	default:
		g, _ := f.index.groups.Get(p.clause.filter)
		for _, s := range g.many.All() {
			f.addOne(s, err)
		}
	}
}

func (f *finder) addOne(s *eventgateway.Subscription, err error) {
	if err != nil {
		f.match.Failed = append(f.match.Failed, Failure{s, err})
		return
	}
	f.match.add(s, f.params)
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

// earlierHolds reports whether a clause of the same filter before this is true.
func (f *finder) earlierHolds(c *clause) bool {
	for i := range c.filter.clauses[:c.index] {
		if f.allHold(c.filter.clauses[i].conditions) {
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
	if !c.any {
		v := f.plain(c.field)
		if v == nil {
			return c.alone() == opLacks && f.lacks(c.field)
		}
		return c.pass(v)
	}
	if c.alone() == opAbsent {
		return f.found.lists || !f.anyScalar(c.field)
	}
	for i := f.found.last(c.field); i >= 0; i = f.found.entries[i].before {
		if v := &f.found.entries[i].value; v.kind != absent && c.pass(v) {
			return true
		}
	}
	return false
}

// plain is found.plain, which is often asked for one field again and again.
func (f *finder) plain(at *field) *value {
	if f.asked != at {
		f.asked, f.answer = at, f.found.plain(at)
	}
	return f.answer
}

// lacks reports whether there is something that might have a field that is not there.
func (f *finder) lacks(at *field) bool {
	parent := f.found.plain(at.parent)
	return parent != nil && parent.kind != isList
}

func (f *finder) anyScalar(at *field) bool {
	for i := f.found.last(at); i >= 0; i = f.found.entries[i].before {
		if f.found.entries[i].value.scalar() {
			return true
		}
	}
	return false
}
