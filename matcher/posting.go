package matcher

import (
	"iter"

	"github.com/eventgateway/eventgateway/internal/hamt"
)

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
