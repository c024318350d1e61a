package delivery

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// What the log holds of a record falls behind when some of its deliveries end, or are tried, and others wait on: a crash
// would then repeat what is done and forget how often was tried. So a record that has been behind for a while is replaced by
// one that holds what is left.

const (
	// behindFor is how long a record may be behind, and behindInterval how often it is looked for those that are.
	behindFor, behindInterval = time.Second, behindFor / 4
	// rewritesAtOnce bounds how many records are replaced each time, and rewriters how many at the same time: the log can
	// write those together.
	rewritesAtOnce, rewriters = 1024, 32
)

// fallBehind notes that the log is behind with rec. Callers hold mu.
func (d *Dispatcher) fallBehind(rec *Record) {
	if !d.durable || d.asWritten.Load() {
		return
	}
	rec.changed = true
	if rec.behindSince != 0 || rec.rewriting || rec.revoked {
		return
	}
	rec.behindSince = time.Now().UnixNano()
	d.behind = append(d.behind, rec)
}

// tendLog replaces the records that have been behind for long enough, until the dispatcher ends.
func (d *Dispatcher) tendLog() {
	tick := time.NewTicker(behindInterval)
	defer tick.Stop()
	var logged time.Time
	for {
		select {
		case <-d.ctx.Done():
			return
		case now := <-tick.C:
			err := d.replaceAll(d.ctx, d.takeBehind(now))
			if err != nil && d.ctx.Err() == nil && now.Sub(logged) >= failureInterval {
				logged = now
				d.logger.Warn("what is left of accepted events could not be written anew; trying again", slog.Any("error", err))
			}
		}
	}
}

// takeBehind returns the records to be replaced now.
func (d *Dispatcher) takeBehind(now time.Time) (due []*Record) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := 0
	for ; n < len(d.behind) && len(due) < rewritesAtOnce; n++ {
		rec := d.behind[n]
		if rec.left == 0 || rec.revoked || d.asWritten.Load() {
			continue
		}
		if now.UnixNano()-rec.behindSince < int64(behindFor) {
			break
		}
		rec.behindSince, rec.rewriting = 0, true
		due = append(due, rec)
	}
	clear(d.behind[:n])
	if d.behind = d.behind[n:]; len(d.behind) == 0 {
		d.behind = nil
	}
	return due
}

// replaceAll replaces records that are marked as being replaced, or gives that up. It returns an error worth telling of: that
// the log is out of reach it tells itself.
func (d *Dispatcher) replaceAll(ctx context.Context, due []*Record) (failed error) {
	var (
		next    atomic.Int64
		stop    atomic.Bool
		mu      sync.Mutex
		writers sync.WaitGroup
	)
	for range min(rewriters, len(due)) {
		writers.Go(func() {
			for i := next.Add(1) - 1; int(i) < len(due); i = next.Add(1) - 1 {
				if stop.Load() || ctx.Err() != nil {
					d.keepOld(due[i])
					continue
				}
				err := d.rewrite(ctx, due[i])
				switch {
				case err == nil:
				case errors.Is(err, errors.ErrUnsupported), errors.Is(err, ErrUnavailable), errors.Is(err, ErrFull):
					stop.Store(true)
				default:
					mu.Lock()
					failed = err
					mu.Unlock()
				}
			}
		})
	}
	writers.Wait()
	return failed
}

// rewrite replaces a record by one that holds what is left of it. It does not panic.
func (d *Dispatcher) rewrite(ctx context.Context, rec *Record) (err error) {
	const patience = 10 * time.Second
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	adopted := false
	defer func() {
		if r := recover(); r != nil {
			d.logPanic(r, "replacing a record panicked")
			err = ErrUnavailable
		}
		if errors.Is(err, errors.ErrUnsupported) {
			d.asWritten.Store(true)
		}
		if !adopted {
			d.keepOld(rec)
		}
	}()
	d.mu.Lock()
	works := rec.Works
	d.mu.Unlock()
	if works == nil {
		if works, err = d.log.Load(ctx, rec); err != nil {
			return err
		}
	}
	left, tasks := d.outstanding(rec, works)
	if len(tasks) == 0 {
		return nil
	}
	fresh, err := d.log.Rewrite(ctx, rec, left)
	if err != nil {
		return err
	}
	adopted = true
	d.adopt(rec, fresh, left, tasks)
	return nil
}

// outstanding returns the works of rec with only what is left of each, and the tasks in the same order.
func (d *Dispatcher) outstanding(rec *Record, works []*Work) (left []*Work, tasks []*task) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if rec.revoked {
		return nil, nil
	}
	work := int32(-1)
	var last *Work
	for _, t := range rec.tasks {
		w, o := pick(works, t.work, t.owed)
		if t.state == taskDone || w == nil {
			continue
		}
		if t.work != work {
			work, last = t.work, &Work{Event: w.Event, Key: w.Key}
			left = append(left, last)
		}
		owed := *o
		owed.Attempts, owed.Order, owed.NotBefore = int(t.attempts), t.order, time.Time{}
		if t.due > 0 && (t.state == taskDelayed || t.state == taskChained) {
			owed.NotBefore = time.Unix(0, t.due)
		}
		last.Owed = append(last.Owed, owed)
		tasks = append(tasks, t)
	}
	return left, tasks
}

// adopt makes fresh the record of tasks. Some may have ended, or been tried, while it was written.
func (d *Dispatcher) adopt(old, fresh *Record, works []*Work, tasks []*task) {
	d.mu.Lock()
	d.letGo(old)
	old.tasks = nil
	fresh.Works, fresh.revoked = works, old.revoked
	changed, i := false, 0
	for w := range works {
		start, size := len(fresh.tasks), sizeOf(works[w].Event)
		fresh.size += size
		for o := range works[w].Owed {
			t := tasks[i]
			i++
			if t.state == taskDone {
				changed = true
				continue
			}
			changed = changed || int(t.attempts) != works[w].Owed[o].Attempts
			t.rec, t.work, t.owed = fresh, int32(w), int32(o)
			fresh.tasks = append(fresh.tasks, t)
			fresh.charge(start, size)
			if fresh.left++; t.state == taskRunning {
				fresh.running++
			}
		}
	}
	finished := d.settleIn(fresh, changed)
	d.mu.Unlock()
	if finished {
		d.log.Finish(fresh)
	}
}

// settleIn takes the record that replaces another into the sums, and reports whether it is finished already. changed tells
// that it was behind as soon as it was written. Callers hold mu.
func (d *Dispatcher) settleIn(fresh *Record, changed bool) (finished bool) {
	d.accepted += fresh.size
	d.keep(fresh)
	switch {
	case fresh.revoked: // the other instance has all of it to do
		d.letGo(fresh)
		fresh.left++
		return false
	case fresh.left == 0:
		d.letGo(fresh)
		return true
	case changed:
		d.fallBehind(fresh)
	}
	return false
}

// keepOld ends the replacing of a record without a replacement.
func (d *Dispatcher) keepOld(rec *Record) {
	d.mu.Lock()
	rec.rewriting = false
	finished := rec.left == 0
	if finished {
		rec.Works, rec.tasks = nil, nil
	} else {
		d.fallBehind(rec)
	}
	d.mu.Unlock()
	if finished {
		d.log.Finish(rec)
	}
}
