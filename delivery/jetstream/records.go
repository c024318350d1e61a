package jetstream

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/eventgateway/eventgateway/delivery"
)

// Rewrite implements delivery.Log.
func (l *Log) Rewrite(ctx context.Context, r *delivery.Record, works []*delivery.Work) (*delivery.Record, error) {
	s, err := l.link.wait(ctx)
	if s == nil {
		return nil, l.absent(err)
	}
	data, err := encodeWorks(works)
	if err != nil {
		return nil, unavailable(err)
	}
	if err = l.fits(s, len(data)); err != nil {
		return nil, err
	}
	p := l.partitions[r.Partition]
	t := p.current()
	if t == nil {
		return nil, unavailable(errRevoked)
	}
	if l.syncs() {
		select {
		case l.rewriting <- struct{}{}:
			defer func() { <-l.rewriting }()
		case <-ctx.Done():
			return nil, unavailable(ctx.Err())
		}
	}
	o := t.rewriting()
	record := append(appendRecordHeader(make([]byte, 0, recordHeader+len(data)), o), data...)
	seq, err := p.publish(context.WithoutCancel(ctx), s, record)
	if seq = t.rewritten(o, seq, err); seq == 0 {
		return nil, err
	}
	l.Finish(r)
	return &delivery.Record{Seq: seq, Partition: r.Partition, Size: len(record), Works: works}, nil
}

// syncs reports whether every write takes an fsync: then writes that are not waited for are few at a time, so that those
// of Append get in between.
func (l *Log) syncs() bool { return l.queue.Load().Sync == SyncAlways }

var errRevoked = errors.New("another instance works on the partition now")

// Finish implements delivery.Log.
func (l *Log) Finish(r *delivery.Record) {
	l.cache.forget(place{r.Partition, r.Seq})
	l.partitions[r.Partition].finisher.finish(r.Seq)
}

// Load implements delivery.Log. The works may be given out again: they are not to be changed.
func (l *Log) Load(ctx context.Context, r *delivery.Record) ([]*delivery.Work, error) {
	at := place{r.Partition, r.Seq}
	if works := l.cache.get(at); works != nil {
		return works, nil
	}
	s, err := l.link.wait(ctx)
	if s == nil {
		return nil, unavailable(err)
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	data, err := s.loadWork(ctx, r.Seq)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, fmt.Errorf("record %d of partition %d is not in the log", r.Seq, r.Partition)
	}
	if err != nil {
		return nil, unavailable(err)
	}
	_, rest, err := readRecordHeader(data)
	if err != nil {
		return nil, err
	}
	works, err := decodeWorks(rest)
	if err == nil && len(data) <= cacheSize {
		l.cache.put(at, works)
	}
	return works, err
}
