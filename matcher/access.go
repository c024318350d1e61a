package matcher

import (
	"math"
	"slices"

	"github.com/eventgateway/eventgateway/internal/hamt"
)

// access is the postings of one field by what its value has to be. It is immutable.
type access struct {
	text, folded       *hamt.Map[hamt.String, postings]
	numbers            *hamt.Map[double, postings]
	null, yes, no      postings
	prefixes, suffixes *radix
	ranges             *spans
	// some are those for which any value may do.
	some postings
}

// double is a number as a key: equal numbers have equal doubles, though not the other way round.
type double float64

// Hash implements hamt.Key.
func (d double) Hash() uint64 {
	h := math.Float64bits(float64(d)) * 0x9e3779b97f4a7c15
	return h ^ h>>32
}

// change returns the access with p added under a test, or taken away; nil if nothing is left.
func (a *access) change(owner *hamt.Owner, t *test, p posting, add bool) *access {
	var c access
	if a != nil {
		c = *a
	}
	switch {
	case t == nil:
		c.some = c.some.change(owner, p, add)
	case t.op == opEqual:
		c.changeEqual(owner, &t.constant, p, add)
	case t.op == opFold:
		c.folded = changeKey(c.folded, owner, hamt.String(t.constant.text), p, add)
	case t.op == opPrefix:
		c.prefixes = c.prefixes.change(owner, t.constant.text, p, add)
	case t.op == opSuffix:
		c.suffixes = c.suffixes.change(owner, reversed(t.constant.text), p, add)
	case t.op == opRange:
		c.ranges = c.ranges.change(owner, spanOf(t.bounds), p, add)
	}
	if c == (access{}) {
		return nil
	}
	return &c
}

func (a *access) changeEqual(owner *hamt.Owner, constant *value, p posting, add bool) {
	switch constant.kind {
	case isString:
		a.text = changeKey(a.text, owner, hamt.String(constant.text), p, add)
	case isNumber:
		a.numbers = changeKey(a.numbers, owner, double(constant.number.f+0), p, add)
	case isNull:
		a.null = a.null.change(owner, p, add)
	case isTrue:
		a.yes = a.yes.change(owner, p, add)
	case isFalse:
		a.no = a.no.change(owner, p, add)
	}
}

func changeKey[K hamt.Key](m *hamt.Map[K, postings], owner *hamt.Owner, key K, p posting, add bool) *hamt.Map[K, postings] {
	list, _ := m.Get(key)
	if list = list.change(owner, p, add); list.empty() {
		return m.Without(owner, key)
	}
	return m.With(owner, key, list)
}

// lastResort is the crowd of what cannot be looked up: it is worse than any other.
const lastResort = 1 << 40

// crowdOf estimates, up to limit, how many conjunctions are found with one that a condition leads to.
func (a *access) crowdOf(c *condition, limit int) int {
	const manyTests = 64
	if !c.lookup() {
		return lastResort + a.crowd(nil, lastResort)
	}
	most := 0
	for i := range c.tests[:min(len(c.tests), manyTests)] {
		most = max(most, a.crowd(&c.tests[i], limit))
	}
	return most
}

// crowd estimates, up to limit, how many others are found with what a test finds. Nil is the test that any value passes.
func (a *access) crowd(t *test, limit int) int {
	if a == nil {
		return 0
	}
	n := 0
	switch {
	case t == nil:
		n = a.some.len()
	case t.op == opEqual:
		switch c := &t.constant; c.kind {
		case isString:
			list, _ := a.text.Get(hamt.String(c.text))
			n = list.len()
		case isNumber:
			list, _ := a.numbers.Get(double(c.number.f + 0))
			n = list.len()
		case isNull:
			n = a.null.len()
		case isTrue:
			n = a.yes.len()
		case isFalse:
			n = a.no.len()
		}
	case t.op == opFold:
		list, _ := a.folded.Get(hamt.String(t.constant.text))
		n = list.len()
	case t.op == opPrefix:
		n = a.prefixes.under(t.constant.text)
	case t.op == opSuffix:
		n = a.suffixes.under(reversed(t.constant.text))
	case t.op == opRange:
		n = a.ranges.crowd(spanOf(t.bounds))
	}
	return min(n, limit)
}

// visit calls f for all postings that may be true of a value, which is entry at of what was found.
func (a *access) visit(v *value, f *finder, at int) {
	switch v.kind {
	case isString:
		a.visitText(v.text, f, at)
	case isNumber:
		if list, ok := a.numbers.Get(double(v.number.f + 0)); ok {
			f.candidates(list, at)
		}
		a.ranges.visit(v.number.f, f, at)
	case isNull:
		f.candidates(a.null, at)
	case isTrue:
		f.candidates(a.yes, at)
	case isFalse:
		f.candidates(a.no, at)
	}
	f.candidates(a.some, at)
}

func (a *access) visitText(text string, f *finder, at int) {
	if list, ok := a.text.Get(hamt.String(text)); ok {
		f.candidates(list, at)
	}
	if a.folded != nil {
		if list, ok := a.folded.Get(hamt.String(fold(text))); ok {
			f.candidates(list, at)
		}
	}
	if a.prefixes != nil {
		a.prefixes.visit(text, f, at)
	}
	if a.suffixes != nil {
		a.suffixes.visit(f.found.reversed(at), f, at)
	}
}

func reversed(text string) string {
	b := []byte(text)
	slices.Reverse(b)
	return string(b)
}
