package delivery

import (
	"fmt"
	"maps"
)

// Check compares every sum and list of d with the tasks there are, and returns the first that is wrong.
func (d *Dispatcher) Check() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := checker{d: d, recs: map[*Record]*tally{}, shares: map[*share]*tally{}}
	for _, check := range []func() error{
		c.lanes, c.records, c.sums, c.delays, c.holds, c.chained, c.starvation,
	} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

// CheckEmpty does as Check, and returns an error if anything is left: a task, a chain, room that was not given back.
func (d *Dispatcher) CheckEmpty() error {
	if err := d.Check(); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stats != (Stats{}) || d.accepted|d.loaded|d.reservedBytes != 0 || d.ready != 0 || d.reserved != 0 {
		return fmt.Errorf("not empty: stats %+v, accepted %d, loaded %d, ready %d, reserved %d in %d bytes",
			d.stats, d.accepted, d.loaded, d.ready, d.reserved, d.reservedBytes)
	}
	if len(d.held)+len(d.chains) > 0 || d.starved.any() {
		return fmt.Errorf("not empty: %d holds, %d chains, starved %v", len(d.held), len(d.chains), d.starved.any())
	}
	for key, l := range d.lanes {
		if !l.empty() || l.bytes|l.incomingBytes != 0 || l.oldest != nil || l.queue.first != nil || l.probing {
			return fmt.Errorf("the lane of %v is not empty: %+v", key, l)
		}
	}
	for space, s := range d.shares {
		if s.outstanding|s.incoming|s.running != 0 || s.bytes|s.incomingBytes != 0 || s.waiting {
			return fmt.Errorf("the share of %s is not empty: %+v", space, s)
		}
	}
	return nil
}

// KeptLanes returns how many lanes there are, also empty ones.
func (d *Dispatcher) KeptLanes() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.lanes)
}

type tally struct{ tasks, running int }

type checker struct {
	d      *Dispatcher
	recs   map[*Record]*tally
	shares map[*share]*tally
	states [taskDone + 1]int
}

func of[K comparable](m map[K]*tally, key K) *tally {
	t := m[key]
	if t == nil {
		t = &tally{}
		m[key] = t
	}
	return t
}

func (c *checker) lanes() error {
	spaces := map[*share]int{}
	for key, l := range c.d.lanes {
		spaces[l.share]++
		if l.key != key || c.d.shares[key.Space] != l.share {
			return fmt.Errorf("the lane of %v is another's, or its share", key)
		}
		n, running, ready, bytes := 0, 0, 0, int64(0)
		var before *task
		for t := l.oldest; t != nil; before, t = t, t.newer {
			if t.lane != l || t.older != before || t.state == taskDone {
				return fmt.Errorf("the list of the lane of %v is broken at %+v", key, t)
			}
			n++
			bytes += t.size
			c.states[t.state]++
			rec := of(c.recs, t.rec)
			rec.tasks++
			switch t.state {
			case taskRunning:
				running++
				rec.running++
			case taskReady:
				ready++
			}
		}
		if l.newest != before || l.outstanding != n || l.running != running || l.queue.len != ready || l.bytes != bytes {
			return fmt.Errorf("the lane of %v has %d tasks, %d running, %d ready, %d bytes, and says %d, %d, %d, %d",
				key, n, running, ready, bytes, l.outstanding, l.running, l.queue.len, l.bytes)
		}
		if l.running > 0 && !l.opened.IsZero() && l.probing && l.running != 1 {
			return fmt.Errorf("the lane of %v probes, and %d run", key, l.running)
		}
		s := of(c.shares, l.share)
		s.tasks += n
		s.running += running
	}
	for space, s := range c.d.shares {
		if t := of(c.shares, s); s.lanes != spaces[s] || s.outstanding != t.tasks || s.running != t.running {
			return fmt.Errorf("the share of %s is %+v, and has %d lanes, %d tasks, %d running", space, s, spaces[s], t.tasks, t.running)
		}
	}
	return nil
}

func (c *checker) records() error {
	spaces := map[*share]int64{}
	var accepted, loaded int64
	for rec, t := range c.recs {
		if int(rec.running) != t.running || !rec.revoked && int(rec.left) != t.tasks {
			return fmt.Errorf("record %d has %d tasks, %d running, and says %d and %d", rec.Seq, t.tasks, t.running, rec.left, rec.running)
		}
		accepted += rec.size
		loaded += rec.loaded
		if rec.loaded > 0 && rec.Works == nil {
			return fmt.Errorf("record %d is loaded, and is not", rec.Seq)
		}
		for _, part := range rec.shares {
			spaces[part.share] += part.bytes
		}
	}
	if accepted != c.d.accepted || loaded != c.d.loaded {
		return fmt.Errorf("%d bytes accepted, %d loaded, and the sums are %d and %d", accepted, loaded, c.d.accepted, c.d.loaded)
	}
	for space, s := range c.d.shares {
		if s.bytes != spaces[s] {
			return fmt.Errorf("the share of %s has %d bytes, and says %d", space, spaces[s], s.bytes)
		}
	}
	return nil
}

func (c *checker) sums() error {
	running, ready := c.states[taskRunning], c.states[taskReady]
	waiting := ready + c.states[taskDelayed] + c.states[taskHeld] + c.states[taskChained]
	if d := c.d; d.stats.Running != running || d.stats.Waiting != waiting || d.ready != ready || d.aborted != c.states[taskAborted] {
		return fmt.Errorf("%d run, %d wait, %d ready, %d aborted, and the sums are %+v, %d, %d",
			running, waiting, ready, c.states[taskAborted], d.stats, d.ready, d.aborted)
	}
	return nil
}

func (c *checker) delays() error {
	seen := map[*task]bool{}
	for _, x := range c.d.delayed.heap {
		if x.task != nil && x.task.state == taskDelayed && x.task.due == x.due {
			if seen[x.task] {
				return fmt.Errorf("%+v is delayed twice", x.task)
			}
			seen[x.task] = true
		}
	}
	if len(seen) != c.states[taskDelayed] {
		return fmt.Errorf("%d tasks are delayed, %d will be woken", c.states[taskDelayed], len(seen))
	}
	return nil
}

func (c *checker) holds() error {
	held, paused := 0, 0
	for key, h := range c.d.held {
		n := 0
		for t := h.first; t != nil; t = t.next {
			n++
			paused += t.held()
			if t.state != taskHeld || t.subscription() != key {
				return fmt.Errorf("%+v is held for %v", t, key)
			}
		}
		if n != h.len || n == 0 {
			return fmt.Errorf("%d tasks are held for %v, which says %d", n, key, h.len)
		}
		held += n
	}
	if held != c.states[taskHeld] || paused != c.d.stats.Paused {
		return fmt.Errorf("%d held, %d paused, and the sums are %d and %d", held, paused, c.states[taskHeld], c.d.stats.Paused)
	}
	return nil
}

func (c *checker) chained() error {
	chained := 0
	for key, chain := range c.d.chains {
		if chain.key != key || chain.head == nil && chain.frozen == 0 {
			return fmt.Errorf("the chain of %v does not go on: %+v", key, chain)
		}
		if chain.head != nil && (chain.head.state == taskChained || chain.head.state == taskDone || chain.head.chain != chain) {
			return fmt.Errorf("the chain of %v is headed by %+v", key, chain.head)
		}
		for t := chain.tasks.first; t != nil; t = t.next {
			chained++
			if t.state != taskChained || t.chain != chain {
				return fmt.Errorf("the chain of %v holds %+v", key, t)
			}
		}
	}
	if chained != c.states[taskChained] {
		return fmt.Errorf("%d tasks are chained, and %d are in chains", c.states[taskChained], chained)
	}
	return nil
}

func (c *checker) starvation() error {
	turns := map[*share]bool{}
	for s := c.d.starved.first; s != nil; s = s.next {
		if !s.waiting || s.first == nil || turns[s] {
			return fmt.Errorf("the share of %s does not wait, or twice", s.space)
		}
		turns[s] = true
		for l := s.first; l != nil; l = l.nextStarved {
			if !l.starved || l.share != s {
				return fmt.Errorf("the lane of %v does not wait for a turn", l.key)
			}
		}
	}
	for s := range maps.Values(c.d.shares) {
		if s.waiting != turns[s] {
			return fmt.Errorf("the share of %s waits for no turn", s.space)
		}
	}
	return nil
}
