package expression

import (
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// maxWaiting is how many evaluations of one space may wait in the slow lane, those of patient inputs aside.
	maxWaiting = 1000
	// maxWait is how long they wait.
	maxWait = 10 * time.Second
	// SharedWait is how long the costly filters and ordering keys of an event that is for several spaces may hold it up,
	// waiting or not; those after it fail.
	SharedWait = 100 * time.Millisecond
)

// unbounded is the patience of patient inputs.
const unbounded = time.Duration(-1)

// ErrCrowded is the cause of the error for a costly expression that had to wait for too long, or behind too many.
var ErrCrowded = errors.New("too many costly expressions of this space wait to be evaluated")

var errShared = errors.New("the costly filters and ordering keys of an event for several spaces held it up for longer than " +
	SharedWait.String())

// slowLane is where all evaluations take place that take long.
var slowLane = &lane{places: func() int { return max(1, runtime.GOMAXPROCS(0)/4) }}

// lane has places for few evaluations at a time. They rest three times as long as they work: what one did not rest before its
// end, its place stays closed after it. So a quarter of the time of as many cores is used at most. Spaces take turns; within a
// space, who came first goes first.
type lane struct {
	places func() int

	mu sync.Mutex
	// taken is how many places somebody is in, or are closed.
	taken int
	// queues are the spaces of those who wait; turns are the same in the order in which they get the next places.
	queues map[string]*laneQueue
	turns  []*laneQueue
	// stats are those of the spaces that were ever here.
	stats map[string]*LaneStats
}

// LaneStats tells what the costly expressions of a space did in the slow lane, since the process began.
type LaneStats struct {
	// Evaluated is how many had their turn. Waited is how long all waited together, those too that gave up.
	Evaluated uint64
	Waited    time.Duration
	// Waiting is how many wait now.
	Waiting int
}

// SlowLane returns the stats of all spaces that ever had an expression evaluated in the slow lane: one that costs too much for
// an event to be evaluated at once.
func SlowLane() map[string]LaneStats { return slowLane.read() }

func (l *lane) read() map[string]LaneStats {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make(map[string]LaneStats, len(l.stats))
	for space, s := range l.stats {
		all[space] = *s
	}
	return all
}

// statsOf is called with mu held.
func (l *lane) statsOf(space string) *LaneStats {
	s := l.stats[space]
	if s == nil {
		if s = new(LaneStats); l.stats == nil {
			l.stats = map[string]*LaneStats{}
		}
		l.stats[strings.Clone(space)] = s
	}
	return s
}

// laneQueue is who waits of one space.
type laneQueue struct {
	space   string
	waiting []waiter
	// bounded is how many of them are not patient.
	bounded int
}

type waiter struct {
	patient bool
	ready   chan struct{}
}

// run calls evaluate when it is its turn. It returns ErrCrowded if that does not come as long as its patience lasts or, if that
// is bounded, at once if too many of the space wait. evaluate returns how long it is still to rest; not at all if it panics.
func (l *lane) run(space string, patience time.Duration, evaluate func() time.Duration) error {
	if err := l.enter(space, patience); err != nil {
		return err
	}
	var rest time.Duration
	defer func() { time.AfterFunc(rest, l.open) }()
	rest = evaluate()
	return nil
}

func (l *lane) enter(space string, patience time.Duration) error {
	l.mu.Lock()
	stats := l.statsOf(space)
	if l.taken < l.places() { // then nobody waits
		l.taken++
		stats.Evaluated++
		l.mu.Unlock()
		return nil
	}
	q := l.queues[space]
	if q == nil {
		q = &laneQueue{space: space}
		if l.queues == nil {
			l.queues = map[string]*laneQueue{}
		}
		l.queues[space], l.turns = q, append(l.turns, q)
	}
	patient := patience == unbounded
	if !patient {
		if q.bounded == maxWaiting {
			l.mu.Unlock()
			return ErrCrowded
		}
		q.bounded++
	}
	ready := make(chan struct{})
	q.waiting = append(q.waiting, waiter{patient, ready})
	stats.Waiting++
	l.mu.Unlock()

	start := time.Now()
	var late <-chan time.Time
	if !patient {
		timer := time.NewTimer(patience)
		defer timer.Stop()
		late = timer.C
	}
	select {
	case <-ready:
	case <-late:
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	stats.Waiting--
	stats.Waited += time.Since(start)
	if l.abandon(q, ready) {
		return ErrCrowded
	}
	stats.Evaluated++
	return nil
}

// abandon takes out who waits no longer. It reports false if it was their turn.
func (l *lane) abandon(q *laneQueue, ready chan struct{}) bool {
	i := slices.IndexFunc(q.waiting, func(w waiter) bool { return w.ready == ready })
	if i < 0 {
		return false
	}
	q.waiting = slices.Delete(q.waiting, i, i+1)
	q.bounded--
	if len(q.waiting) == 0 {
		delete(l.queues, q.space)
		l.turns = slices.DeleteFunc(l.turns, func(other *laneQueue) bool { return other == q })
	}
	return true
}

// open opens a place that was closed, and lets in who is next.
func (l *lane) open() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.taken--; len(l.turns) > 0 && l.taken < l.places(); l.taken++ {
		close(l.next().ready)
	}
}

// next takes out who has the next turn.
func (l *lane) next() waiter {
	q := l.turns[0]
	l.turns = l.turns[1:]
	w := q.waiting[0]
	q.waiting[0], q.waiting = waiter{}, q.waiting[1:]
	if !w.patient {
		q.bounded--
	}
	if len(q.waiting) > 0 {
		l.turns = append(l.turns, q)
	} else {
		delete(l.queues, q.space)
	}
	return w
}
