package jetstream

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"github.com/eventgateway/eventgateway/delivery"
)

// splitter writes what goes to several partitions, all of it or nothing, as one atomic batch of records, one for each
// partition. What waits while a batch is being written goes into the next, as with a committer.
type splitter struct {
	log *Log

	mu      sync.Mutex
	waiting []*split
	closed  bool
	// wake has room for one.
	wake chan struct{}
	done chan struct{}
}

// split is one Append that goes to several partitions.
type split struct {
	parts []part
	// data are the encoded works of the parts.
	data [][]byte
	size int
	// outcome has room for one.
	outcome chan error
}

func newSplitter(l *Log) *splitter {
	return &splitter{log: l, wake: make(chan struct{}, 1), done: make(chan struct{})}
}

// append writes parts. As with a committer, ctx does not matter any more once they are being written.
func (s *splitter) append(ctx context.Context, session *session, parts []part) error {
	one := &split{parts: parts, outcome: make(chan error, 1)}
	for _, p := range parts {
		data, err := encodeWorks(p.works)
		if err != nil {
			return unavailable(err)
		}
		if err := s.log.fits(session, len(data)); err != nil {
			return err
		}
		one.data, one.size = append(one.data, data), one.size+len(data)
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return unavailable(errClosed)
	}
	s.waiting = append(s.waiting, one)
	s.mu.Unlock()
	s.signal()
	select {
	case err := <-one.outcome:
		return err
	case <-ctx.Done():
	}
	if s.withdraw(one) {
		return unavailable(ctx.Err())
	}
	return <-one.outcome
}

func (s *splitter) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *splitter) withdraw(one *split) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.Index(s.waiting, one)
	if i < 0 {
		return false
	}
	s.waiting = slices.Delete(s.waiting, i, i+1)
	return true
}

// close ends the splitter once all that waits is written.
func (s *splitter) close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.signal()
	<-s.done // a write is bounded
}

// run writes until close.
func (s *splitter) run() {
	defer close(s.done)
	for {
		batch, closed := s.next()
		if len(batch) > 0 {
			err := s.commit(batch)
			for _, one := range batch {
				one.outcome <- err
			}
			continue
		}
		if closed {
			return
		}
		<-s.wake
	}
}

// next takes what is written next.
func (s *splitter) next() (batch []*split, closed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, size := 0, 0
	for _, one := range s.waiting {
		if size += one.size; n > 0 && (n >= batchWorks || size > batchBytes) {
			break
		}
		n++
	}
	batch = slices.Clone(s.waiting[:n])
	s.waiting = slices.Delete(s.waiting, 0, n)
	return batch, s.closed
}

// page is the record of one partition in a batch.
type page struct {
	partition *partition
	tenure    *tenure
	origin    origin
	works     []*delivery.Work
	data      []byte
}

// commit writes a batch.
func (s *splitter) commit(batch []*split) error {
	session, err := s.log.link.now()
	if session == nil {
		return unavailable(err)
	}
	pages := collate(batch)
	messages := make([]*nats.Msg, len(pages))
	for i, p := range pages {
		if p.tenure = p.partition.current(); p.tenure != nil {
			p.origin = p.tenure.appending(p.works)
		}
		record := append(appendRecordHeader(make([]byte, 0, recordHeader+len(p.data)), p.origin), p.data...)
		messages[i] = &nats.Msg{Subject: p.partition.subject, Data: record}
	}
	ctx, cancel := session.request(context.Background())
	defer cancel()
	last, err := session.publishAll(ctx, messages)
	first := last + 1 - uint64(len(pages))
	in := err == nil
	for i, p := range pages {
		if err == nil {
			s.log.usage.added(len(messages[i].Data))
		}
		if p.tenure != nil && p.tenure.appended(p.origin, first+uint64(i), err) {
			in = true // what came by was written, and then all was
		}
	}
	if !in {
		s.log.faulty(session, err)
		return publishError(err)
	}
	for _, p := range pages {
		if p.tenure == nil || err != nil {
			s.log.owner.elsewhere(p.works)
		}
	}
	return nil
}

// collate makes one page for each partition.
func collate(batch []*split) []*page {
	var pages []*page
	for _, one := range batch {
		for i, part := range one.parts {
			at := slices.IndexFunc(pages, func(p *page) bool { return p.partition == part.partition })
			if at < 0 {
				at = len(pages)
				pages = append(pages, &page{partition: part.partition})
			}
			p := pages[at]
			p.works, p.data = append(p.works, part.works...), append(p.data, one.data[i]...)
		}
	}
	return pages
}

// The headers of an atomic batch, see the server's ADR-50.
const (
	headerBatch       = "Nats-Batch-Id"
	headerBatchNumber = "Nats-Batch-Sequence"
	headerBatchCommit = "Nats-Batch-Commit"
)

// publishAll writes messages to the stream of work, all or none, and returns the sequence of the last: they are in a row. The
// server takes them as they come, and says what came of them after the last one.
func (s *session) publishAll(ctx context.Context, messages []*nats.Msg) (last uint64, err error) {
	id := nuid.Next()
	for i, msg := range messages {
		msg.Header = nats.Header{headerBatch: {id}, headerBatchNumber: {strconv.Itoa(i + 1)}}
		if i < len(messages)-1 {
			if err := s.nc.PublishMsg(msg); err != nil {
				return 0, err
			}
			continue
		}
		msg.Header.Set(headerBatchCommit, "1")
		// A batch that was begun is not tried again in the middle: what has no answer fails as a whole.
		ack, err := s.js.PublishMsg(ctx, msg, jetstream.WithRetryAttempts(0))
		if err != nil {
			return 0, err
		}
		return ack.Sequence, nil
	}
	return 0, errors.New("an empty batch")
}
