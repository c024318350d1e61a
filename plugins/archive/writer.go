package archive

import (
	"context"
	"errors"
	"sync"
)

// maxPending is how many bytes of lines wait in memory for the writer; an event beyond that waits for room.
const maxPending = 8 << 20

var (
	errStopped = errors.New("the archive has stopped")
	errFull    = errors.New("max_spool: as many bytes as that wait to be uploaded")
)

// writer takes lines from many goroutines and has one write them: while that is busy with some, the next ones gather, so
// that many events share a flush.
type writer struct {
	prefix prefix

	mu      sync.Mutex
	pending *batch
	stopped bool

	wake chan struct{} // holds one
	quit chan struct{}
	done chan struct{}
}

// batch are lines that are written together.
type batch struct {
	text  []byte
	parts []span
	// taken is closed when the writer begins with it: from then on there is room for others.
	taken chan struct{}
	// done is closed when the lines are in the files, or err says why they are not.
	done chan struct{}
	err  error
}

// span is the part of a batch that belongs to one space: up to end, from where the one before ends.
type span struct {
	space      string
	end, lines int
}

func newBatch() *batch { return &batch{taken: make(chan struct{}), done: make(chan struct{})} }

func newWriter(p prefix) *writer {
	return &writer{
		prefix: p, pending: newBatch(),
		wake: make(chan struct{}, 1), quit: make(chan struct{}), done: make(chan struct{}),
	}
}

// put hands a line over; it waits while too many bytes wait already. line may be used again afterwards.
func (w *writer) put(ctx context.Context, space string, line []byte) (*batch, error) {
	w.mu.Lock()
	for len(w.pending.text) > 0 && len(w.pending.text)+len(line) > maxPending && !w.stopped {
		taken := w.pending.taken
		w.mu.Unlock()
		select {
		case <-taken:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		w.mu.Lock()
	}
	defer w.mu.Unlock()
	if w.stopped {
		return nil, errStopped
	}
	b := w.pending
	b.text = append(b.text, line...)
	if last := len(b.parts) - 1; last >= 0 && b.parts[last].space == space {
		b.parts[last].end = len(b.text)
		b.parts[last].lines++
	} else {
		b.parts = append(b.parts, span{space: space, end: len(b.text), lines: 1})
	}
	select {
	case w.wake <- struct{}{}:
	default:
	}
	return b, nil
}

// take returns what waits; nil when nothing does. buf is memory for what comes next.
func (w *writer) take(buf []byte) *batch {
	w.mu.Lock()
	defer w.mu.Unlock()
	b := w.pending
	if len(b.parts) == 0 {
		return nil
	}
	w.pending = newBatch()
	w.pending.text = buf
	close(b.taken)
	return b
}

// stop makes put refuse, and the writer end once it has written what waits.
func (w *writer) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.stopped {
		w.stopped = true
		close(w.quit)
	}
}

// result waits for the batch.
func (b *batch) result(ctx context.Context) error {
	select {
	case <-b.done:
		return b.err
	case <-ctx.Done():
		return ctx.Err()
	}
}
