package jetstream

import (
	"context"
	"log/slog"
	"sync"

	"github.com/eventgateway/eventgateway/delivery"
)

// tenure is the time in which this instance works on a partition.
type tenure struct {
	p        *partition
	receiver delivery.Receiver
	// term marks the records that this tenure wrote.
	term uint64

	ctx    context.Context
	cancel context.CancelFunc

	// handing is held while the receiver is called. It guards ended, last and caughtUp.
	handing sync.Mutex
	ended   bool
	// last is the highest sequence handed out, or passed over.
	last     uint64
	caughtUp bool

	// window is the finisher's; it guards it.
	window window

	// ahead is how many messages are under way to the reader at most, and small how many records in a row were not large.
	// They are the reader's.
	ahead, small int

	mu sync.Mutex
	// number is that of the last write.
	number uint64
	// fresh are the works of records that were appended and not read back yet: they need not be decoded.
	fresh map[uint64][]*delivery.Work
	// answered are the records that were not read yet when the server answered that it has them, in the order of its answers.
	answered []answer
	// rewrites are those of which it is not known whether they are in the log.
	rewrites map[uint64]*rewrite
}

// answer is where a record is, and the number of its write.
type answer struct{ seq, number uint64 }

// rewrite is one that is under way, or failed. A record that comes by was written though that failed stands for nothing:
// what it was to replace still stands.
type rewrite struct {
	// seq is where it was read; 0 when it was not yet.
	seq    uint64
	failed bool
}

func newTenure(p *partition, r delivery.Receiver) *tenure {
	t := &tenure{
		p: p, receiver: r, term: newTerm(), ahead: readAhead,
		fresh: make(map[uint64][]*delivery.Work), rewrites: make(map[uint64]*rewrite),
	}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	return t
}

// end returns once nothing is handed to the receiver any more.
func (t *tenure) end() {
	t.cancel()
	t.handing.Lock()
	t.ended = true
	t.handing.Unlock()
	t.mu.Lock()
	var unread []*delivery.Work
	for _, works := range t.fresh {
		unread = append(unread, works...)
	}
	clear(t.fresh)
	t.answered = nil
	t.mu.Unlock()
	t.release(unread)
}

// release tells the receiver that works do not come.
func (t *tenure) release(works []*delivery.Work) {
	if len(works) > 0 {
		t.receiver.Release(works)
	}
}

// A write's number is odd for a rewrite.

// appending notes works that are about to be appended and returns who writes them.
func (t *tenure) appending(works []*delivery.Work) origin {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.number += 2
	t.fresh[t.number] = works
	return origin{t.term, t.number}
}

// appended notes how a write ended, and where the record is if it is known to be in the log. It reports whether it is there:
// when it was read, it is, even if the server's answer got lost. One that is in the log without that being known is handed
// out as anything else.
func (t *tenure) appended(o origin, seq uint64, err error) bool {
	t.mu.Lock()
	works, unread := t.fresh[o.number]
	over := t.ctx.Err() != nil
	switch {
	case err != nil || over:
		delete(t.fresh, o.number)
	case unread:
		t.answered = append(t.answered, answer{seq, o.number})
	}
	t.mu.Unlock()
	if err != nil {
		return !unread && !over
	}
	if over {
		t.release(works)
	}
	return true
}

// passed returns the works of appended records up to seq that were passed over: somebody else removed them.
func (t *tenure) passed(seq uint64) (works []*delivery.Work) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := 0
	for ; n < len(t.answered) && t.answered[n].seq <= seq; n++ {
		number := t.answered[n].number
		works = append(works, t.fresh[number]...)
		delete(t.fresh, number)
	}
	t.answered = t.answered[n:]
	return works
}

// rewriting notes a rewrite that is about to be made, and returns who makes it.
func (t *tenure) rewriting() origin {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.number += 2
	t.rewrites[t.number|1] = &rewrite{}
	return origin{t.term, t.number | 1}
}

// rewritten notes how a rewrite ended and returns where the record is; 0 when it is not known to be in the log.
func (t *tenure) rewritten(o origin, seq uint64, err error) uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.rewrites[o.number]
	if err != nil && r.seq == 0 {
		r.failed = true
		return 0
	}
	delete(t.rewrites, o.number)
	if err != nil {
		return r.seq
	}
	return seq
}

// what is to be done with a record that was read.
const (
	handOut = iota // to the receiver
	pass           // it has it already
	drop           // it stands for nothing
)

// read notes that a record came by, and returns what is to be done with it, with its works if they are known.
func (t *tenure) read(seq uint64, o origin) (what int, works []*delivery.Work) {
	if o.term != t.term {
		return handOut, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if o.number&1 == 0 {
		works = t.fresh[o.number]
		delete(t.fresh, o.number)
		return handOut, works
	}
	r := t.rewrites[o.number]
	switch {
	case r == nil:
		return pass, nil
	case r.failed:
		delete(t.rewrites, o.number)
		return drop, nil
	}
	r.seq = seq
	return pass, nil
}

// take deals with a message that was read.
func (t *tenure) take(seq uint64, data []byte) {
	t.handing.Lock()
	defer t.handing.Unlock()
	if t.ended || seq <= t.last {
		return
	}
	t.last = seq
	defer func() { t.release(t.passed(seq)) }()
	finished := t.p.finisher.read(seq)
	o, rest, err := readRecordHeader(data)
	if err != nil {
		t.unreadable(seq, err)
		return
	}
	what, works := t.read(seq, o)
	if what == drop {
		t.p.finisher.finish(seq)
	}
	if what != handOut || finished {
		t.release(works)
		return
	}
	if works == nil {
		if works, err = decodeWorks(rest); err != nil {
			t.unreadable(seq, err)
			return
		}
	}
	if len(works) == 0 {
		t.p.finisher.finish(seq)
		return
	}
	t.receiver.Receive(&delivery.Record{Seq: seq, Partition: t.p.number, Size: len(data), Works: works})
}

// unreadable leaves a record where it is, for a version that can read it.
func (t *tenure) unreadable(seq uint64, err error) {
	t.p.log.logger.Error("a record of the queue cannot be read and is passed over",
		slog.Int("partition", t.p.number), slog.Uint64("sequence", seq), slog.String("error", err.Error()))
}

// position returns the highest sequence handed out.
func (t *tenure) position() uint64 {
	t.handing.Lock()
	defer t.handing.Unlock()
	return t.last
}

// catchUp notes that there is nothing up to last that was not handed out, and tells the receiver so once.
func (t *tenure) catchUp(last uint64) {
	t.handing.Lock()
	defer t.handing.Unlock()
	if t.ended {
		return
	}
	if last > t.last {
		t.last = last
		t.p.finisher.pass(last)
		t.release(t.passed(last))
	}
	if t.caughtUp {
		return
	}
	t.caughtUp = true
	t.receiver.CaughtUp(t.p.number)
}
