package matcher

import (
	"cmp"
	"slices"
	"strings"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/internal/hamt"
)

// leaf is the subscriptions of one path pattern: none, one, or a crowd.
type leaf struct {
	sole  *eventgateway.Subscription
	crowd *crowd
}

// crowd is two or more subscriptions, or one with a filter.
type crowd struct {
	// sync is sorted by older. Without conflicts it has at most one.
	sync []*eventgateway.Subscription
	// async is those without a filter by ID, so that one change among very many is cheap.
	async *hamt.Map[hamt.String, *eventgateway.Subscription]
	// filtered is those with a filter, sync ones too.
	filtered filterIndex
}

// older orders sync subscriptions that claim the same event: the first has it.
func older(a, b *eventgateway.Subscription) int {
	return cmp.Or(cmp.Compare(a.CreateRevision, b.CreateRevision), strings.Compare(a.ID, b.ID), strings.Compare(a.Space, b.Space))
}

func (l leaf) empty() bool { return l.sole == nil && l.crowd == nil }

// sync returns the sync subscriptions, the one that answers first.
func (l leaf) sync() []*eventgateway.Subscription {
	switch {
	case l.crowd != nil:
		return l.crowd.sync
	case l.sole != nil && l.sole.Type == eventgateway.Sync:
		return []*eventgateway.Subscription{l.sole}
	}
	return nil
}

// any returns some subscription, or nil if there is none.
func (l leaf) any() *eventgateway.Subscription {
	if l.crowd == nil {
		return l.sole
	}
	if len(l.crowd.sync) > 0 {
		return l.crowd.sync[0]
	}
	for _, s := range l.crowd.async.All() {
		return s
	}
	for _, f := range l.crowd.filtered.ids.All() {
		return f.subscription
	}
	return nil
}

// insert adds s in place of one with its ID, and reports whether there was one.
func (l *leaf) insert(owner *hamt.Owner, s *eventgateway.Subscription) (replaced bool) {
	switch {
	case !isFiltered(s) && (l.empty() || l.sole != nil && l.sole.ID == s.ID):
		replaced = l.sole != nil
		l.sole = s
		return replaced
	case l.crowd == nil:
		both := &crowd{}
		if l.sole != nil {
			both.insert(owner, l.sole)
		}
		replaced = both.insert(owner, s)
		l.sole, l.crowd = nil, both
		return replaced
	default:
		changed := *l.crowd
		replaced = changed.insert(owner, s)
		l.crowd = &changed
		l.simplify()
		return replaced
	}
}

// remove takes the subscription with the ID of s away, and reports whether there was one.
func (l *leaf) remove(owner *hamt.Owner, s *eventgateway.Subscription) bool {
	if l.sole != nil {
		if l.sole.ID != s.ID {
			return false
		}
		l.sole = nil
		return true
	}
	if l.crowd == nil {
		return false
	}
	changed := *l.crowd
	if !changed.remove(owner, s) {
		return false
	}
	l.crowd = &changed
	l.simplify()
	return true
}

// simplify makes a crowd that is none what it is, so that equal content is the same leaf.
func (l *leaf) simplify() {
	switch n := l.crowd.len(); {
	case n == 0:
		l.crowd = nil
	case n == 1 && l.crowd.filtered.len() == 0:
		l.sole, l.crowd = l.any(), nil
	}
}

// len is the number of subscriptions; sync ones with a filter are in two places.
func (c *crowd) len() int {
	n := len(c.sync) + c.async.Len() + c.filtered.len()
	for _, s := range c.sync {
		if isFiltered(s) {
			n--
		}
	}
	return n
}

func (c *crowd) insert(owner *hamt.Owner, s *eventgateway.Subscription) (replaced bool) {
	replaced = c.remove(owner, s)
	if s.Type == eventgateway.Sync {
		i, _ := slices.BinarySearchFunc(c.sync, s, older)
		c.sync = slices.Concat(c.sync[:i], []*eventgateway.Subscription{s}, c.sync[i:])
	}
	switch {
	case isFiltered(s):
		c.filtered.insert(owner, s, filterOf(s))
	case s.Type != eventgateway.Sync:
		c.async = c.async.With(owner, hamt.String(s.ID), s)
	}
	return replaced
}

// remove looks for the ID alone, as the filter of the one that is there may be another.
func (c *crowd) remove(owner *hamt.Owner, s *eventgateway.Subscription) bool {
	before := c.len()
	if s.Type == eventgateway.Sync {
		c.removeSync(s)
	} else {
		c.async = c.async.Without(owner, hamt.String(s.ID))
	}
	c.filtered.remove(owner, s.ID)
	return c.len() < before
}

// removeSync looks for the ID alone, as the revision of the one that is there may be another.
func (c *crowd) removeSync(s *eventgateway.Subscription) {
	same := func(other *eventgateway.Subscription) bool { return other.ID == s.ID }
	if i := slices.IndexFunc(c.sync, same); i >= 0 {
		c.sync = slices.Concat(c.sync[:i], c.sync[i+1:])
	}
}
