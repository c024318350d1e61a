package delivery

import (
	"context"
	"log/slog"
	"sync"

	"github.com/eventgateway/eventgateway"
)

// Memory is a Queue in this process' memory: an accepted event is delivered at most once, and lost if the process dies.
//
// Every function has a lane of its own, so a slow one holds up nobody else: its deliveries start in the order they came,
// and no more run at once than Limits.Concurrency. A goroutine runs only while there is something to deliver. One mutex
// guards all lanes, which makes a Put to many functions all or nothing; nothing is called while it is held.
type Memory struct {
	functions Functions
	observer  Observer
	logger    *slog.Logger
	failures  *failureLog

	// ctx is the context of every call; cancel gives up those that run.
	ctx    context.Context
	cancel context.CancelFunc

	mu     sync.Mutex
	limits Limits
	lanes  map[eventgateway.FunctionKey]*lane
	// crowded tells that lanes has grown large: a map does not give back its memory, so it is replaced once empty.
	crowded bool
	stats   Stats
	// lost is how many deliveries the shutdown ended.
	lost     int
	draining bool
	// idle is closed when the queue drains and nothing waits or runs any more.
	idle chan struct{}
}

var _ Queue = (*Memory)(nil)

// crowd is the number of lanes from which on the map that holds them is worth giving back.
const crowd = 1024

// Stats is what a queue holds now.
type Stats struct {
	// Waiting and Running count deliveries.
	Waiting int `json:"waiting"`
	Running int `json:"running"`
	// Bytes is the memory their events take; see Limits.Bytes.
	Bytes int64 `json:"bytes"`
}

// Backlog is how many deliveries wait for or run at one function.
type Backlog struct {
	Key              eventgateway.FunctionKey
	Waiting, Running int
}

// NewMemory returns an empty queue. functions is asked at every delivery, so that an event meets the function as it is
// then. logger gets failed deliveries, without payloads.
func NewMemory(limits Limits, functions Functions, observer Observer, logger *slog.Logger) *Memory {
	q := &Memory{
		functions: functions,
		observer:  observer,
		logger:    logger,
		failures:  newFailureLog(logger),
		limits:    limits.withDefaults(),
		lanes:     map[eventgateway.FunctionKey]*lane{},
		idle:      make(chan struct{}),
	}
	q.ctx, q.cancel = context.WithCancel(context.Background())
	return q
}

// Put implements Queue.
func (q *Memory) Put(items []Item) error {
	batch := make([]*accepted, 0, 4)
	var bytes int64
	deliveries := 0
	for i := range items {
		if len(items[i].Targets) == 0 {
			continue
		}
		a := accept(&items[i])
		batch = append(batch, a)
		bytes += a.bytes
		deliveries += len(a.deliveries)
	}
	if deliveries == 0 {
		return nil
	}

	q.mu.Lock()
	defer q.mu.Unlock()
	if q.draining {
		return ErrDraining
	}
	if q.stats.Waiting+q.stats.Running+deliveries > q.limits.Deliveries || q.stats.Bytes+bytes > q.limits.Bytes {
		return ErrFull
	}
	if !q.assign(batch) {
		return ErrFull
	}
	q.stats.Bytes += bytes
	q.stats.Waiting += deliveries
	for _, a := range batch {
		for i := range a.deliveries {
			d := &a.deliveries[i]
			d.lane.push(d)
			q.start(d.lane)
		}
	}
	return nil
}

// assign finds the lane of every delivery and reports whether all lanes have room; if not it leaves no trace.
func (q *Memory) assign(batch []*accepted) bool {
	fits := true
	for _, a := range batch {
		for i := range a.deliveries {
			d := &a.deliveries[i]
			d.lane = q.lane(d.target.Function())
			d.lane.incoming++
			fits = fits && !d.lane.overflows(q.limits.PerFunction, q.limits.Concurrency)
		}
	}
	for _, a := range batch {
		for i := range a.deliveries {
			l := a.deliveries[i].lane
			l.incoming--
			if !fits {
				q.release(l)
			}
		}
	}
	return fits
}

func (q *Memory) lane(key eventgateway.FunctionKey) *lane {
	l := q.lanes[key]
	if l == nil {
		l = &lane{key: key}
		q.lanes[key] = l
		q.crowded = q.crowded || len(q.lanes) > crowd
	}
	return l
}

// release forgets l if it is empty.
func (q *Memory) release(l *lane) {
	if !l.empty() {
		return
	}
	delete(q.lanes, l.key)
	if q.crowded && len(q.lanes) == 0 {
		q.lanes, q.crowded = map[eventgateway.FunctionKey]*lane{}, false
	}
}

// start runs what waits in l as far as its concurrency allows.
func (q *Memory) start(l *lane) {
	for d := q.take(l); d != nil; d = q.take(l) {
		go q.work(d)
	}
}

// take moves the next delivery of l from waiting to running; nil when there is none or enough run already.
func (q *Memory) take(l *lane) *delivery {
	if l.waiting == 0 || l.running >= q.limits.Concurrency {
		return nil
	}
	l.running++
	q.stats.Waiting--
	q.stats.Running++
	return l.pop()
}

// work makes d's delivery and then those that wait behind it.
func (q *Memory) work(d *delivery) {
	for d != nil {
		q.deliver(d)
		d = q.finish(d)
	}
}

// finish notes that d has ended and returns the delivery that runs in its place, if any.
func (q *Memory) finish(d *delivery) *delivery {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := d.lane
	l.running--
	q.stats.Running--
	q.settle(d)
	next := q.take(l)
	if next == nil {
		q.release(l)
	}
	q.checkIdle()
	return next
}

// settle gives back the memory of d's event if d was its last delivery.
func (q *Memory) settle(d *delivery) {
	d.of.left--
	if d.of.left == 0 {
		q.stats.Bytes -= d.of.bytes
	}
}

// SetLimits changes the limits; what is accepted already stays. More concurrency takes effect at once, less as the
// deliveries that run end.
func (q *Memory) SetLimits(l Limits) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.limits = l.withDefaults()
	for _, l := range q.lanes {
		q.start(l)
	}
}

// Stats returns what the queue holds now.
func (q *Memory) Stats() Stats {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.stats
}

// Backlogs returns the functions that have deliveries waiting or running, in no particular order.
func (q *Memory) Backlogs() []Backlog {
	q.mu.Lock()
	defer q.mu.Unlock()
	all := make([]Backlog, 0, len(q.lanes))
	for key, l := range q.lanes {
		all = append(all, Backlog{key, l.waiting, l.running})
	}
	return all
}
