package delivery

import "time"

// resumeInterval is how often the subscriptions of held tasks are looked at.
const resumeInterval = 200 * time.Millisecond

// hold has t wait until its subscription is resumed. Callers hold mu.
func (d *Dispatcher) hold(t *task) {
	t.state = taskHeld
	key := t.subscription()
	h := d.held[key]
	if h == nil {
		h = &taskQueue{}
		d.held[key] = h
	}
	h.push(t)
	d.stats.Paused += t.held()
}

// held returns how many deliveries are held with t: itself, and those behind it in its chain.
func (t *task) held() int {
	if t.chain == nil {
		return 1
	}
	return 1 + t.chain.tasks.len
}

// resumeHeld makes ready the tasks whose subscription is not paused any more, or gone.
func (d *Dispatcher) resumeHeld() {
	d.mu.Lock()
	keys := make([]subscriptionKey, 0, len(d.held))
	for key := range d.held {
		keys = append(keys, key)
	}
	d.mu.Unlock()
	for _, key := range keys {
		for !d.paused(key) && d.resumeSome(key) {
		}
	}
}

// paused reports whether a subscription is paused. It does not panic; what cannot be looked up goes on as it is.
func (d *Dispatcher) paused(key subscriptionKey) (yes bool) {
	defer func() {
		if r := recover(); r != nil {
			d.logPanic(r, "looking up a subscription panicked")
			yes = true
		}
	}()
	sub := d.resources.Subscription(key.space, key.id)
	return sub != nil && sub.Paused || sub == nil && !d.resources.Loaded()
}

// resumeSome makes ready some of the tasks that a subscription holds, and reports whether there are more: the mutex is given
// back now and then.
func (d *Dispatcher) resumeSome(key subscriptionKey) (more bool) {
	const batch = 256
	d.mu.Lock()
	defer d.mu.Unlock()
	h := d.held[key]
	if h == nil {
		return false
	}
	for range batch {
		t := h.pop()
		if t == nil {
			break
		}
		d.stats.Paused -= t.held()
		d.makeReady(t)
		d.start(t.lane)
	}
	if h.first == nil {
		delete(d.held, key)
		return false
	}
	return d.ctx.Err() == nil
}
