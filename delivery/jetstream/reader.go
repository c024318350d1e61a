package jetstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// readAhead is how many messages are under way to a reader at most, unless it met a large one: a server holds no
	// more than some for a connection.
	readAhead, readAheadLarge = 128, 2
	// largeRecord is what counts as large: more than a batch of small ones.
	largeRecord = batchBytes * 3 / 2
	// smallRecords is after how many in a row that are not large a reader takes more at a time again.
	smallRecords = 1000
	// quiet is how long a reader that has not caught up waits for a message before it asks whether there are more.
	quiet = 200 * time.Millisecond
	// stallInterval is how often it is looked whether a consumer in a cluster hands out what there is.
	stallInterval = 3 * time.Second
	// pullHeartbeat is how often a server of a cluster says that a reader's consumer is still there; after two that did not
	// come it is made anew. pullExpiry is how long one request for messages holds.
	pullHeartbeat, pullExpiry = 1500 * time.Millisecond, 10 * time.Second
	// readRetry is how long a reader waits before it tries again.
	readRetryMin, readRetryMax = 50 * time.Millisecond, 2 * time.Second
)

// errPace ends reading so that it goes on with more, or fewer, messages at a time.
var errPace = errors.New("the records are of another size")

// run reads the partition, in order and each record once, over however many consumers and sessions it takes.
func (t *tenure) run() {
	wait := readRetryMin
	for {
		s, err := t.p.log.link.wait(t.ctx)
		if err != nil {
			return // closed, or ended
		}
		before := t.position()
		err = t.readSession(s)
		if t.ctx.Err() != nil {
			return
		}
		if errors.Is(err, errPace) {
			continue
		}
		if t.position() > before {
			wait = readRetryMin
		} else {
			t.ahead = readAheadLarge // it may be large what does not come through
		}
		t.p.log.logger.Debug("reading the queue again",
			slog.Int("partition", t.p.number), slog.String("error", err.Error()))
		pause(t.ctx, wait)
		wait = min(2*wait, readRetryMax)
	}
}

// readSession reads until something fails, the session is lost or the tenure ends.
func (t *tenure) readSession(s *session) error {
	ctx, cancel := context.WithTimeout(t.ctx, requestTimeout)
	defer cancel()
	last, err := s.lastWork(ctx, t.p.subject)
	if err != nil {
		return fmt.Errorf("looking at the stream: %w", err)
	}
	consumer, err := s.work.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{
		FilterSubjects:    []string{t.p.subject},
		DeliverPolicy:     jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:       t.position() + 1,
		InactiveThreshold: time.Minute,
		MaxResetAttempts:  1,
	})
	if err != nil {
		return fmt.Errorf("creating a consumer: %w", err)
	}
	more := consumer.CachedInfo().NumPending > 0
	messages, err := consumer.Messages(s.pulling(t.ahead)...)
	if err != nil {
		return fmt.Errorf("consuming: %w", err)
	}
	defer messages.Stop()
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		t.watch(s, stop)
		messages.Stop()
	}()
	for t.position() < last && (more || !s.local) {
		if more, err = t.readPending(consumer, messages); err != nil {
			return err
		}
		if !more && !s.local {
			// The server that the consumer is on may be behind, or what was to come may have been forgotten meanwhile.
			if last, err = t.lookAgain(s); err != nil {
				return err
			}
		}
	}
	t.catchUp(last)
	for {
		msg, err := messages.Next()
		if err != nil {
			return err
		}
		if _, err = t.takeMessage(msg); err != nil {
			return err
		}
	}
}

// watch returns when it is time to stop reading: also when a consumer of a cluster hands out nothing though there is
// something. One that was made while its server was catching up may do so.
func (t *tenure) watch(s *session, stop <-chan struct{}) {
	var look <-chan time.Time
	if !s.local {
		ticker := time.NewTicker(stallInterval)
		defer ticker.Stop()
		look = ticker.C
	}
	for behind, before := false, uint64(0); ; {
		select {
		case <-t.ctx.Done():
			return
		case <-s.lost:
			return
		case <-stop:
			return
		case <-look:
		}
		position := t.position()
		if behind && position == before {
			return
		}
		last, err := t.lookAgain(s)
		behind, before = err == nil && last > position, position
	}
}

// pulling is how messages are read. In a cluster a consumer may go with the server it is on: that shows soon.
func (s *session) pulling(ahead int) []jetstream.PullMessagesOpt {
	opts := []jetstream.PullMessagesOpt{jetstream.PullMaxMessages(ahead)}
	if !s.local {
		opts = append(opts, jetstream.PullExpiry(pullExpiry), jetstream.PullHeartbeat(pullHeartbeat))
	}
	return opts
}

// lookAgain returns how far there is something to be read, which a consumer says it has not.
func (t *tenure) lookAgain(s *session) (last uint64, err error) {
	ctx, cancel := context.WithTimeout(t.ctx, requestTimeout)
	defer cancel()
	if last, err = s.lastWork(ctx, t.p.subject); err != nil {
		return 0, fmt.Errorf("looking at the stream: %w", err)
	}
	return last, nil
}

// readPending reads one message, and reports whether there are more of those that stood in the log from before.
func (t *tenure) readPending(consumer jetstream.Consumer, messages jetstream.MessagesContext) (more bool, err error) {
	msg, err := messages.Next(jetstream.NextMaxWait(quiet))
	if err == nil {
		pending, err := t.takeMessage(msg)
		return pending > 0, err
	}
	if !errors.Is(err, nats.ErrTimeout) {
		return true, err
	}
	// What was to come may have been forgotten meanwhile.
	ctx, cancel := context.WithTimeout(t.ctx, requestTimeout)
	defer cancel()
	info, err := consumer.Info(ctx)
	if err != nil {
		return true, fmt.Errorf("looking at the consumer: %w", err)
	}
	return info.NumPending > 0 || info.Delivered.Stream > t.position(), nil
}

// takeMessage takes a message and returns how many follow it.
func (t *tenure) takeMessage(msg jetstream.Msg) (pending uint64, err error) {
	meta, err := msg.Metadata()
	if err != nil {
		return 0, fmt.Errorf("reading a message's metadata: %w", err)
	}
	t.take(meta.Sequence.Stream, msg.Data())
	return meta.NumPending, t.pace(len(msg.Data()))
}

// pace decides how many messages are read ahead after a record of that size: it returns errPace when that changes.
func (t *tenure) pace(size int) error {
	if t.small++; size > largeRecord {
		t.small = 0
	}
	switch {
	case t.small == 0 && t.ahead > readAheadLarge:
		t.ahead = readAheadLarge
	case t.small >= smallRecords && t.ahead < readAhead:
		t.ahead = readAhead
	default:
		return nil
	}
	return errPace
}
