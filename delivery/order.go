package delivery

import (
	"cmp"
	"slices"
	"time"
)

// chainKey is an ordering key of a subscription.
type chainKey struct {
	subscriptionKey
	value string
}

// chain holds the tasks of one ordering key that have not ended, in order. Dispatcher.mu guards it.
type chain struct {
	key chainKey
	// head is the one task that may be anything but chained; nil while the chain is frozen before its first.
	head *task
	// tasks are those behind it.
	tasks taskQueue
	// frozen counts the partitions with tasks here that are not caught up: an earlier task may yet come.
	frozen int
}

// enchain puts t in its chain and reports whether it may go ahead. Callers hold mu.
func (d *Dispatcher) enchain(t *task, value string) bool {
	key := chainKey{t.subscription(), value}
	c := d.chains[key]
	if c == nil {
		c = &chain{key: key}
		d.chains[key] = c
		d.manyChains = d.manyChains || len(d.chains) > crowd
	}
	t.chain = c
	if recovering, ok := d.recovering[t.rec.Partition]; ok {
		if _, known := recovering[c]; !known {
			recovering[c] = struct{}{}
			c.frozen++
		}
	}
	if c.head == nil && c.frozen == 0 {
		c.head = t
		return true
	}
	t.state = taskChained
	c.tasks.push(t)
	if c.head != nil && c.head.state == taskHeld {
		d.stats.Paused++
	}
	return false
}

// advance lets the first of a chain without a head go ahead, or forgets the chain if it is empty. Callers hold mu, and start
// the lane of the head.
func (d *Dispatcher) advance(c *chain) {
	if c.head != nil || c.frozen > 0 {
		return
	}
	if c.head = c.tasks.pop(); c.head != nil {
		d.goAhead(c.head)
		return
	}
	delete(d.chains, c.key)
	if d.manyChains && len(d.chains) == 0 { // a map does not give back its memory
		d.chains, d.manyChains = map[chainKey]*chain{}, false
	}
}

// unchain takes t, which is through, out of its chain, and lets the next go ahead. Callers hold mu, and start the lane.
func (d *Dispatcher) unchain(t *task) {
	c := t.chain
	if c == nil {
		return
	}
	t.chain = nil
	if c.head == t {
		c.head = nil
	}
	d.advance(c)
}

// goAhead makes a task ready, or delayed if its time has not come. Callers hold mu, and start the lane.
func (d *Dispatcher) goAhead(t *task) {
	if t.due > 0 && t.due > time.Now().UnixNano() {
		t.state = taskDelayed
		d.delayed.push(delay{due: t.due, task: t})
		return
	}
	d.makeReady(t)
}

// thaw lets the chains go ahead that waited for a partition to be caught up. Callers hold mu.
func (d *Dispatcher) thaw(partition int) {
	chains := d.recovering[partition]
	delete(d.recovering, partition)
	for c := range chains {
		if c.frozen--; c.frozen > 0 {
			continue
		}
		c.sort()
		if d.advance(c); c.head != nil {
			d.start(c.head.lane)
		}
	}
}

// sort puts the tasks behind the head in order. While a partition is read again, what was rewritten comes later than it was
// accepted.
func (c *chain) sort() {
	sorted := true
	all := make([]*task, 0, c.tasks.len)
	for t := c.tasks.first; t != nil; t = t.next {
		sorted = sorted && (len(all) == 0 || all[len(all)-1].order <= t.order)
		all = append(all, t)
	}
	if sorted {
		return
	}
	slices.SortStableFunc(all, func(a, b *task) int { return cmp.Compare(a.order, b.order) })
	c.tasks = taskQueue{}
	for _, t := range all {
		c.tasks.push(t)
	}
}
