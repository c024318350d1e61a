package jetstream

import (
	"context"

	"github.com/eventgateway/eventgateway/delivery"
)

const (
	// stay is how many works in a row that may go anywhere go to the same partition, so that those that come at the same
	// time become one record.
	stay = 64
	// backlog is how many records may wait in an own partition before such works go to all instances.
	backlog = 256
)

// part is what of an Append goes to one partition.
type part struct {
	partition *partition
	works     []*delivery.Work
}

// append implements owner.
func (c *cluster) append(ctx context.Context, s *session, works []*delivery.Work) error {
	parts := c.place(works)
	if len(parts) == 1 {
		return parts[0].partition.append(ctx, s, parts[0].works)
	}
	return c.splitter.append(ctx, s, parts)
}

// place says which works go to which partitions. Deliveries that are ordered go where their key has them go, so that one
// instance makes all of a key; other deliveries of the same event go along. Without any the publisher's key decides, so
// that one instance compares all events of a key. What is left goes where it costs least.
func (c *cluster) place(works []*delivery.Work) []part {
	if home, same := c.common(works); same {
		return []part{{c.log.partitions[home], works}}
	}
	var parts []part
	add := func(number int, w *delivery.Work) {
		for i := range parts {
			if parts[i].partition.number == number {
				parts[i].works = append(parts[i].works, w)
				return
			}
		}
		parts = append(parts, part{c.log.partitions[number], []*delivery.Work{w}})
	}
	anywhere := -1
	for _, w := range works {
		home, scattered := c.home(w)
		switch {
		case scattered:
			c.scatter(w, home, add)
		case home >= 0:
			add(home, w)
		default:
			if anywhere < 0 {
				anywhere = c.anywhere()
			}
			add(anywhere, w)
		}
	}
	return parts
}

// common returns the partition that all works go to as they are, if there is one.
func (c *cluster) common(works []*delivery.Work) (home int, same bool) {
	home = -1
	for i, w := range works {
		at, scattered := c.home(w)
		if scattered || i > 0 && at != home {
			return 0, false
		}
		home = at
	}
	if home < 0 {
		home = c.anywhere()
	}
	return home, true
}

// home returns the partition a work goes to, -1 for any, and whether some of its deliveries go to others.
func (c *cluster) home(w *delivery.Work) (home int, scattered bool) {
	home = -1
	for i := range w.Owed {
		if t := &w.Owed[i].Target; t.OrderingKey != "" {
			at := c.ordered(t)
			if home < 0 {
				home = at
			}
			scattered = scattered || at != home
		}
	}
	if home < 0 && w.Key != "" {
		home = c.hashed(w.Key)
	}
	return home, scattered
}

// scatter divides a work whose deliveries go to several partitions.
func (c *cluster) scatter(w *delivery.Work, home int, add func(int, *delivery.Work)) {
	parts, places := w.Split(func(o *delivery.Owed) int {
		if o.OrderingKey == "" {
			return home
		}
		return c.ordered(&o.Target)
	})
	for i, part := range parts {
		add(places[i], part)
	}
}

func (c *cluster) ordered(t *delivery.Target) int {
	return c.hashed(t.Space, t.SubscriptionID, t.OrderingKey)
}

// hashed returns the partition that strings stand for, by FNV-1a: the same at every instance.
func (c *cluster) hashed(parts ...string) int {
	const offset, prime = 14695981039346656037, 1099511628211
	hash := uint64(offset)
	for _, s := range parts {
		for i := range len(s) {
			hash = (hash ^ uint64(s[i])) * prime
		}
		hash *= prime // as for a zero byte
	}
	return int((hash ^ hash>>32) % uint64(len(c.log.partitions)))
}

// anywhere chooses a partition: one of this instance's own, where a record need not be decoded again, or any one when
// those have more to do than is done at once.
func (c *cluster) anywhere() int {
	turn := int((c.turn.Add(1) / stay) & (1<<62 - 1))
	owned := c.owned()
	if len(owned) == 0 {
		return turn % len(c.log.partitions)
	}
	own := owned[turn%len(owned)]
	if c.log.partitions[own].finisher.unfinished() > backlog {
		return turn % len(c.log.partitions)
	}
	return own
}
