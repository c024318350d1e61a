package delivery

// Revoke implements Receiver. What runs goes on, and is finished in the log if it was the last of its record.
func (r *receiver) Revoke(partition int) {
	d := (*Dispatcher)(r)
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.current, partition)
	foreign := func(t *task) bool { return t.rec.Partition == partition && t.state != taskRunning }
	d.dropWaiting(foreign)
	for _, l := range d.lanes {
		d.revoke(l, partition, foreign)
		d.release(l)
	}
	d.thaw(partition)
	for _, c := range d.chains {
		if d.advance(c); c.head != nil {
			d.start(c.head.lane)
		}
	}
	d.checkIdle()
}

// dropWaiting takes the tasks that are to go out of everything but their lanes. Callers hold mu.
func (d *Dispatcher) dropWaiting(gone func(*task) bool) {
	d.delayed.drop(gone)
	for _, c := range d.chains {
		c.tasks.drop(gone)
		if c.head != nil && gone(c.head) {
			c.head = nil
		}
	}
	d.stats.Paused = 0
	for key, h := range d.held {
		h.drop(gone)
		for t := h.first; t != nil; t = t.next {
			d.stats.Paused += t.held()
		}
		if h.first == nil {
			delete(d.held, key)
		}
	}
	for _, l := range d.lanes {
		before := l.queue.len
		l.queue.drop(gone)
		d.ready -= before - l.queue.len
	}
}

// revoke takes the tasks of a partition that belong to another instance now out of their lane, and marks its records. Callers
// hold mu.
func (d *Dispatcher) revoke(l *lane, partition int, foreign func(*task) bool) {
	for t := l.oldest; t != nil; {
		next := t.newer
		if t.rec.Partition == partition {
			t.rec.revoked = true
			d.letGo(t.rec)
		}
		if foreign(t) {
			d.stats.Waiting--
			d.drop(t)
		}
		t = next
	}
}

// drop forgets a task that does not end here. Callers hold mu, and have it in no queue.
func (d *Dispatcher) drop(t *task) {
	t.state, t.chain, t.letter = taskDone, nil, nil
	t.lane.remove(t)
}
