package matcher

import (
	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/internal/hamt"
)

// filterIndex is the subscriptions with a filter of one path pattern. It is an immutable value, and empty when zero.
type filterIndex struct {
	// ids are all of them by ID.
	ids *hamt.Map[hamt.String, filtered]
	// groups are those of each filter: it is evaluated once, however many have it.
	groups *hamt.Map[*Filter, group]
	// fields is what is looked at in an event, and in it the way to the filters.
	fields fieldNodes
	// always are the conjunctions that no value leads to.
	always postings
}

type filtered struct {
	subscription *eventgateway.Subscription
	filter       *Filter
}

// group is the subscriptions of one filter.
type group struct {
	one  *eventgateway.Subscription
	many *hamt.Map[hamt.String, *eventgateway.Subscription]
	// ways tells for each conjunction which condition leads to it.
	ways string
}

// noWay is the way of a conjunction that is among always.
const noWay = 255

func (x *filterIndex) len() int { return x.ids.Len() }

// insert adds s in place of one with its ID, and reports whether there was one.
func (x *filterIndex) insert(owner *hamt.Owner, s *eventgateway.Subscription, f *Filter) (replaced bool) {
	replaced = x.remove(owner, s.ID)
	x.ids = x.ids.With(owner, hamt.String(s.ID), filtered{s, f})
	g, ok := x.groups.Get(f)
	switch {
	case !ok:
		g = group{one: s, ways: x.addFilter(owner, f, s)}
	case g.many == nil:
		x.retarget(owner, f, g, nil)
		g.many = g.many.With(owner, hamt.String(g.one.ID), g.one)
		g.one = nil
		fallthrough
	default:
		g.many = g.many.With(owner, hamt.String(s.ID), s)
	}
	x.groups = x.groups.With(owner, f, g)
	return replaced
}

// remove takes the subscription of an ID away, and reports whether there was one.
func (x *filterIndex) remove(owner *hamt.Owner, id string) bool {
	old, ok := x.ids.Get(hamt.String(id))
	if !ok {
		return false
	}
	x.ids = x.ids.Without(owner, hamt.String(id))
	g, _ := x.groups.Get(old.filter)
	if g.many = g.many.Without(owner, hamt.String(id)); g.many.Len() > 0 {
		if g.many.Len() == 1 {
			for _, last := range g.many.All() {
				x.retarget(owner, old.filter, g, last)
				g.one, g.many = last, nil
			}
		}
		x.groups = x.groups.With(owner, old.filter, g)
		return true
	}
	x.groups = x.groups.Without(owner, old.filter)
	for i := range old.filter.clauses {
		c := &old.filter.clauses[i]
		x.reach(owner, newPosting(c, g.one), int(g.ways[i]), false)
		x.ask(owner, c.conditions, -1)
	}
	return true
}

// retarget makes the conjunctions of a filter tell another only subscription, or none, instead of that of its group.
func (x *filterIndex) retarget(owner *hamt.Owner, f *Filter, g group, sole *eventgateway.Subscription) {
	for i := range f.clauses {
		c := &f.clauses[i]
		x.reach(owner, newPosting(c, g.one), int(g.ways[i]), false)
		x.reach(owner, newPosting(c, sole), int(g.ways[i]), true)
	}
}

// addFilter adds the conjunctions of a filter with one subscription and returns the ways to them.
func (x *filterIndex) addFilter(owner *hamt.Owner, f *Filter, sole *eventgateway.Subscription) string {
	ways := make([]byte, len(f.clauses))
	for i := range f.clauses {
		c := &f.clauses[i]
		x.ask(owner, c.conditions, 1)
		way := x.bestWay(c.conditions)
		ways[i] = byte(way)
		x.reach(owner, newPosting(c, sole), way, true)
	}
	return string(ways)
}

// ask counts the fields of a conjunction, so that they are looked at; times is 1 or -1.
func (x *filterIndex) ask(owner *hamt.Owner, c conjunction, times int) {
	for i := range c {
		counts := change{below: times}
		if c[i].any {
			counts.lists = times
		}
		x.fields = x.fields.change(owner, c[i].field, 0, counts)
		if c[i].field.parent != nil {
			x.fields = x.fields.change(owner, c[i].field.parent, 0, counts)
		}
	}
}

// reach adds a clause to what the tests of one of its conditions lead to, or takes it away.
func (x *filterIndex) reach(owner *hamt.Owner, p posting, way int, add bool) {
	if way == noWay {
		x.always = x.always.change(owner, p, add)
		return
	}
	c := &p.clause.conditions[way]
	x.fields = x.fields.change(owner, c.field, 0, change{edit: func(a *access) *access {
		if !c.lookup() {
			return a.change(owner, nil, p.by(way, everyTest), add)
		}
		for i := range c.tests {
			a = a.change(owner, &c.tests[i], p.by(way, i), add)
		}
		return a
	}})
}

// lookup reports whether the values that pass can be looked up.
func (c *condition) lookup() bool {
	for i := range c.tests {
		if !c.tests[i].lookup() {
			return false
		}
	}
	return true
}

// bestWay returns which condition of a conjunction is to lead to it: the one whose values lead to the fewest others by now.
// That anything is there at all is the last resort.
func (x *filterIndex) bestWay(c conjunction) int {
	best, fewest := noWay, int(^uint(0)>>1)
	for i := range c[:min(len(c), noWay)] {
		if op := c[i].alone(); op == opLacks || op == opAbsent {
			continue
		}
		if crowd := x.crowd(&c[i], fewest); crowd < fewest {
			best, fewest = i, crowd
		}
	}
	return best
}

// alone returns the op of a condition's only test.
func (c *condition) alone() op {
	if len(c.tests) != 1 {
		return opEqual
	}
	return c.tests[0].op
}

// crowd estimates, up to limit, how many conjunctions are reached with one that is reached by c.
func (x *filterIndex) crowd(c *condition, limit int) int {
	var a *access
	if n := x.fields.find(c.field); n != nil {
		a = n.access
	}
	return a.crowdOf(c, limit)
}
