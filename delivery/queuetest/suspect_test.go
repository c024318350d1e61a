package queuetest_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/delivery"
)

// fault is the one thing that the suspect does wrong; empty for none.
var fault = os.Getenv("SUSPECT_FAULT")

func init() {
	if fault != "is not registered" {
		caddy.RegisterModule(new(suspect))
	}
}

// suspectLargest is the size of data from which on an event is too large.
const suspectLargest = 4 << 20

// suspect is a small queue whose disk is this process' memory.
type suspect struct {
	Age   time.Duration `json:"age"`
	Bytes int64         `json:"bytes"`
	// Volatile has it forget everything when it is closed.
	Volatile bool `json:"volatile"`
}

func (*suspect) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: delivery.Namespace + ".suspect", New: func() caddy.Module { return new(suspect) }}
}

func (*suspect) UnmarshalCaddyfile(*caddyfile.Dispenser) error { return nil }

func (*suspect) Validate() error {
	if fault == "refuses every configuration" {
		return errors.New("refused")
	}
	return nil
}

func (b *suspect) Identity(env delivery.Env) string {
	if fault == "is another queue with other bounds" {
		return fmt.Sprint(env.DataDir, b.Bytes)
	}
	return env.DataDir
}

func (*suspect) Limits() delivery.Limits { return delivery.Limits{} }

// disks holds what is kept, by directory.
var disks sync.Map

type disk struct {
	mu      sync.Mutex
	changed *sync.Cond
	last    uint64
	records []*stored
	letters []*delivery.DeadLetter
	buried  uint64
}

type stored struct {
	seq           uint64
	works, before []*delivery.Work
	// given are the works as they were appended; nil when they were handed over.
	given []*delivery.Work
}

func (b *suspect) Open(env delivery.Env) (delivery.Log, error) {
	fresh := &disk{}
	if b.Volatile && fault != "starts from one" {
		fresh.buried = uint64(time.Now().UnixMicro())
	}
	fresh.changed = sync.NewCond(&fresh.mu)
	d := fresh
	if !b.Volatile || fault == "remembers what it should not" {
		kept, _ := disks.LoadOrStore(env.DataDir, fresh)
		d = kept.(*disk)
	}
	l := &suspectLog{disk: d, own: map[uint64]bool{}, over: make(chan struct{})}
	l.backend.Store(b)
	if fault == "forgets dead letters" {
		d.letters = nil
	}
	return l, nil
}

type suspectLog struct {
	disk    *disk
	backend atomic.Pointer[suspect]
	// finished counts the records that were finished again.
	finished atomic.Int64

	// disk.mu guards these.
	position uint64
	own      map[uint64]bool
	started  bool
	closed   bool
	// over is closed when nothing is handed over any more.
	over chan struct{}
}

func (l *suspectLog) Start(r delivery.Receiver) {
	l.disk.mu.Lock()
	defer l.disk.mu.Unlock()
	l.started = true
	if fault == "begins with what is new" {
		l.position = l.disk.last
	}
	if fault == "catches up too early" {
		r.CaughtUp(0)
	}
	go l.handOver(r, l.disk.last)
}

// handOver hands over what is left, up to the record of that number, and then all that comes.
func (l *suspectLog) handOver(r delivery.Receiver, left uint64) {
	defer close(l.over)
	caught := fault == "never catches up" || fault == "catches up too early"
	d := l.disk
	d.mu.Lock()
	defer d.mu.Unlock()
	for !l.closed {
		next := slices.IndexFunc(d.records, func(s *stored) bool { return s.seq > l.position && !l.own[s.seq] })
		if !caught && (next < 0 || d.records[next].seq > left) {
			caught = true
			d.mu.Unlock()
			r.CaughtUp(0)
			d.mu.Lock()
			continue
		}
		if next < 0 {
			d.changed.Wait()
			continue
		}
		s := d.records[next]
		l.position = s.seq
		if fault == "loses every hundredth record when it is opened" && s.seq <= left && s.seq%100 == 0 {
			continue
		}
		works := clones(s.works)
		if fault == "rounds times when it is opened" && s.seq <= left {
			for _, w := range works {
				w.Event.ReceivedAt = w.Event.ReceivedAt.Truncate(time.Millisecond)
			}
		}
		if fault == "turns records around" {
			slices.Reverse(works)
		}
		rec := &delivery.Record{Seq: s.seq, Size: size(s), Works: works}
		if fault == "hands over with its lock held" {
			r.Receive(rec)
			continue
		}
		switch fault {
		case "gives no sizes":
			rec.Size = 0
		case "gives all records one number":
			rec.Seq = 1
		}
		given := s.given
		s.given = nil
		d.mu.Unlock()
		r.Receive(rec)
		if fault != "releases nothing" {
			r.Release(given)
		}
		if fault == "hands over everything twice" {
			r.Receive(&delivery.Record{Seq: s.seq + 1, Size: rec.Size, Works: clones(works)})
		}
		d.mu.Lock()
	}
}

func (l *suspectLog) Append(ctx context.Context, works []*delivery.Work) error {
	if fault == "loses what comes at the same time" && together() {
		return nil
	}
	d := l.disk
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case l.closed && fault == "accepts what it loses once it is closed":
		return nil
	case l.closed && fault == "says that it is full once it is closed":
		return delivery.ErrFull
	case l.closed:
		return delivery.ErrUnavailable
	}
	kept := clones(works)
	if _, ok := ctx.Deadline(); ok && fault == "stops in the middle" {
		<-ctx.Done()
		l.keep(kept[:1])
		return delivery.ErrUnavailable
	}
	for i, w := range kept {
		if len(w.Event.Data) >= suspectLargest {
			if fault == "keeps what comes before the large one" {
				l.keep(kept[:i])
			}
			return delivery.ErrTooLarge
		}
	}
	switch fault {
	case "keeps the first hundred deliveries":
		for _, w := range kept {
			w.Owed = w.Owed[:min(len(w.Owed), 100)]
		}
	case "takes events of one ID for one":
		kept = slices.CompactFunc(kept, func(a, b *delivery.Work) bool { return a.Event.ID == b.Event.ID })
	}
	l.keep(kept).given = works
	return nil
}

// keep stores works as a record. The caller holds the disk's mu.
func (l *suspectLog) keep(works []*delivery.Work) *stored {
	l.disk.last++
	s := &stored{seq: l.disk.last, works: works}
	l.disk.records = append(l.disk.records, s)
	l.disk.changed.Broadcast()
	return s
}

// find returns where a record is stored; -1 when it is not. The caller holds the disk's mu.
func (l *suspectLog) find(r *delivery.Record) int {
	return slices.IndexFunc(l.disk.records, func(s *stored) bool { return s.seq == r.Seq })
}

func (l *suspectLog) Rewrite(_ context.Context, r *delivery.Record, works []*delivery.Work) (*delivery.Record, error) {
	if l.backend.Load().Volatile && fault != "says that it rewrites" {
		return nil, errors.ErrUnsupported
	}
	l.disk.mu.Lock()
	defer l.disk.mu.Unlock()
	at := l.find(r)
	if at < 0 {
		return nil, delivery.ErrUnavailable
	}
	old := l.disk.records[at]
	kept := clones(works)
	if fault == "rewrites a record only once" && old.before != nil {
		kept = old.works
	}
	if fault != "keeps what was rewritten" {
		l.disk.records = slices.Delete(l.disk.records, at, at+1)
	}
	s := l.keep(kept)
	s.before = old.works
	l.own[s.seq] = fault != "hands over what was rewritten"
	return &delivery.Record{Seq: s.seq, Size: size(s), Works: works}, nil
}

func (l *suspectLog) Finish(r *delivery.Record) {
	l.disk.mu.Lock()
	defer l.disk.mu.Unlock()
	at := l.find(r)
	switch {
	case l.closed && fault == "waits to finish once it is closed":
		for {
			l.disk.changed.Wait()
		}
	case l.closed || fault == "keeps what is finished" || l.own[r.Seq] && fault == "does not finish what was rewritten":
	case at >= 0:
		l.disk.records = slices.Delete(l.disk.records, at, at+1)
	case fault == "counts what is finished again":
		l.finished.Add(1)
	}
}

func (l *suspectLog) Load(_ context.Context, r *delivery.Record) ([]*delivery.Work, error) {
	if l.backend.Load().Volatile && fault != "loads what it cannot" {
		return nil, errors.ErrUnsupported
	}
	l.disk.mu.Lock()
	defer l.disk.mu.Unlock()
	at := l.find(r)
	if at < 0 {
		return nil, delivery.ErrUnavailable
	}
	switch s := l.disk.records[at]; {
	case fault == "loads only the first event":
		return clones(s.works[:1]), nil
	case fault == "loads what was there before" && s.before != nil:
		return clones(s.before), nil
	default:
		return clones(s.works), nil
	}
}

func (l *suspectLog) DeadLetters() delivery.DeadLetters { return (*suspectLetters)(l) }

func (l *suspectLog) Reconfigure(b delivery.Backend) error {
	if fault != "ignores new settings" {
		l.backend.Store(b.(*suspect))
	}
	return nil
}

func (l *suspectLog) Status() delivery.LogStatus {
	l.disk.mu.Lock()
	defer l.disk.mu.Unlock()
	s := delivery.LogStatus{Name: "suspect", Durable: !l.backend.Load().Volatile, State: "ready"}
	s.Records = int64(len(l.disk.records)) - l.finished.Load()
	for _, r := range l.disk.records {
		if fault != "counts no bytes" {
			s.Bytes += int64(size(r))
		}
	}
	if l.closed && fault != "is ready for ever" {
		s.State, s.Error = "unavailable", "it is closed"
	}
	return s
}

func (l *suspectLog) Close(ctx context.Context) error {
	l.disk.mu.Lock()
	started := l.started
	l.closed = true
	l.disk.changed.Broadcast()
	l.disk.mu.Unlock()
	if started || fault == "waits for its start to close" {
		<-l.over
	}
	if ctx.Err() != nil && fault == "hangs when there is no time" {
		select {}
	}
	return nil
}

var pair = make(chan struct{})

// together waits a little for another call, and reports whether this is the second of the two.
func together() bool {
	select {
	case pair <- struct{}{}:
	case <-pair:
		return true
	case <-time.After(50 * time.Millisecond):
	}
	return false
}

func size(s *stored) (n int) {
	for _, w := range s.works {
		n += 100 + len(w.Event.Data)
	}
	return n
}

func clones(works []*delivery.Work) []*delivery.Work {
	all := make([]*delivery.Work, len(works))
	for i, w := range works {
		all[i] = &delivery.Work{Event: cloneEvent(w.Event), Key: w.Key, Owed: slices.Clone(w.Owed)}
	}
	return all
}

func cloneEvent(ev *eventgateway.Event) *eventgateway.Event {
	c := *ev.Detach()
	c.Data = slices.Clone(ev.Data)
	if c.CloudEvent != nil {
		attributes := *c.CloudEvent
		attributes.Extensions = maps.Clone(attributes.Extensions)
		for name, value := range attributes.Extensions {
			if fault == "makes texts of extensions" {
				attributes.Extensions[name] = fmt.Sprint(value)
			}
		}
		c.CloudEvent = &attributes
	}
	return &c
}
