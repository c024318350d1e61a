package jetstream

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/eventgateway/eventgateway/delivery"
)

// usageInterval is how often it is looked how much is kept; usageIntervalLocal where that costs next to nothing.
const usageInterval, usageIntervalLocal = 2 * time.Second, 250 * time.Millisecond

// usage is what is kept, as far as is known. Bytes are written before counts: whoever finds all counted finds their bytes.
type usage struct {
	records, bytes       atomic.Int64
	deadCount, deadBytes atomic.Int64
}

func (u *usage) added(size int) {
	u.bytes.Add(int64(size))
	u.records.Add(1)
}

// watch keeps the usage up to date until ctx is done.
func (l *Log) watch(ctx context.Context) {
	for {
		interval := usageInterval
		if s, _ := l.link.wait(ctx); s != nil {
			l.measure(ctx, s)
			if s.local {
				interval = usageIntervalLocal
			}
		}
		if l.disk != nil {
			l.disk.measure()
		}
		if !pause(ctx, interval) {
			return
		}
	}
}

func (l *Log) measure(ctx context.Context, s *session) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	info, err := s.work.Info(ctx)
	if err == nil {
		l.usage.bytes.Store(int64(info.State.Bytes))
		l.usage.records.Store(int64(info.State.Msgs))
	}
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		s.fail(fmt.Errorf("the stream %s was removed", l.names.workStream()))
	}
	if info, err := s.dead.Info(ctx); err == nil {
		l.usage.deadCount.Store(int64(info.State.Msgs))
		l.usage.deadBytes.Store(int64(info.State.Bytes))
	}
}

// Status implements delivery.Log.
func (l *Log) Status() delivery.LogStatus {
	status := delivery.LogStatus{
		Name: "jetstream", Durable: true, State: "ready",
		Bytes: l.usage.bytes.Load(), Records: l.usage.records.Load(), Partitions: l.owner.owned(),
	}
	s, err := l.link.now()
	if s != nil {
		err = l.disk.full()
	}
	if err != nil {
		status.State, status.Error = "unavailable", err.Error()
	}
	return status
}
