package queuetest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/eventgateway/eventgateway/delivery"
)

// queue is a log in use.
type queue struct {
	delivery.Log
	*receiver
	s *suite
}

// open opens the queue and starts it. It is closed when the test ends, if the test did not.
func (s *suite) open() *queue {
	s.Helper()
	return s.openAs(s.Backend())
}

func (s *suite) openAs(b delivery.Backend) *queue {
	s.Helper()
	q := s.openUnstarted(b)
	q.Start(q.receiver)
	return q
}

func (s *suite) openUnstarted(b delivery.Backend) *queue {
	s.Helper()
	log, err := b.Open(s.Env)
	if err != nil {
		s.Fatalf("opening the queue: %v", err)
	}
	q := &queue{Log: log, receiver: newReceiver(s), s: s}
	s.Cleanup(func() {
		if !q.isClosed() {
			q.close()
		}
	})
	return q
}

// close closes the log, which must not take for ever.
func (q *queue) close() {
	q.s.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), q.s.Patience)
	defer cancel()
	if err := q.closeWithin(ctx); err != nil {
		q.s.Errorf("closing the log: %v", err)
	}
}

func (q *queue) closeWithin(ctx context.Context) (err error) {
	q.s.Helper()
	q.s.within("the log is closed", func() { err = q.Close(ctx) })
	q.markClosed()
	return err
}

// reopen closes the log and opens the queue anew.
func (q *queue) reopen() *queue {
	q.s.Helper()
	q.close()
	return q.s.open()
}

// within runs f, which must not hang.
func (s *suite) within(what string, f func()) {
	s.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(s.Patience):
		s.Fatalf("waited %s in vain until %s", s.Patience, what)
	}
}

// eventually waits for a condition.
func (s *suite) eventually(what string, holds func() bool) {
	s.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(s.Patience); !holds(); <-tick.C {
		if time.Now().After(deadline) {
			s.Fatalf("waited %s in vain until %s", s.Patience, what)
		}
	}
}

// append appends works as one, which must be accepted.
func (q *queue) append(works ...*delivery.Work) {
	q.s.Helper()
	if err := q.Append(q.s.Context(), works); err != nil {
		q.s.Fatalf("Append: %v", err)
	}
}

// await waits until works with these IDs were handed over, each once and no others, and returns them in that order.
func (q *queue) await(ids ...string) []*delivery.Work {
	q.s.Helper()
	q.s.eventually(fmt.Sprintf("%d events are handed over", len(ids)), func() bool { return len(q.ids()) >= len(ids) })
	return q.only(ids...)
}

// only checks that works with these IDs were handed over, each once and no others, and returns them in that order.
func (q *queue) only(ids ...string) []*delivery.Work {
	q.s.Helper()
	got, want := q.ids(), slices.Clone(ids)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		q.s.Fatalf("the events %.300v are handed over, want %.300v, each once", got, want)
	}
	byID := map[string]*delivery.Work{}
	for _, r := range q.all() {
		for _, w := range r.works {
			byID[w.Event.ID] = w
		}
	}
	works := make([]*delivery.Work, len(ids))
	for i, id := range ids {
		works[i] = byID[id]
	}
	return works
}

// caughtUp waits until the log has handed over what was left from before, of all its partitions.
func (q *queue) caughtUp() {
	q.s.Helper()
	q.s.eventually("the log has caught up", func() bool {
		q.mu.Lock()
		defer q.mu.Unlock()
		for p := range q.s.Partitions {
			if q.caught[p] == 0 {
				return false
			}
		}
		return true
	})
}

// ready waits until the log accepts.
func (q *queue) ready() {
	q.s.Helper()
	q.s.eventually("the log is ready", func() bool { return q.Status().State == "ready" })
}

// handed is a record as it was handed over.
type handed struct {
	*delivery.Record
	works []*delivery.Work
	// late tells that its partition had caught up before.
	late bool
}

// receiver keeps what it gets, and checks how.
type receiver struct {
	s *suite
	// on is called with every record, if it is set.
	on func(r *delivery.Record)

	mu      sync.Mutex
	records []handed
	caught  map[int]int
	busy    map[int]bool
	last    map[int]uint64
	closed  bool
	// came are the works that were received or released.
	came map[*delivery.Work]bool
}

func newReceiver(s *suite) *receiver {
	return &receiver{s: s, caught: map[int]int{}, busy: map[int]bool{}, last: map[int]uint64{}, came: map[*delivery.Work]bool{}}
}

// Receive implements delivery.Receiver.
func (r *receiver) Receive(rec *delivery.Record) {
	defer r.enter(rec.Partition)()
	r.mu.Lock()
	switch {
	case len(rec.Works) == 0:
		r.s.Errorf("record %d is handed over without works", rec.Seq)
	case rec.Size <= 0:
		r.s.Errorf("record %d is handed over with size %d", rec.Seq, rec.Size)
	case rec.Seq <= r.last[rec.Partition]:
		r.s.Errorf("record %d is handed over after %d of the same partition", rec.Seq, r.last[rec.Partition])
	}
	r.last[rec.Partition] = rec.Seq
	r.records = append(r.records, handed{rec, rec.Works, r.caught[rec.Partition] > 0})
	for _, w := range rec.Works {
		r.came[w] = true
	}
	r.mu.Unlock()
	if r.on != nil {
		r.on(rec)
	}
}

// CaughtUp implements delivery.Receiver.
func (r *receiver) CaughtUp(partition int) {
	if partition < 0 || partition >= r.s.Partitions {
		r.s.Errorf("partition %d has caught up, of %d", partition, r.s.Partitions)
	}
	defer r.enter(partition)()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.caught[partition]++; r.caught[partition] > 1 {
		r.s.Errorf("partition %d has caught up twice", partition)
	}
}

// Revoke implements delivery.Receiver.
func (r *receiver) Revoke(partition int) {
	r.s.Errorf("partition %d is taken away, although there is no other instance", partition)
}

// Release implements delivery.Receiver.
func (r *receiver) Release(works []*delivery.Work) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, w := range works {
		r.came[w] = true
	}
}

// enter checks that one goroutine at a time calls for one partition, until what it returns is called.
func (r *receiver) enter(partition int) (leave func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.busy[partition] {
		r.s.Errorf("the receiver is called for partition %d by two goroutines at once", partition)
	}
	if r.closed {
		r.s.Errorf("the receiver is called after the log was closed")
	}
	r.busy[partition] = true
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.busy[partition] = false
	}
}

func (r *receiver) markClosed() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
}

func (r *receiver) isClosed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closed
}

// all returns the records handed over so far.
func (r *receiver) all() []handed {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.records)
}

// ids returns the IDs of the events handed over so far, in order.
func (r *receiver) ids() (ids []string) {
	for _, rec := range r.all() {
		for _, w := range rec.works {
			ids = append(ids, w.Event.ID)
		}
	}
	return ids
}

// record returns the record that an event is in.
func (q *queue) record(id string) *delivery.Record {
	q.s.Helper()
	for _, r := range q.all() {
		if slices.ContainsFunc(r.works, func(w *delivery.Work) bool { return w.Event.ID == id }) {
			return r.Record
		}
	}
	q.s.Fatalf("event %s is in no record that was handed over", id)
	return nil
}
