package memory

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/eventgateway/eventgateway/delivery"
)

// log hands on what is appended, and only counts what is not finished: the dispatcher has it all in memory, and keeps it
// within the queue's limits.
type log struct {
	letters *letters

	// mu keeps records in order. It is held while the receiver takes one over, so nothing else may wait for it.
	mu       sync.Mutex
	receiver delivery.Receiver
	// early are the records that were appended before there was a receiver.
	early []*delivery.Record
	seq   uint64

	closed  atomic.Bool
	records atomic.Int64
	bytes   atomic.Int64
	open    [shards]shard
}

// shard knows the records that are not finished, by Seq, and their sizes.
type shard struct {
	mu    sync.Mutex
	sizes map[uint64]int
}

const shards = 16

func newLog() *log {
	l := &log{letters: newLetters()}
	for i := range l.open {
		l.open[i].sizes = map[uint64]int{}
	}
	return l
}

// errClosed is the error of writing to a log that is closed.
var errClosed = fmt.Errorf("%w: it is closed", delivery.ErrUnavailable)

// Start implements delivery.Log.
func (l *log) Start(r delivery.Receiver) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.receiver = r
	for _, rec := range l.early {
		r.Receive(rec)
	}
	l.early = nil
	r.CaughtUp(0)
}

// Append implements delivery.Log.
func (l *log) Append(_ context.Context, works []*delivery.Work) error {
	if len(works) == 0 {
		return nil
	}
	size := 0
	for _, w := range works {
		size += int(delivery.SizeOf(w.Event))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed.Load() {
		return errClosed
	}
	l.seq++
	rec := &delivery.Record{Seq: l.seq, Size: size, Works: works}
	s := l.shard(rec.Seq)
	s.mu.Lock()
	s.sizes[rec.Seq] = size
	s.mu.Unlock()
	l.records.Add(1)
	l.bytes.Add(int64(size))
	if l.receiver == nil {
		l.early = append(l.early, rec)
		return nil
	}
	l.receiver.Receive(rec)
	return nil
}

// Finish implements delivery.Log. The receiver may call it while it takes over a record.
func (l *log) Finish(r *delivery.Record) {
	s := l.shard(r.Seq)
	s.mu.Lock()
	size, open := s.sizes[r.Seq]
	delete(s.sizes, r.Seq)
	s.mu.Unlock()
	if open {
		l.records.Add(-1)
		l.bytes.Add(-int64(size))
	}
}

func (l *log) shard(seq uint64) *shard { return &l.open[seq%shards] }

// Rewrite implements delivery.Log: there is nothing that a record could be written to.
func (l *log) Rewrite(context.Context, *delivery.Record, []*delivery.Work) (*delivery.Record, error) {
	return nil, errors.ErrUnsupported
}

// Load implements delivery.Log: the only copy of a record is its receiver's.
func (l *log) Load(context.Context, *delivery.Record) ([]*delivery.Work, error) {
	return nil, errors.ErrUnsupported
}

// DeadLetters implements delivery.Log.
func (l *log) DeadLetters() delivery.DeadLetters { return l.letters }

// Reconfigure implements delivery.Log.
func (l *log) Reconfigure(b delivery.Backend) error {
	q, err := queueOf(b)
	if err != nil {
		return err
	}
	l.letters.bound(q.bounds())
	return nil
}

// Status implements delivery.Log.
func (l *log) Status() delivery.LogStatus {
	s := delivery.LogStatus{Name: name, State: "ready", Bytes: l.bytes.Load(), Records: l.records.Load()}
	if l.closed.Load() {
		s.State, s.Error = "unavailable", errClosed.Error()
	}
	return s
}

// Close implements delivery.Log. What was not finished is lost.
func (l *log) Close(context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed.Store(true)
	l.early = nil
	l.letters.close()
	return nil
}
