package delivery

import (
	"context"
	"time"
)

// cancelGrace is how long Drain waits for canceled calls to return.
const cancelGrace = time.Second

// Drain refuses new events and waits until all accepted deliveries are done. When ctx is done first it gives up what
// still waits, cancels what runs, and reports each as dropped. It returns how many deliveries were lost that way, calls
// that do not return within a second of being canceled among them. Another Drain waits likewise and returns the same.
func (q *Memory) Drain(ctx context.Context) (lost int) {
	q.mu.Lock()
	if !q.draining {
		q.draining = true
		q.checkIdle()
	}
	q.mu.Unlock()

	select {
	case <-q.idle:
	case <-ctx.Done():
		q.giveUp()
		grace := time.NewTimer(cancelGrace)
		defer grace.Stop()
		select {
		case <-q.idle:
		case <-grace.C:
		}
	}
	q.cancel()

	q.mu.Lock()
	defer q.mu.Unlock()
	return q.lost + q.stats.Running
}

// giveUp drops what waits and cancels what runs.
func (q *Memory) giveUp() {
	q.mu.Lock()
	var given []*delivery
	for _, l := range q.lanes {
		for l.waiting > 0 {
			d := l.pop()
			q.settle(d)
			given = append(given, d)
		}
		q.release(l)
	}
	q.stats.Waiting = 0
	q.lost += len(given)
	q.checkIdle()
	q.mu.Unlock()

	q.cancel()
	for _, d := range given {
		q.report(d, outcome{reason: ReasonShutdown})
	}
}

// checkIdle tells those who drain when nothing is left.
func (q *Memory) checkIdle() {
	if q.draining && q.stats.Waiting+q.stats.Running == 0 {
		select {
		case <-q.idle:
		default:
			close(q.idle)
		}
	}
}
