package delivery

import (
	"context"
	"log/slog"
	"time"
)

const (
	// cancelGrace is how long Drain waits for canceled calls to return.
	cancelGrace = time.Second
	// closeGrace is how long Drain waits for the log to take what is left, and to be closed.
	closeGrace = 5 * time.Second
)

// Drain refuses new events and goes on delivering until nothing is left, or ctx is done; then it cancels what runs and
// closes the log. With a durable log what waits for a retry, for a function to recover, or is held, is not waited for: it
// stays there, as does all that is left; with another log that is lost, and what is held is not waited for. It returns how
// many deliveries were lost, and how many were left in the log. Another Drain waits likewise and returns the same.
func (d *Dispatcher) Drain(ctx context.Context) (lost, left int) {
	d.mu.Lock()
	d.draining = true
	d.checkIdle()
	d.mu.Unlock()
	select {
	case <-d.idle:
	case <-ctx.Done():
	}
	if d.ending.CompareAndSwap(false, true) {
		d.shutDown()
		close(d.ended)
	}
	<-d.ended
	return d.lost, d.left
}

// shutDown ends what runs and the log.
func (d *Dispatcher) shutDown() {
	d.cancel()
	d.awaitStopped()
	ctx, cancel := context.WithTimeout(context.Background(), closeGrace)
	defer cancel()
	if d.durable {
		d.writeLeft(ctx)
	}
	if err := d.log.Close(ctx); err != nil {
		d.logger.Error("closing the queue's log", slog.Any("error", err))
	}
	d.abandon()
}

// awaitStopped waits, for a while, until nothing runs or is being accepted.
func (d *Dispatcher) awaitStopped() {
	const interval = 5 * time.Millisecond
	poll := time.NewTicker(interval)
	defer poll.Stop()
	for range cancelGrace / interval {
		d.mu.Lock()
		stopped := d.stats.Running+d.reserved == 0
		d.mu.Unlock()
		if stopped {
			return
		}
		<-poll.C
	}
}

// writeLeft has the log catch up, so that nothing is made twice or tried too often by who works on it next.
func (d *Dispatcher) writeLeft(ctx context.Context) {
	tended := make(chan struct{})
	go func() {
		d.tending.Wait()
		close(tended)
	}()
	select {
	case <-tended:
	case <-ctx.Done():
		return
	}
	if err := d.replaceAll(ctx, d.allBehind()); err != nil && ctx.Err() == nil {
		d.logger.Warn("what is left of accepted events could not be written anew", slog.Any("error", err))
	}
}

// allBehind returns the records that the log is behind with.
func (d *Dispatcher) allBehind() (all []*Record) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, l := range d.lanes {
		for t := l.oldest; t != nil; t = t.newer {
			if rec := t.rec; rec.changed && !rec.rewriting && !rec.revoked && !d.asWritten.Load() {
				rec.rewriting = true
				all = append(all, rec)
			}
		}
	}
	return all
}

// abandon forgets what is left, counts it, and tells of it if it is lost.
func (d *Dispatcher) abandon() {
	d.mu.Lock()
	n := d.stats.Waiting + d.stats.Running + d.aborted
	if d.durable {
		d.left = n
	} else {
		d.lost = n
	}
	gone := func(t *task) bool { return t.state != taskRunning }
	d.dropWaiting(gone)
	clear(d.chains)
	d.behind = nil
	type loss struct{ space, eventType string }
	var losses []loss
	for _, l := range d.lanes {
		for t := l.oldest; t != nil; {
			next := t.newer
			if w, _ := pick(t.rec.Works, t.work, t.owed); w != nil && !d.durable && gone(t) && t.state != taskAborted {
				losses = append(losses, loss{l.key.Space, w.Event.Type})
			}
			d.letGo(t.rec)
			if gone(t) {
				d.drop(t)
			}
			t = next
		}
		d.release(l)
	}
	d.stats.Waiting, d.aborted = 0, 0
	d.mu.Unlock()
	defer func() {
		if r := recover(); r != nil {
			d.logPanic(r, "reporting lost deliveries panicked")
		}
	}()
	for _, l := range losses {
		d.observer.Dropped(l.space, l.eventType, ReasonShutdown)
	}
}

// checkIdle tells those who drain when nothing is left that they wait for. Callers hold mu.
func (d *Dispatcher) checkIdle() {
	if !d.draining || d.stats.Running+d.reserved > 0 {
		return
	}
	if d.durable && d.ready > 0 && !d.allRest() || !d.durable && d.stats.Waiting > d.stats.Paused {
		return
	}
	select {
	case <-d.idle:
	default:
		close(d.idle)
	}
}

// allRest reports whether what is ready waits for something else than its turn. Callers hold mu.
func (d *Dispatcher) allRest() bool {
	for _, l := range d.lanes {
		if d.opened && l.queue.len > 0 && !l.resting() {
			return false
		}
	}
	return true
}
