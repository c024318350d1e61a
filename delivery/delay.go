package delivery

import (
	"container/heap"
	"slices"
	"time"
)

// delay is a task that is ready at a time, or a lane that is looked at again then.
type delay struct {
	// due is in nanoseconds since 1970.
	due  int64
	task *task
	lane *lane
}

// delays are ordered by time. Dispatcher.mu guards all but wake.
type delays struct {
	heap delayHeap
	// wake tells that there is an earlier one than before.
	wake chan struct{}
}

type delayHeap []delay

func (h delayHeap) Len() int           { return len(h) }
func (h delayHeap) Less(i, j int) bool { return h[i].due < h[j].due }
func (h delayHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *delayHeap) Push(x any)        { *h = append(*h, x.(delay)) }

func (h *delayHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	old[len(old)-1] = delay{}
	*h = old[:len(old)-1]
	return last
}

// push adds x.
func (s *delays) push(x delay) {
	heap.Push(&s.heap, x)
	if s.heap[0].due == x.due {
		select {
		case s.wake <- struct{}{}:
		default:
		}
	}
}

// pop takes the first if it is due; else it returns how long that takes, or a long time when there is none.
func (s *delays) pop(now int64) (x delay, wait time.Duration, ok bool) {
	const long = time.Hour
	if len(s.heap) == 0 {
		if cap(s.heap) > 1024 {
			s.heap = nil
		}
		return delay{}, long, false
	}
	if wait := s.heap[0].due - now; wait > 0 {
		return delay{}, min(time.Duration(wait), long), false
	}
	return heap.Pop(&s.heap).(delay), 0, true
}

// drop takes out the tasks that are to go.
func (s *delays) drop(gone func(*task) bool) {
	s.heap = slices.DeleteFunc(s.heap, func(x delay) bool { return x.task != nil && gone(x.task) })
	heap.Init(&s.heap)
}

// delayUntil has t wait. Callers hold mu.
func (d *Dispatcher) delayUntil(t *task, due time.Time) {
	t.state, t.due = taskDelayed, due.UnixNano()
	d.delayed.push(delay{due: t.due, task: t})
}

// runDelays makes ready what is due, until the dispatcher ends.
func (d *Dispatcher) runDelays() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-d.ctx.Done():
			return
		case <-timer.C:
		case <-d.delayed.wake:
		}
		timer.Reset(d.wakeDue(time.Now().UnixNano()))
	}
}

// wakeDue makes ready what is due, and returns how long it takes until the next is.
func (d *Dispatcher) wakeDue(now int64) time.Duration {
	// The mutex is given back now and then: a great many may be due at once.
	const batch = 256
	d.mu.Lock()
	defer d.mu.Unlock()
	for range batch {
		x, wait, ok := d.delayed.pop(now)
		switch {
		case !ok:
			return wait
		case x.task == nil:
			x.lane.wake = 0
			d.start(x.lane)
		case x.task.state == taskDelayed && x.task.due == x.due: // else the dispatcher has ended
			d.makeReady(x.task)
			d.start(x.task.lane)
		}
	}
	return 0
}
