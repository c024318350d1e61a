package jetstream

import (
	"context"
	"log/slog"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
)

// member is this instance as the others see it, from when it joins until it is lost or leaves.
type member struct {
	*leases
	id    string
	value []byte
	// revision is that of the member's own key.
	revision uint64
	// sent is when the renewal that made it was sent.
	sent time.Time
	// echoed is the revision of the key that the watch has told of; late counts renewals before which it was behind.
	echoed uint64
	late   int

	table table
	watch *watch
	// own are the partitions this instance works on, with the revisions of their keys.
	own map[int]uint64
	// retry is when to look again at what failed; zero when nothing did.
	retry time.Time
	// shown is what was last logged.
	shown []int
}

// hold is a member until ctx is done or the member is lost; then it works on nothing any more.
func (l *leases) hold(ctx context.Context) error {
	host, _ := os.Hostname()
	m := &member{leases: l, id: nuid.Next(), value: sightingOf(host, l.ttl), table: newTable(l.ttl), own: map[int]uint64{}}
	for _, key := range l.former {
		if err := l.remove(ctx, key, 0); err != nil {
			return err
		}
	}
	l.former = nil
	var err error
	if m.watch, err = l.newWatch(ctx); err != nil {
		return err
	}
	defer func() { m.watch.stop() }()
	m.former = append(m.former, memberKey(m.id))
	defer m.leave()
	if err := m.join(ctx); err != nil {
		return err
	}
	return m.work(ctx)
}

// join writes the member's key for the first time.
func (m *member) join(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, m.patience())
	defer cancel()
	sent := time.Now()
	revision, err := m.kv.Create(ctx, memberKey(m.id), m.value)
	if err != nil {
		return err
	}
	m.revision, m.sent = revision, sent
	return nil
}

// patience is how long one request may take.
func (m *member) patience() time.Duration { return m.ttl / 6 }

// until is when the member has to have given up what it could not renew.
func (m *member) until() time.Time { return m.sent.Add(m.ttl * 2 / 3) }

// work does what is due until the member is lost, or ctx is done.
func (m *member) work(ctx context.Context) error {
	beat := time.NewTicker(m.ttl / 3)
	defer beat.Stop()
	timer := time.NewTimer(m.ttl)
	defer timer.Stop()
	for {
		if !time.Now().Before(m.until()) {
			return errOutlived
		}
		timer.Reset(time.Until(m.next()))
		var err error
		select {
		case <-ctx.Done():
			return nil
		case e, ok := <-m.watch.Updates():
			if !ok {
				return errWatchEnded
			}
			err = m.read(ctx, e)
		case <-beat.C:
			err = m.renew(ctx)
		case <-timer.C:
		}
		if err != nil {
			return err
		}
		if m.table.complete {
			m.balance(ctx)
		}
	}
}

// next is when something is due that nobody tells of.
func (m *member) next() time.Time {
	switch at := m.table.nextExpiry(m.id); {
	case !m.table.complete:
		return m.until()
	case !m.retry.IsZero():
		return earlier(m.retry, m.until())
	case !at.IsZero():
		return earlier(at, m.until())
	}
	return m.until()
}

// read applies an entry of the watch and all that have come after it.
func (m *member) read(ctx context.Context, e jetstream.KeyValueEntry) error {
	for {
		m.table.apply(e, time.Now())
		if e != nil && e.Key() == memberKey(m.id) {
			if e.Operation() != jetstream.KeyValuePut {
				return errEvicted
			}
			// A renewal whose answer got lost shows here.
			m.echoed, m.revision = e.Revision(), max(m.revision, e.Revision())
		}
		select {
		case next, ok := <-m.watch.Updates():
			if !ok {
				return errWatchEnded
			}
			e = next
		default:
			m.dropStolen(ctx)
			return nil
		}
	}
}

// dropStolen gives up partitions whose keys somebody else has changed, such as an operator.
func (m *member) dropStolen(ctx context.Context) {
	if !m.table.complete {
		return
	}
	var stolen []int
	for partition, revision := range m.own {
		if l := m.table.leases[partition]; l.revision > revision {
			stolen = append(stolen, partition)
		}
	}
	if len(stolen) > 0 {
		m.end(ctx, stolen)
		m.logger.Warn("partitions of the queue were taken away from this instance", slog.Any("partitions", stolen))
	}
}

// end ends the work on partitions.
func (m *member) end(ctx context.Context, partitions []int) {
	if len(partitions) == 0 {
		return
	}
	ctx, cancel := context.WithDeadline(ctx, earlier(time.Now().Add(m.ttl/3), m.until()))
	defer cancel()
	slices.Sort(partitions)
	m.drop(ctx, partitions)
	for _, partition := range partitions {
		delete(m.own, partition)
	}
}

// leave ends all work, and tells the others if that is possible.
func (m *member) leave() {
	ctx, cancel := context.WithTimeout(m.alive, m.ttl/3+farewell)
	defer cancel()
	partitions, revisions := slices.Collect(maps.Keys(m.own)), maps.Clone(m.own)
	m.end(ctx, partitions)
	if m.remove(ctx, memberKey(m.id), 0) != nil {
		return
	}
	m.former = nil
	// The partitions are free by now. This is for those who come when nobody remembers this member.
	for _, partition := range partitions {
		if m.kv.Delete(ctx, partitionKey(partition), jetstream.LastRevision(revisions[partition])) != nil && ctx.Err() != nil {
			return
		}
	}
}

func ended(ctx context.Context) bool { return ctx.Err() != nil }

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
