package matcher

import (
	"iter"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/internal/hamt"
)

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

// postings is an immutable set; nearly all have one element.
type postings struct {
	one  posting
	many *throng
}

// throng is two or more postings. Of very many, those that are candidates are found by another of their conditions.
type throng struct {
	// all has for each the condition by which inner leads to it, noWay if there is none.
	all   *hamt.Map[posting, byte]
	inner *innerIndex
}

// throngSize is from how many postings on there is an inner index.
const throngSize = 16

func (s postings) empty() bool { return s.one.clause == nil && s.many == nil }

func (s postings) len() int {
	switch {
	case s.many != nil:
		return s.many.all.Len()
	case s.one.clause != nil:
		return 1
	}
	return 0
}

// change returns the set with p, or without.
func (s postings) change(owner *hamt.Owner, p posting, add bool) postings {
	switch {
	case add && (s.empty() || s.one == p):
		return postings{one: p}
	case add && s.many == nil:
		return postings{many: (&throng{}).with(owner, s.one).with(owner, p)}
	case add:
		return postings{many: s.many.with(owner, p)}
	case s.many == nil && s.one == p:
		return postings{}
	case s.many == nil:
		return s
	}
	many := s.many.without(owner, p)
	if many.all.Len() == 1 {
		for last := range many.all.All() {
			return postings{one: last}
		}
	}
	return postings{many: many}
}

func (t *throng) with(owner *hamt.Owner, p posting) *throng {
	if _, ok := t.all.Get(p); ok {
		return t
	}
	c, way := *t, byte(noWay)
	if c.inner != nil {
		c.inner, way = c.inner.insert(owner, p)
	}
	c.all = c.all.With(owner, p, way)
	if c.inner == nil && c.all.Len() > throngSize && p.outer == 0 && p.test != everyTest {
		c.inner = &innerIndex{}
		var list []posting // as an owner changes the map in place
		for each := range c.all.All() {
			list = append(list, each)
		}
		for _, each := range list {
			c.inner, way = c.inner.insert(owner, each)
			c.all = c.all.With(owner, each, way)
		}
	}
	return &c
}

func (t *throng) without(owner *hamt.Owner, p posting) *throng {
	way, ok := t.all.Get(p)
	if !ok {
		return t
	}
	c := *t
	c.all = c.all.Without(owner, p)
	switch {
	case c.inner == nil:
	case c.all.Len() <= throngSize/2:
		c.inner = nil
	default:
		c.inner = c.inner.remove(owner, p, way)
	}
	return &c
}

// each yields all postings, of those that have an inner index too.
func (s postings) each() iter.Seq2[posting, byte] {
	if s.many == nil {
		return func(yield func(posting, byte) bool) {
			if s.one.clause != nil {
				yield(s.one, 0)
			}
		}
	}
	return s.many.all.All()
}

// visitor is called for the postings that a value, entry at of what was found, leads to.
type visitor interface{ candidates(list postings, at int) }
