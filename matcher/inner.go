package matcher

import (
	"slices"

	"github.com/eventgateway/eventgateway/internal/hamt"
)

// innerIndex leads to postings of one throng by a second condition of their conjunctions. So filters that have a condition
// in common, such as data.status == "paid", are told apart by the others. It is immutable.
type innerIndex struct {
	fields []innerField
	// rest are the postings that have no other condition that can be looked up.
	rest *hamt.Map[posting, struct{}]
}

type innerField struct {
	field  *field
	access *access
}

// maxInnerFields bounds how many fields are looked at for each event.
const maxInnerFields = 32

// insert returns the index with p, and the condition that leads to it.
func (x *innerIndex) insert(owner *hamt.Owner, p posting) (*innerIndex, byte) {
	c := p.clause.conditions
	best, fewest := noWay, int(^uint(0)>>1)
	for i := range c[:min(len(c), noWay)] {
		if i == int(p.condition) || !c[i].lookup() {
			continue
		}
		at := x.find(c[i].field)
		if at < 0 && len(x.fields) >= maxInnerFields {
			continue
		}
		var a *access
		if at >= 0 {
			a = x.fields[at].access
		}
		if crowd := a.crowdOf(&c[i], fewest); crowd < fewest {
			best, fewest = i, crowd
		}
	}
	return x.change(owner, p, byte(best), true), byte(best)
}

func (x *innerIndex) remove(owner *hamt.Owner, p posting, way byte) *innerIndex {
	return x.change(owner, p, way, false)
}

func (x *innerIndex) change(owner *hamt.Owner, p posting, way byte, add bool) *innerIndex {
	changed := *x
	if way == noWay {
		if add {
			changed.rest = x.rest.With(owner, p, struct{}{})
		} else {
			changed.rest = x.rest.Without(owner, p)
		}
		return &changed
	}
	c := &p.clause.conditions[way]
	changed.fields = slices.Clone(x.fields)
	at := x.find(c.field)
	if at < 0 {
		at = len(changed.fields)
		changed.fields = append(changed.fields, innerField{field: c.field})
	}
	f := &changed.fields[at]
	for i := range c.tests {
		f.access = f.access.change(owner, &c.tests[i], p.by(int(way), i), add)
	}
	if f.access == nil {
		changed.fields = slices.Delete(changed.fields, at, at+1)
	}
	return &changed
}

func (x *innerIndex) find(f *field) int {
	return slices.IndexFunc(x.fields, func(other innerField) bool { return other.field == f })
}

// visit looks at the values of the fields, for postings that entry at led to.
func (x *innerIndex) visit(f *finder, at int) {
	for p := range x.rest.All() {
		f.candidate(&p, at)
	}
	f.outer, f.outerTrust = at, f.trust
	for _, inner := range x.fields {
		for i := f.found.last(inner.field); i >= 0; i = f.found.entries[i].before {
			if v := &f.found.entries[i].value; v.kind != absent {
				f.trust = f.found.trustOf(int(i))
				inner.access.visit(v, f, int(i))
			}
		}
	}
	f.trust, f.outer, f.outerTrust = f.outerTrust, -1, 0
}
