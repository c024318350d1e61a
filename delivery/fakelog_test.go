package delivery_test

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/eventgateway/eventgateway/delivery"
)

// fakeLog is a delivery.Log that does what a test says. Records are handed over by one goroutine for each partition, or, if
// it is volatile, by Append.
type fakeLog struct {
	*disk
	durable bool
	// partitions is how many there are; those in others are not handed over before take.
	partitions int
	others     []int
	// place chooses a partition; partition 0 if it is nil.
	place func([]*delivery.Work) int
	// Each of these is asked before the log does what it is named after; an error is returned in its place.
	onAppend, onRewrite, onLoad, onBury func() error
	// unfinished tells that what is finished stays on the disk.
	unfinished bool

	mu       sync.Mutex
	changed  *sync.Cond
	receiver delivery.Receiver
	// tenures are those of the partitions that are handed over.
	tenures map[int]*tenure
	// fresh are the works as they were appended, of records that were not handed over yet: they are not copied, as a log does
	// that saves itself the decoding. Nothing stands for a record that a Rewrite of this process wrote.
	fresh map[uint64][]*delivery.Work
	ended bool

	finished, rewritten, loads int
}

// tenure is the time in which a partition is handed over.
type tenure struct {
	over bool
	done chan struct{}
}

func newDurableLog(d *disk) *fakeLog { return newFakeLog(d, 1) }

func newFakeLog(d *disk, partitions int) *fakeLog {
	l := &fakeLog{
		disk: d, durable: true, partitions: partitions, tenures: map[int]*tenure{}, fresh: map[uint64][]*delivery.Work{},
	}
	l.changed = sync.NewCond(&l.mu)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.logs = append(d.logs, l)
	return l
}

func newVolatileLog() *fakeLog {
	l := newFakeLog(&disk{}, 1)
	l.durable = false
	return l
}

var errCrashed = errors.New("the process is dead")

// set changes what the log does.
func (l *fakeLog) set(change func(l *fakeLog)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change(l)
}

// ask returns what the test says to one of the log's functions.
func (l *fakeLog) ask(which func(*fakeLog) func() error) error {
	l.mu.Lock()
	hook, ended := which(l), l.ended
	l.mu.Unlock()
	if ended {
		return errors.Join(delivery.ErrUnavailable, errCrashed)
	}
	if hook != nil {
		return hook()
	}
	return nil
}

// Start implements delivery.Log.
func (l *fakeLog) Start(r delivery.Receiver) {
	l.mu.Lock()
	l.receiver = r
	l.mu.Unlock()
	if l.durable {
		for p := range l.partitions {
			if !slices.Contains(l.others, p) {
				l.take(p)
			}
		}
	}
}

// take begins to hand over a partition.
func (l *fakeLog) take(partition int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := &tenure{done: make(chan struct{})}
	l.tenures[partition] = t
	l.disk.mu.Lock()
	defer l.disk.mu.Unlock()
	for _, r := range l.records {
		if r.Partition == partition {
			delete(l.fresh, r.Seq)
		}
	}
	go l.hand(partition, t)
}

// give has another instance work on a partition.
func (l *fakeLog) give(partition int) {
	l.mu.Lock()
	t := l.tenures[partition]
	t.over = true
	l.changed.Broadcast()
	l.mu.Unlock()
	<-t.done
	l.receiver.Release(l.unread(func(r *delivery.Record) bool { return r.Partition == partition }))
	l.receiver.Revoke(partition)
}

// unread returns the works that are not handed over any more, of some of the records.
func (l *fakeLog) unread(of func(*delivery.Record) bool) (works []*delivery.Work) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.disk.mu.Lock()
	defer l.disk.mu.Unlock()
	for _, r := range l.records {
		if of(r) {
			works = append(works, l.fresh[r.Seq]...)
		}
	}
	return works
}

// hand hands over what is on the disk, and what comes.
func (l *fakeLog) hand(partition int, t *tenure) {
	defer close(t.done)
	l.disk.mu.Lock()
	end := l.disk.seq
	l.disk.mu.Unlock()
	caughtUp := false
	for last := uint64(0); ; {
		l.mu.Lock()
		rec := l.after(partition, last)
		for rec == nil && caughtUp && !l.ended && !t.over {
			l.changed.Wait()
			rec = l.after(partition, last)
		}
		over, own := l.ended || t.over, false
		if rec != nil {
			if works, ok := l.fresh[rec.Seq]; ok {
				rec.Works, own = works, works == nil
			}
		}
		l.mu.Unlock()
		switch {
		case over:
			return
		case !caughtUp && (rec == nil || rec.Seq > end):
			caughtUp = true
			l.receiver.CaughtUp(partition)
		case rec != nil:
			if last = rec.Seq; !own {
				l.receiver.Receive(rec)
			}
		}
	}
}

// Append implements delivery.Log.
func (l *fakeLog) Append(_ context.Context, works []*delivery.Work) error {
	if err := l.ask(func(l *fakeLog) func() error { return l.onAppend }); err != nil {
		return err
	}
	partition := 0
	if l.place != nil {
		partition = l.place(works)
	}
	if !l.durable {
		l.receiver.Receive(&delivery.Record{Size: 1, Works: works})
		return nil
	}
	l.mu.Lock()
	l.disk.mu.Lock()
	ended, logs := l.ended, l.logs
	if !ended {
		l.fresh[l.add(partition, works).Seq] = works
	}
	t := l.tenures[partition]
	elsewhere := !ended && (t == nil || t.over)
	l.disk.mu.Unlock()
	l.mu.Unlock()
	if ended {
		return errors.Join(delivery.ErrUnavailable, errCrashed)
	}
	if elsewhere {
		l.receiver.Release(works)
	}
	for _, other := range logs {
		other.set(func(other *fakeLog) { other.changed.Broadcast() })
	}
	return nil
}

// Rewrite implements delivery.Log.
func (l *fakeLog) Rewrite(_ context.Context, r *delivery.Record, works []*delivery.Work) (*delivery.Record, error) {
	if err := l.ask(func(l *fakeLog) func() error { return l.onRewrite }); err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.disk.mu.Lock()
	defer l.disk.mu.Unlock()
	if t := l.tenures[r.Partition]; l.ended || t == nil || t.over {
		return nil, errors.Join(delivery.ErrUnavailable, errCrashed)
	}
	fresh := l.add(r.Partition, works)
	l.fresh[fresh.Seq] = nil
	l.remove(r.Seq)
	delete(l.fresh, r.Seq)
	l.rewritten++
	return &delivery.Record{Seq: fresh.Seq, Partition: r.Partition, Size: 1, Works: works}, nil
}

// Finish implements delivery.Log.
func (l *fakeLog) Finish(r *delivery.Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended || l.unfinished {
		return
	}
	l.disk.mu.Lock()
	defer l.disk.mu.Unlock()
	delete(l.fresh, r.Seq)
	if l.remove(r.Seq) {
		l.finished++
	}
}

// Load implements delivery.Log.
func (l *fakeLog) Load(_ context.Context, r *delivery.Record) ([]*delivery.Work, error) {
	if err := l.ask(func(l *fakeLog) func() error { return l.onLoad }); err != nil {
		return nil, err
	}
	l.set(func(l *fakeLog) { l.loads++ })
	l.disk.mu.Lock()
	defer l.disk.mu.Unlock()
	if i, found := l.find(r.Seq); found {
		return l.records[i].Works, nil
	}
	return nil, errors.New("the record is gone")
}

// counts returns how many records were finished, and rewritten, and how often one was read back.
func (l *fakeLog) counts() (finished, rewritten, loads int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.finished, l.rewritten, l.loads
}

// crash ends the log as kill -9 would: what is on the disk stays.
func (l *fakeLog) crash() {
	l.set(func(l *fakeLog) { l.ended = true })
	l.changed.Broadcast()
	for _, t := range l.tenures {
		<-t.done
	}
}

// Close implements delivery.Log.
func (l *fakeLog) Close(context.Context) error {
	l.crash()
	if l.receiver != nil {
		l.receiver.Release(l.unread(func(*delivery.Record) bool { return true }))
	}
	return nil
}

// DeadLetters implements delivery.Log.
func (l *fakeLog) DeadLetters() delivery.DeadLetters { return (*fakeLetters)(l) }

// Reconfigure implements delivery.Log.
func (l *fakeLog) Reconfigure(delivery.Backend) error { return nil }

// Status implements delivery.Log.
func (l *fakeLog) Status() delivery.LogStatus {
	return delivery.LogStatus{Name: "fake", Durable: l.durable, State: "ready", Records: int64(l.count())}
}
