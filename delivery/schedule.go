package delivery

import "time"

// mayRun reports whether a space may have one more delivery running: no more than are still free.
func (d *Dispatcher) mayRun(s *share) bool {
	free := d.options.Limits.Running - d.stats.Running
	return free > 0 && s.running <= free
}

// start runs what is ready in l, as far as its pace, its circuit and the room there is allow. Callers hold mu.
func (d *Dispatcher) start(l *lane) {
	for {
		r := d.take(l)
		if r.task == nil {
			return
		}
		go d.work(r)
	}
}

// take makes the first ready task of l run; none if it may not now. Callers hold mu.
func (d *Dispatcher) take(l *lane) run {
	if !d.runnable(l) {
		return run{}
	}
	if l.share.waiting || !d.mayRun(l.share) {
		d.starved.push(l)
		return run{}
	}
	return d.run(l)
}

// feed runs what waits for room, after some was given back or made. Callers hold mu.
func (d *Dispatcher) feed() {
	for d.starved.any() && d.stats.Running < d.options.Limits.Running {
		l := d.starved.pop(d.mayRun)
		if l == nil {
			return
		}
		if !d.runnable(l) {
			d.release(l)
			continue
		}
		go d.work(d.run(l))
		if d.runnable(l) {
			d.starved.push(l)
		}
	}
}

// startAll runs what is ready in all lanes, once they may run more than before. Callers hold mu.
func (d *Dispatcher) startAll() {
	d.feed()
	for _, l := range d.lanes {
		d.start(l)
	}
}

// runnable reports whether l has something to run now, room aside. If it is only a matter of time it sees to being asked
// again. Callers hold mu.
func (d *Dispatcher) runnable(l *lane) bool {
	if l.queue.len == 0 || l.running >= int(l.width) || !d.opened || d.ctx.Err() != nil {
		return false
	}
	if !l.resting() {
		return true
	}
	now := time.Now()
	if now.Before(l.until) {
		d.wakeAt(l, l.until)
		return false
	}
	l.until = time.Time{}
	switch l.state(now) {
	case CircuitOpen:
		d.wakeAt(l, l.opened.Add(l.rest))
		return false
	case CircuitHalfOpen:
		return !l.probing && l.running == 0
	default:
		return true
	}
}

// run is a task that runs, with its event and what it owes; without if that is not in memory.
type run struct {
	*task
	of   *Work
	owed *Owed
}

// run makes the first ready task of l, which is runnable, run. Callers hold mu.
func (d *Dispatcher) run(l *lane) run {
	t := l.queue.pop()
	t.state = taskRunning
	t.rec.running++
	l.probing = !l.opened.IsZero()
	l.running++
	l.share.running++
	d.ready--
	d.stats.Waiting--
	d.stats.Running++
	of, owed := pick(t.rec.Works, t.work, t.owed)
	return run{t, of, owed}
}

// resting reports whether anything but its pace may keep l from running.
func (l *lane) resting() bool { return !l.until.IsZero() || !l.opened.IsZero() }

// wary reports whether l has learned something that is still of use once it is empty.
func (l *lane) wary() bool { return l.narrowed() || l.resting() || l.failures > 0 }

// wakeAt looks at l again at a time. Callers hold mu.
func (d *Dispatcher) wakeAt(l *lane, at time.Time) {
	if due := at.UnixNano(); l.wake == 0 || due < l.wake {
		l.wake = due
		d.delayed.push(delay{due: due, lane: l})
	}
}

// makeReady puts t at the end of its lane's queue. Callers hold mu, and start the lane.
func (d *Dispatcher) makeReady(t *task) {
	t.state = taskReady
	t.lane.queue.push(t)
	d.ready++
}
