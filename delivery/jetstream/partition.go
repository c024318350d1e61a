package jetstream

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"sync"

	"github.com/eventgateway/eventgateway/delivery"
)

// partition is one part of a log: a subject of the stream of work. Every instance may append to it and forget what it
// finished; the one that works on it reads it, from start until stop.
type partition struct {
	log     *Log
	number  int
	subject string

	committer *committer
	finisher  *finisher

	mu     sync.Mutex
	tenure *tenure
	// past is the highest sequence of the tenures before.
	past uint64
}

func newPartition(l *Log, number int) *partition {
	p := &partition{log: l, number: number, subject: l.names.work(number)}
	p.committer = newCommitter(p)
	p.finisher = newFinisher(p)
	return p
}

// start begins to hand the partition's records to r: all that stand in it, in order, then CaughtUp, then what is
// appended. It returns at once. A partition that is started already stays as it is.
func (p *partition) start(r delivery.Receiver) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.tenure != nil {
		return
	}
	p.tenure = newTenure(p, r)
	p.finisher.follow(&p.tenure.window)
	p.log.running.Go(p.tenure.run)
}

// stop ends it: once it has returned, nothing is handed out any more. It does not call Revoke, nor wait for the network.
func (p *partition) stop() {
	p.mu.Lock()
	t := p.tenure
	p.tenure = nil
	p.mu.Unlock()
	if t == nil {
		return
	}
	t.end()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.past = max(p.past, t.position())
}

// settle has what is finished forgotten, as far as ctx allows.
func (p *partition) settle(ctx context.Context) { p.finisher.flush(ctx) }

// append keeps works in the partition.
func (p *partition) append(ctx context.Context, s *session, works []*delivery.Work) error {
	data, err := encodeWorks(works)
	if err != nil {
		return unavailable(err)
	}
	if err = p.log.fits(s, len(data)); err != nil {
		return err
	}
	if err = p.log.disk.room(len(data)); err != nil {
		return err
	}
	return p.committer.append(ctx, works, data)
}

// current returns the tenure; nil when this instance does not work on the partition.
func (p *partition) current() *tenure {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.tenure
}

// highest returns the highest sequence this instance has seen.
func (p *partition) highest() uint64 {
	p.mu.Lock()
	t, past := p.tenure, p.past
	p.mu.Unlock()
	if t == nil {
		return past
	}
	return max(past, t.position())
}

// newTerm returns a random number that is not 0.
func newTerm() uint64 {
	var b [8]byte
	rand.Read(b[:]) // crashes the program rather than fail
	return binary.BigEndian.Uint64(b[:]) | 1
}
