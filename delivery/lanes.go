package delivery

import (
	"time"

	"github.com/eventgateway/eventgateway"
)

const (
	// laneRest is how long a lane without deliveries is kept, so that a function that gets events now and then does not need
	// a new one each time, and laneMemory is how long one is kept that has learned something about its function.
	laneRest, laneMemory = time.Second, time.Minute
	// crowd is the number of lanes beyond which an empty one that has learned nothing is not kept, and from which on the map
	// that holds them is worth giving back: a map does not by itself.
	crowd = 1024
)

// lane returns the lane of a function, made if there is none. Its share lives as long as one of its lanes. Callers hold mu.
func (d *Dispatcher) lane(key eventgateway.FunctionKey) *lane {
	l := d.lanes[key]
	if l != nil {
		return l
	}
	s := d.shares[key.Space]
	if s == nil {
		s = &share{space: key.Space}
		d.shares[key.Space] = s
	}
	s.lanes++
	l = &lane{key: key, share: s}
	l.configure(d.concurrency(key))
	d.lanes[key] = l
	d.crowded = d.crowded || len(d.lanes) > crowd
	return l
}

// concurrency returns how many deliveries to a function may run at once. Callers hold mu.
func (d *Dispatcher) concurrency(key eventgateway.FunctionKey) int {
	if own := d.ownConcurrency(key); own > 0 {
		return own
	}
	return d.options.Limits.Concurrency
}

// ownConcurrency returns the concurrency that a function has of its own; 0 if it has none. It does not panic: a fault in the
// look-up ends attempts, not the dispatcher.
func (d *Dispatcher) ownConcurrency(key eventgateway.FunctionKey) (own int) {
	defer func() { _ = recover() }()
	if h := d.resources.Function(key); h != nil {
		return h.Function.Concurrency
	}
	return 0
}

// release lets go of l if it is empty. Callers hold mu.
func (d *Dispatcher) release(l *lane) {
	if !l.empty() {
		return
	}
	l.idle = 0
	if len(d.lanes) > crowd && !l.wary() {
		d.forget(l)
	}
}

func (d *Dispatcher) forget(l *lane) {
	if d.lanes[l.key] != l {
		return
	}
	delete(d.lanes, l.key)
	if l.share.lanes--; l.share.lanes == 0 {
		delete(d.shares, l.share.space)
	}
	if d.crowded && len(d.lanes) == 0 {
		d.lanes, d.shares, d.crowded = map[eventgateway.FunctionKey]*lane{}, map[string]*share{}, false
	}
}

// forgetIdle forgets the lanes that have been empty for long enough. It is called every laneRest.
func (d *Dispatcher) forgetIdle(now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, l := range d.lanes {
		rest := laneRest
		if l.wary() {
			rest = laneMemory
		}
		switch {
		case !l.empty():
		case l.idle == 0: // it was not empty the last time
			l.idle = now.UnixNano()
		case now.UnixNano()-l.idle >= int64(rest):
			d.forget(l)
		}
	}
}

// LaneStatus is how the deliveries to one function stand.
type LaneStatus struct {
	Key              eventgateway.FunctionKey
	Waiting, Running int
	// Oldest is when the event that has waited longest was received; zero when none waits.
	Oldest time.Time
	// Concurrency is how many deliveries may run at once now: less than configured after throttling and timeouts.
	Concurrency int
	// Circuit is one of the Circuit constants.
	Circuit string
	// Until is when an open circuit lets a probe through, or throttling ends; zero when neither.
	Until time.Time
}

// Lanes returns the functions that have deliveries waiting or running, or that the dispatcher is wary of, in no particular
// order.
func (d *Dispatcher) Lanes() []LaneStatus {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	all := make([]LaneStatus, 0, len(d.lanes))
	for key, l := range d.lanes {
		if l.outstanding == 0 && !l.wary() {
			continue
		}
		s := LaneStatus{
			Key: key, Waiting: l.outstanding - l.running, Running: l.running, Concurrency: int(l.width), Circuit: l.state(now),
		}
		if l.oldest != nil {
			s.Oldest = time.Unix(0, l.oldest.received)
		}
		switch {
		case s.Circuit == CircuitOpen:
			s.Until = l.opened.Add(l.rest)
		case now.Before(l.until):
			s.Until = l.until
		}
		all = append(all, s)
	}
	return all
}
