package jetstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/eventgateway/eventgateway/delivery"
)

// letters keeps dead letters in a stream of their own, a subject for each space; their ids are the sequences there.
type letters struct {
	log *Log
}

const idDigits = 20

func letterID(seq uint64) string { return fmt.Sprintf("%0*d", idDigits, seq) }

// letterSeq is the way back; 0 for what is no id.
func letterSeq(id string) uint64 {
	if len(id) != idDigits {
		return 0
	}
	seq, err := strconv.ParseUint(id, 10, 64)
	if err != nil {
		return 0
	}
	return seq
}

// Add implements delivery.DeadLetters.
func (d *letters) Add(ctx context.Context, letter *delivery.DeadLetter) error {
	data, err := encodeLetter(letter)
	if err != nil {
		return unavailable(err)
	}
	s, err := d.log.link.wait(ctx)
	if s == nil {
		return unavailable(err)
	}
	_, most := d.log.queue.Load().DeadLetters.limits()
	if int64(len(data)+messageOverhead) > min(s.nc.MaxPayload(), most) {
		return delivery.ErrTooLarge
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	ack, err := s.js.PublishMsg(ctx, &nats.Msg{Subject: d.log.names.dead(letter.Space), Data: data})
	if err != nil {
		d.log.faulty(s, err)
		if err = publishError(err); errors.Is(err, delivery.ErrFull) {
			return unavailable(err)
		}
		return err
	}
	letter.ID = letterID(ack.Sequence)
	d.log.usage.deadCount.Add(1)
	d.log.usage.deadBytes.Add(int64(len(data)))
	return nil
}

// Get implements delivery.DeadLetters.
func (d *letters) Get(ctx context.Context, space, id string) (*delivery.DeadLetter, error) {
	seq := letterSeq(id)
	if seq == 0 {
		return nil, nil
	}
	s, err := d.log.link.wait(ctx)
	if s == nil {
		return nil, unavailable(err)
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	msg, err := s.dead.GetMsg(ctx, seq)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, unavailable(err)
	}
	if msg.Subject != d.log.names.dead(space) {
		return nil, nil
	}
	letter, err := decodeLetter(msg.Data)
	if err != nil {
		return nil, fmt.Errorf("the dead letter %s cannot be read: %w", id, err)
	}
	letter.ID = id
	return letter, nil
}

// Delete implements delivery.DeadLetters.
func (d *letters) Delete(ctx context.Context, space, id string) (bool, error) {
	seq := letterSeq(id)
	if seq == 0 {
		return false, nil
	}
	s, err := d.log.link.wait(ctx)
	if s == nil {
		return false, unavailable(err)
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	msg, err := s.dead.GetMsg(ctx, seq)
	if errors.Is(err, jetstream.ErrMsgNotFound) || err == nil && msg.Subject != d.log.names.dead(space) {
		return false, nil
	}
	if err != nil {
		return false, unavailable(err)
	}
	if err = s.dead.DeleteMsg(ctx, seq); err != nil {
		if _, missing := s.dead.GetMsg(ctx, seq); errors.Is(missing, jetstream.ErrMsgNotFound) {
			return false, nil
		}
		return false, unavailable(err)
	}
	d.log.usage.deadCount.Add(-1)
	d.log.usage.deadBytes.Add(-int64(len(msg.Data)))
	return true, nil
}

// Count implements delivery.DeadLetters.
func (d *letters) Count() (count, bytes int64) {
	return max(d.log.usage.deadCount.Load(), 0), max(d.log.usage.deadBytes.Load(), 0)
}

// List implements delivery.DeadLetters.
func (d *letters) List(ctx context.Context, q *delivery.DeadLetterQuery) (list []*delivery.DeadLetter, more bool, err error) {
	s, err := d.log.link.wait(ctx)
	if s == nil {
		return nil, false, unavailable(err)
	}
	walk, err := d.walk(ctx, s, d.log.names.dead(q.Space), letterSeq(q.After)+1)
	if err != nil {
		return nil, false, unavailable(err)
	}
	defer walk.messages.Stop()
	for {
		seq, data, err := walk.next(ctx)
		if err != nil {
			return nil, false, unavailable(err)
		}
		if seq == 0 {
			return list, false, nil
		}
		letter, err := decodeLetter(data)
		if err != nil {
			d.log.logger.Error("a dead letter cannot be read and is passed over",
				slog.Uint64("sequence", seq), slog.String("error", err.Error()))
			continue
		}
		if letter.ID = letterID(seq); !q.Matches(letter) {
			continue
		}
		if q.Limit > 0 && len(list) == q.Limit {
			return list, true, nil
		}
		list = append(list, letter)
	}
}

// letterWalk goes through the dead letters of a subject, up to the last that stood when it began.
type letterWalk struct {
	consumer jetstream.Consumer
	messages jetstream.MessagesContext
	// pending is how many follow, and last the sequence after which nothing is of interest.
	pending, last, position uint64
}

func (d *letters) walk(ctx context.Context, s *session, subject string, from uint64) (*letterWalk, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	info, err := s.dead.Info(ctx)
	if err != nil {
		return nil, err
	}
	consumer, err := s.dead.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{subject}, DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: from,
		InactiveThreshold: 10 * time.Second, MaxResetAttempts: 1,
	})
	if err != nil {
		return nil, err
	}
	pending := consumer.CachedInfo().NumPending
	messages, err := consumer.Messages(jetstream.PullMaxMessages(readAhead))
	if err != nil {
		return nil, err
	}
	return &letterWalk{consumer: consumer, messages: messages, pending: pending, last: info.State.LastSeq}, nil
}

// next returns the next dead letter; seq is 0 when there is none.
func (w *letterWalk) next(ctx context.Context) (seq uint64, data []byte, err error) {
	for w.pending > 0 && w.position < w.last {
		msg, err := w.messages.Next(jetstream.NextMaxWait(quiet))
		if err == nil {
			meta, err := msg.Metadata()
			if err != nil {
				return 0, nil, err
			}
			w.pending, w.position = meta.NumPending, meta.Sequence.Stream
			return w.position, msg.Data(), nil
		}
		if !errors.Is(err, nats.ErrTimeout) {
			return 0, nil, err
		}
		// What was to come may have been removed meanwhile.
		info, err := w.consumer.Info(ctx)
		if err != nil {
			return 0, nil, err
		}
		w.pending = info.NumPending
		if info.Delivered.Stream > w.position && info.Delivered.Consumer > 0 {
			w.pending++ // one is under way
		}
	}
	return 0, nil, ctx.Err()
}
