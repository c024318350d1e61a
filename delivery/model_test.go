package delivery_test

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/delivery"
)

// model is a dispatcher as one would write it without care for speed: a list of deliveries, looked through again and again.
type model struct {
	limits   delivery.Limits
	attempts int
	now      time.Duration
	paused   map[eventgateway.FunctionKey]bool
	// all holds the deliveries that have not ended, in the order they were accepted; queue those that are ready, in the order
	// they became so.
	all, queue      []*modelled
	delivered, dead int
	holds           int
}

// modelled is a delivery in the model.
type modelled struct {
	event    string
	function eventgateway.FunctionKey
	key      string
	state    string
	attempts int
	due      time.Duration
	// held is after how many others it was held.
	held int
}

const (
	// modelTick is how often the dispatcher looks for subscriptions that were resumed, modelWait what it waits before a retry.
	modelTick, modelWait = 200 * time.Millisecond, time.Second
)

// count returns how many deliveries are as asked.
func (m *model) count(is func(*modelled) bool) (n int) {
	for _, d := range m.all {
		if is(d) {
			n++
		}
	}
	return n
}

// put accepts deliveries, or says what it returns instead.
func (m *model) put(targets []*modelled) error {
	if len(targets) == 0 {
		return nil
	}
	before := len(m.all)
	m.all = append(m.all, targets...)
	if !m.fits(targets) {
		m.all = m.all[:before]
		if before == 0 || len(targets) > m.limits.Deliveries {
			return delivery.ErrTooLarge
		}
		return delivery.ErrFull
	}
	for _, d := range targets {
		if d.key != "" && d != m.first(d) {
			d.state = "chained"
		} else {
			m.ready(d)
		}
		m.run()
	}
	return nil
}

func (m *model) fits(targets []*modelled) bool {
	free := m.limits.Deliveries - len(m.all)
	if free < 0 {
		return false
	}
	for _, t := range targets {
		ofFunction := m.count(func(d *modelled) bool { return d.function == t.function })
		ofSpace := m.count(func(d *modelled) bool { return d.function.Space == t.function.Space })
		if ofFunction > free+1 || ofSpace > 7*(free+1) || ofFunction-m.limits.Concurrency > m.limits.PerFunction {
			return false
		}
	}
	return true
}

// first returns the first delivery of d's ordering key; nil when there is none.
func (m *model) first(d *modelled) *modelled {
	i := slices.IndexFunc(m.all, func(o *modelled) bool { return o.function == d.function && o.key == d.key })
	if i < 0 {
		return nil
	}
	return m.all[i]
}

func (m *model) ready(d *modelled) {
	d.state = "ready"
	m.queue = append(m.queue, d)
}

// run has what is ready run, as far as it may.
func (m *model) run() {
	for i := 0; i < len(m.queue); {
		d := m.queue[i]
		running := m.count(func(o *modelled) bool { return o.function == d.function && o.state == "running" })
		if running >= m.limits.Concurrency {
			i++
			continue
		}
		m.queue = slices.Delete(m.queue, i, i+1)
		if d.state = "running"; m.paused[d.function] {
			d.state = "held"
			m.holds++
			d.held = m.holds
		}
	}
}

// end ends the attempt of d, which runs.
func (m *model) end(d *modelled, failed bool) {
	d.attempts++
	if failed && d.attempts < m.attempts {
		d.state, d.due = "delayed", m.now+modelWait
		m.run()
		return
	}
	if failed {
		m.dead++
	} else {
		m.delivered++
	}
	m.all = slices.DeleteFunc(m.all, func(o *modelled) bool { return o == d })
	if next := m.first(d); d.key != "" && next != nil {
		m.ready(next)
	}
	m.run()
}

// pass lets time pass.
func (m *model) pass(to time.Duration) {
	for m.now < to {
		next := min(to, (m.now/modelTick+1)*modelTick)
		for _, d := range m.all {
			if d.state == "delayed" {
				next = min(next, d.due)
			}
		}
		m.now = next
		for _, d := range m.all {
			if d.state == "delayed" && d.due <= m.now {
				m.ready(d)
				m.run()
			}
		}
		if m.now%modelTick == 0 {
			m.resume()
		}
	}
}

// resume has what is held go on if its subscription is not paused any more.
func (m *model) resume() {
	held := slices.DeleteFunc(slices.Clone(m.all), func(d *modelled) bool { return d.state != "held" || m.paused[d.function] })
	slices.SortFunc(held, func(a, b *modelled) int { return a.held - b.held })
	for _, d := range held {
		m.ready(d)
		m.run()
	}
}

// stats are what the dispatcher should tell, its bytes aside.
func (m *model) stats() (s delivery.Stats) {
	s.Running = m.count(func(d *modelled) bool { return d.state == "running" })
	s.Waiting = len(m.all) - s.Running
	s.Paused = m.count(func(d *modelled) bool {
		first := d
		if d.key != "" {
			first = m.first(d)
		}
		return first.state == "held"
	})
	return s
}

// compare returns what of a dispatcher differs from the model.
func (m *model) compare(r *rig) error {
	got, want := r.Stats(), m.stats()
	got.Bytes, got.Memory = 0, 0
	if got != want {
		return fmt.Errorf("stats %+v, the model has %+v", got, want)
	}
	lanes := map[eventgateway.FunctionKey][2]int{}
	for _, d := range m.all {
		n := lanes[d.function]
		if d.state == "running" {
			n[1]++
		} else {
			n[0]++
		}
		lanes[d.function] = n
	}
	shown := r.Lanes()
	for _, l := range shown {
		if lanes[l.Key] != [2]int{l.Waiting, l.Running} {
			return fmt.Errorf("lane %+v, the model has %v", l, lanes[l.Key])
		}
	}
	if len(shown) != len(lanes) {
		return fmt.Errorf("lanes %+v, the model has %v", shown, lanes)
	}
	r.record.mu.Lock()
	defer r.record.mu.Unlock()
	if m.delivered != r.record.delivered || m.dead != r.record.dropped["bad_answer"] {
		return fmt.Errorf("%d delivered, dropped %v, the model has %d and %d",
			r.record.delivered, r.record.dropped, m.delivered, m.dead)
	}
	return r.Check()
}

var errOfModel = errors.New("the model and the dispatcher differ")
