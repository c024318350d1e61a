package jetstream

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	// gather is how long finished records are gathered before they are removed.
	gather = 10 * time.Millisecond
	// ripen is how long one that is finished before others waits for them, so that they can be removed as one.
	ripen = 100 * time.Millisecond
	// removers is how many records are removed one by one at the same time; with an fsync for each, one, so that others
	// get to write in between.
	removers      = 4
	removeRetries = 5 * time.Second
	// purgeShare is which part of the time removing records as one may take.
	purgeShare = 10
)

// finisher removes a partition's finished records: those before which nothing is left with one request, others one by
// one.
type finisher struct {
	p *partition

	mu sync.Mutex
	// window is the tenure's; nil when this instance does not work on the partition.
	window *window
	// young and ripe are finished, and not removed yet; ripe are those that have waited.
	young, ripe []uint64
	// pending are all of them.
	pending map[uint64]struct{}

	wake chan struct{}
	// round has what it holds while records are being removed, or a session is waited for.
	round chan struct{}
	// purging is how long it took to remove records as one, the last time, in nanoseconds.
	purging atomic.Int64
}

func newFinisher(p *partition) *finisher {
	return &finisher{p: p, pending: make(map[uint64]struct{}), wake: make(chan struct{}, 1), round: make(chan struct{}, 1)}
}

// follow makes w the window of what is read; nil when nothing is.
func (f *finisher) follow(w *window) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.window = w
}

// read notes that a record was read, and reports whether it is finished already.
func (f *finisher) read(seq uint64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.window == nil {
		return true
	}
	finished := f.window.read(seq)
	if _, ok := f.pending[seq]; ok && !finished {
		f.window.finish(seq)
		finished = true
	}
	return finished
}

// pass notes that there is nothing more to be read up to seq.
func (f *finisher) pass(seq uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.window != nil {
		f.window.last = max(f.window.last, seq)
	}
}

// finish has a record removed.
func (f *finisher) finish(seq uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.pending[seq]; ok {
		return
	}
	f.pending[seq] = struct{}{}
	f.young = append(f.young, seq)
	if f.window != nil {
		f.window.finish(seq)
	}
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// run removes what is finished until ctx is done.
func (f *finisher) run(ctx context.Context) {
	retry := gather
	for {
		select {
		case <-f.wake:
		case <-ctx.Done():
			return
		}
		for wait := gather; pause(ctx, wait); {
			left, err := f.remove(ctx, false)
			switch {
			case err != nil:
				retry = min(2*retry, removeRetries)
				wait = retry
				continue
			case left:
				wait = max(ripen, min(purgeShare*time.Duration(f.purging.Load()), removeRetries))
				continue
			}
			retry = gather
			break
		}
	}
}

// flush removes all that is finished now, as far as ctx allows.
func (f *finisher) flush(ctx context.Context) {
	for wait := gather; ctx.Err() == nil; wait = min(2*wait, removeRetries) {
		if left, err := f.remove(ctx, true); !left && err == nil || !pause(ctx, wait) {
			return
		}
	}
}

// remove removes what is due, or all of it, and reports whether there is more that was not.
func (f *finisher) remove(ctx context.Context, all bool) (left bool, err error) {
	select {
	case f.round <- struct{}{}:
		defer func() { <-f.round }()
	case <-ctx.Done():
		return true, ctx.Err()
	}
	floor, below, due := f.due(all)
	if len(below)+len(due) > 0 {
		s, err := f.p.log.link.wait(ctx)
		if s == nil {
			f.keep(append(below, due...))
			return true, err
		}
		ctx, cancel := context.WithTimeout(ctx, requestTimeout)
		defer cancel()
		if len(below) > 0 && !f.p.log.disk.canPurge() {
			due, below = append(due, below...), nil
		}
		err = f.purge(ctx, s, floor, below)
		if failed := f.delete(ctx, s, due); failed != nil {
			err = failed
		}
		if err != nil && ctx.Err() == nil {
			f.p.log.logger.Debug("finished events could not be removed from the queue; trying again",
				slog.Int("partition", f.p.number), slog.String("error", err.Error()))
		}
		if err != nil {
			return true, err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.ripe)+len(f.young) > 0, nil
}

// due returns the finished records below the floor, and those to be removed one by one.
func (f *finisher) due(all bool) (floor uint64, below, due []uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.window != nil {
		floor = f.window.floor()
	}
	var ripening []uint64
	for _, seq := range f.ripe {
		if seq < floor {
			below = append(below, seq)
		} else {
			due = append(due, seq)
		}
	}
	for _, seq := range f.young {
		switch {
		case seq < floor:
			below = append(below, seq)
		case all:
			due = append(due, seq)
		default:
			ripening = append(ripening, seq)
		}
	}
	f.ripe, f.young = ripening, nil
	return floor, below, due
}

// keep takes back records that could not be removed.
func (f *finisher) keep(seqs []uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ripe = append(f.ripe, seqs...)
}

// unfinished is how many of the records that were read are not finished.
func (f *finisher) unfinished() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.window == nil {
		return 0
	}
	return len(f.window.entries) - f.window.start
}

func (f *finisher) removed(seqs ...uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, seq := range seqs {
		delete(f.pending, seq)
	}
}

// purge removes everything below the floor.
func (f *finisher) purge(ctx context.Context, s *session, floor uint64, below []uint64) error {
	if len(below) == 0 {
		return nil
	}
	opts := []jetstream.StreamPurgeOpt{jetstream.WithPurgeSequence(floor)}
	if len(f.p.log.partitions) > 1 {
		opts = append(opts, jetstream.WithPurgeSubject(f.p.subject))
	}
	began := time.Now()
	err := s.work.Purge(ctx, opts...)
	f.purging.Store(int64(time.Since(began)))
	if err != nil {
		f.keep(below)
		return err
	}
	f.removed(below...)
	return nil
}

// delete removes records one by one.
func (f *finisher) delete(ctx context.Context, s *session, seqs []uint64) error {
	var next atomic.Int64
	var group sync.WaitGroup
	workers := removers
	if f.p.log.syncs() {
		workers = 1
	}
	errs := make([]error, min(workers, len(seqs)))
	for worker := range errs {
		group.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(seqs) {
					return
				}
				if err := s.deleteWork(ctx, seqs[i]); err != nil {
					f.keep(seqs[i : i+1])
					errs[worker] = err
					continue
				}
				f.removed(seqs[i])
			}
		})
	}
	group.Wait()
	return errors.Join(errs...)
}
