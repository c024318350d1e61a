package matcher

import (
	"math"

	"github.com/eventgateway/eventgateway/internal/hamt"
)

// spans is a persistent tree of ranges of doubles: it finds those that hold a number in the logarithm of their count, for
// each that it finds. It is a treap, sorted by span, where every node knows the highest end below it. nil is empty.
type spans struct {
	span        span
	highest     float64
	here        postings
	left, right *spans
}

// span is a range with both its ends, wide enough for all numbers of the range, however they are rounded.
type span struct{ low, high float64 }

// spanOf returns the span of bounds; an empty range may have one that holds nothing.
func spanOf(b *bounds) span {
	s := span{math.Inf(-1), math.Inf(1)}
	if b.low.typ != 0 {
		if s.low = b.low.f + 0; b.openLow && b.low.plain() { // -0 becomes 0
			s.low = math.Nextafter(s.low, math.Inf(1))
		}
	}
	if b.high.typ != 0 {
		if s.high = b.high.f + 0; b.openHigh && b.high.plain() {
			s.high = math.Nextafter(s.high, math.Inf(-1))
		}
	}
	return s
}

func (s span) less(other span) bool {
	return s.low < other.low || s.low == other.low && s.high < other.high
}

// priority makes the shape of the tree that of a random one, and the same for the same content.
func (s span) priority() uint64 {
	h := math.Float64bits(s.low)*0x9e3779b97f4a7c15 ^ math.Float64bits(s.high)*0xc2b2ae3d27d4eb4f
	h ^= h >> 29
	h *= 0xbf58476d1ce4e5b9
	return h ^ h>>32
}

func (t *spans) fix() *spans {
	t.highest = t.span.high
	for _, child := range [2]*spans{t.left, t.right} {
		if child != nil {
			t.highest = max(t.highest, child.highest)
		}
	}
	return t
}

// change returns the tree with p added under a span, or taken away.
func (t *spans) change(owner *hamt.Owner, at span, p posting, add bool) *spans {
	if t == nil {
		if !add {
			return nil
		}
		return (&spans{span: at, here: postings{one: p}}).fix()
	}
	c := *t
	switch {
	case at == t.span:
		if c.here = t.here.change(owner, p, add); c.here.empty() {
			return merge(t.left, t.right)
		}
	case at.less(t.span):
		if c.left = t.left.change(owner, at, p, add); c.left != nil && c.left.span.priority() > c.span.priority() {
			top := *c.left
			c.left = top.right
			top.right = c.fix()
			return top.fix()
		}
	default:
		if c.right = t.right.change(owner, at, p, add); c.right != nil && c.right.span.priority() > c.span.priority() {
			top := *c.right
			c.right = top.left
			top.left = c.fix()
			return top.fix()
		}
	}
	return c.fix()
}

// merge joins two trees; all of a is before all of b.
func merge(a, b *spans) *spans {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	case a.span.priority() > b.span.priority():
		top := *a
		top.right = merge(a.right, b)
		return top.fix()
	}
	top := *b
	top.left = merge(a, b.left)
	return top.fix()
}

// visit calls f for the postings of all spans that hold n.
func (t *spans) visit(n float64, f visitor, at int) {
	for t != nil && t.highest >= n {
		t.left.visit(n, f, at)
		if t.span.low > n {
			return
		}
		if t.span.high >= n {
			f.candidates(t.here, at)
		}
		t = t.right
	}
}

// count returns how many postings hold n, or limit if there are as many.
func (t *spans) count(n float64, limit int) int {
	found := 0
	for t != nil && t.highest >= n && found < limit {
		found += t.left.count(n, limit-found)
		if t.span.low > n {
			break
		}
		if t.span.high >= n {
			found += t.here.len()
		}
		t = t.right
	}
	return min(found, limit)
}

// crowd estimates how many postings are found with those of a span. Counting very many would take long, and a constant that
// as many share is still the better way.
func (t *spans) crowd(s span) int {
	const most = 64
	n := max(t.count(s.low, most), t.count(s.high, most))
	if n == most {
		return lastResort / 2
	}
	return n
}
