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

// crowd is two or more subscriptions.
type crowd struct {
	// sync is sorted by older. Without conflicts it has at most one.
	sync []*eventgateway.Subscription
	// async is by ID, so that one change among very many is cheap.
	async *hamt.Map[hamt.String, *eventgateway.Subscription]
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
	return nil
}

// insert adds s in place of one with its ID, and reports whether there was one.
func (l *leaf) insert(owner *hamt.Owner, s *eventgateway.Subscription) (replaced bool) {
	switch {
	case l.empty() || l.sole != nil && l.sole.ID == s.ID:
		replaced = l.sole != nil
		l.sole = s
		return replaced
	case l.sole != nil:
		both := &crowd{}
		both.insert(owner, l.sole)
		both.insert(owner, s)
		l.sole, l.crowd = nil, both
		return false
	default:
		changed := *l.crowd
		replaced = changed.insert(owner, s)
		l.crowd = &changed
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
	if changed.len() == 1 {
		l.sole, l.crowd = l.any(), nil
	}
	return true
}

func (c *crowd) len() int { return len(c.sync) + c.async.Len() }

func (c *crowd) insert(owner *hamt.Owner, s *eventgateway.Subscription) (replaced bool) {
	before := c.len()
	if s.Type != eventgateway.Sync {
		c.async = c.async.With(owner, hamt.String(s.ID), s)
		return c.len() == before
	}
	c.removeSync(s)
	i, _ := slices.BinarySearchFunc(c.sync, s, older)
	c.sync = slices.Concat(c.sync[:i], []*eventgateway.Subscription{s}, c.sync[i:])
	return c.len() == before
}

func (c *crowd) remove(owner *hamt.Owner, s *eventgateway.Subscription) bool {
	before := c.len()
	if s.Type == eventgateway.Sync {
		c.removeSync(s)
	} else {
		c.async = c.async.Without(owner, hamt.String(s.ID))
	}
	return c.len() < before
}

// removeSync looks for the ID alone, as the revision of the one that is there may be another.
func (c *crowd) removeSync(s *eventgateway.Subscription) {
	same := func(other *eventgateway.Subscription) bool { return other.ID == s.ID }
	if i := slices.IndexFunc(c.sync, same); i >= 0 {
		c.sync = slices.Concat(c.sync[:i], c.sync[i+1:])
	}
}
