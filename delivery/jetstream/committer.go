package jetstream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/eventgateway/eventgateway/delivery"
)

const (
	// requestTimeout bounds requests to the server.
	requestTimeout = 5 * time.Second
	// batchWorks and batchBytes bound what is written as one record, unless one Append has more.
	batchWorks = 512
	batchBytes = 256 << 10
	// messageOverhead is what a message takes beside the record.
	messageOverhead = 1 << 10
)

// committer writes what is appended to a partition: all that waits while a record is being written goes into the next.
// So writes get larger as they get slower, and one fsync serves many.
type committer struct {
	p *partition

	mu      sync.Mutex
	waiting []*put
	closed  bool
	// wake has room for one: there is something to do.
	wake chan struct{}
	done chan struct{}
}

// put is one Append.
type put struct {
	works []*delivery.Work
	data  []byte
	// outcome has room for one.
	outcome chan error
}

func newCommitter(p *partition) *committer {
	return &committer{p: p, wake: make(chan struct{}, 1), done: make(chan struct{})}
}

// append writes works, of which data is the encoded form. Once they are being written ctx does not matter any more: the
// caller has to know what came of it.
func (c *committer) append(ctx context.Context, works []*delivery.Work, data []byte) error {
	put := &put{works, data, make(chan error, 1)}
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return unavailable(errClosed)
	}
	c.waiting = append(c.waiting, put)
	c.mu.Unlock()
	c.signal()
	select {
	case err := <-put.outcome:
		return err
	case <-ctx.Done():
	}
	if c.withdraw(put) {
		return unavailable(ctx.Err())
	}
	return <-put.outcome
}

func (c *committer) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// withdraw takes back a put that still waits.
func (c *committer) withdraw(p *put) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.Index(c.waiting, p)
	if i < 0 {
		return false
	}
	c.waiting = slices.Delete(c.waiting, i, i+1)
	return true
}

// run commits until close.
func (c *committer) run() {
	defer close(c.done)
	for {
		batch, closed := c.next()
		if len(batch) > 0 {
			err := c.commit(batch)
			for _, p := range batch {
				p.outcome <- err
			}
			continue
		}
		if closed {
			return
		}
		<-c.wake
	}
}

// next takes what is written next.
func (c *committer) next() (batch []*put, closed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, works, size := 0, 0, 0
	for _, p := range c.waiting {
		works, size = works+len(p.works), size+len(p.data)
		if n > 0 && (works > batchWorks || size > batchBytes) {
			break
		}
		n++
	}
	batch = slices.Clone(c.waiting[:n])
	c.waiting = slices.Delete(c.waiting, 0, n)
	return batch, c.closed
}

// close ends the committer; what waits is still written.
func (c *committer) close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.signal()
}

func (c *committer) commit(batch []*put) error {
	s, err := c.p.log.link.now()
	if s == nil {
		return unavailable(err)
	}
	size, works := recordHeader, 0
	for _, p := range batch {
		size, works = size+len(p.data), works+len(p.works)
	}
	all := batch[0].works
	if len(batch) > 1 {
		all = make([]*delivery.Work, 0, works)
		for _, p := range batch {
			all = append(all, p.works...)
		}
	}
	var o origin
	t := c.p.current()
	if t != nil {
		o = t.appending(all)
	}
	record := appendRecordHeader(make([]byte, 0, size), o)
	for _, p := range batch {
		record = append(record, p.data...)
	}
	seq, err := c.p.publish(context.Background(), s, record)
	switch {
	case t != nil && t.appended(o, seq, err):
		return nil
	case t == nil && err == nil:
		c.p.log.owner.elsewhere(all)
	}
	return err
}

// publish writes a record and returns its sequence. Its errors are those of Append.
func (p *partition) publish(ctx context.Context, s *session, record []byte) (uint64, error) {
	ctx, cancel := s.request(ctx)
	defer cancel()
	ack, err := s.js.PublishMsg(ctx, &nats.Msg{Subject: p.subject, Data: record})
	if err == nil {
		p.log.usage.added(len(record))
		if p.log.silent.Load() > 0 {
			p.log.silent.Store(0)
		}
		return ack.Sequence, nil
	}
	p.log.faulty(s, err)
	return 0, publishError(err)
}

// The codes of errors of the server that have no name in the client.
const (
	codeInsufficientResources = 10023
	codeStorageExceeded       = 10047
	codeStoreFailed           = 10077
)

// publishError says what an error of publishing means for the sender.
func publishError(err error) error {
	var answer *jetstream.APIError
	switch {
	case errors.Is(err, nats.ErrMaxPayload):
		return delivery.ErrTooLarge
	case errors.Is(err, context.Canceled): // see session.request
		return unavailable(errBroken)
	}
	if !errors.As(err, &answer) {
		return unavailable(err)
	}
	switch answer.ErrorCode {
	case codeInsufficientResources, codeStorageExceeded:
		return fmt.Errorf("%w: %s", delivery.ErrFull, answer.Description)
	case jetstream.JSErrCodeStreamMessageExceedsMaximum:
		return delivery.ErrTooLarge
	case codeStoreFailed:
		if strings.Contains(answer.Description, "maximum") {
			return fmt.Errorf("%w: %s", delivery.ErrFull, answer.Description)
		}
	}
	return unavailable(err)
}

// unavailable says that the log cannot be written to or read from now, and why.
func unavailable(err error) error { return fmt.Errorf("%w: %w", delivery.ErrUnavailable, err) }
