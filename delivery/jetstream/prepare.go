package jetstream

import (
	"context"
	"fmt"
	"log/slog"
)

// prepare makes a new session fit for use: the sequences that the receivers know must not be given out again, which they
// would be if the end of the stream was lost.
func (l *Log) prepare(ctx context.Context, s *session) error {
	l.measure(ctx, s)
	last := l.highest()
	if last == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	info, err := s.work.Info(ctx)
	if err != nil {
		return fmt.Errorf("looking at the stream: %w", err)
	}
	if info.State.LastSeq >= last {
		return nil
	}
	l.logger.Error("the end of the queue's log is lost", slog.Uint64("records", last-info.State.LastSeq))
	empty := appendRecordHeader(nil, origin{})
	for seq := info.State.LastSeq; seq < last; {
		ack, err := s.js.Publish(ctx, l.partitions[0].subject, empty)
		if err != nil {
			return fmt.Errorf("filling up the stream: %w", err)
		}
		seq = ack.Sequence
	}
	return nil
}

// highest returns the highest sequence this instance has seen.
func (l *Log) highest() (last uint64) {
	for _, p := range l.partitions {
		last = max(last, p.highest())
	}
	return last
}
