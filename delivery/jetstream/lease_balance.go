package jetstream

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// balance removes instances that have gone silent, gives up what is more than this instance's share, and claims what of
// its share is free. What fails is tried again a little later, or when the watch tells of a change.
func (m *member) balance(ctx context.Context) {
	m.retry = time.Time{}
	ctx, cancel := context.WithDeadline(ctx, m.until())
	defer cancel()
	err := m.evict(ctx)
	if err == nil {
		err = m.giveUp(ctx)
	}
	if err == nil {
		err = m.claim(ctx)
	}
	if err != nil {
		m.retry = time.Now().Add(m.ttl / 20)
	}
	if own := slices.Sorted(maps.Keys(m.own)); !slices.Equal(own, m.shown) {
		m.logger.Info("partitions of the queue this instance works on", slog.Any("partitions", own),
			slog.Int("instances", m.instances()))
		m.shown = own
	}
}

// instances counts those that share, this one included.
func (m *member) instances() int {
	n := len(m.table.members)
	if _, ok := m.table.members[m.id]; !ok {
		n++
	}
	return n
}

// share is how many partitions this instance aims at: all have the same number or, where that does not come out even,
// those whose ids sort first have one more.
func (m *member) share() int {
	n := m.instances()
	rank := 0
	for id := range m.table.members {
		if id < m.id {
			rank++
		}
	}
	share := m.partitions / n
	if rank < m.partitions%n {
		share++
	}
	return share
}

// evict removes the keys of instances that have been silent for a TTL.
func (m *member) evict(ctx context.Context) error {
	now := time.Now()
	for id, s := range m.table.members {
		if id == m.id || now.Before(s.expiry()) {
			continue
		}
		err := m.remove(ctx, memberKey(id), s.revision)
		switch {
		case err == nil:
			m.table.gone(id)
			m.logger.Warn("an instance went silent; its partitions of the queue are shared among the others")
		case errors.Is(err, jetstream.ErrKeyRevisionMismatch):
			if err := m.reconsider(ctx, id); err != nil {
				return err
			}
		default:
			return err
		}
	}
	for id, since := range m.table.missing {
		if id == m.id || now.Before(since.Add(m.ttl)) {
			continue
		}
		if err := m.bury(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// remove removes the key of an instance, at a revision or, when that is 0, whatever it is.
func (l *leases) remove(ctx context.Context, key string, revision uint64) error {
	ctx, cancel := context.WithTimeout(ctx, l.ttl/6)
	defer cancel()
	opts := []jetstream.KVDeleteOpt{jetstream.PurgeTTL(markerTTL)}
	if revision > 0 {
		opts = append(opts, jetstream.LastRevision(revision))
	}
	return l.kv.Purge(ctx, key, opts...)
}

// reconsider looks up an instance whose key is not as the watch told.
func (m *member) reconsider(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, m.patience())
	defer cancel()
	e, err := m.kv.Get(ctx, memberKey(id))
	switch {
	case errors.Is(err, jetstream.ErrKeyNotFound):
		// A server that is behind may say so: the partitions are not free yet.
		delete(m.table.members, id)
		m.table.findMissing(time.Now())
		return nil
	case err != nil:
		return err
	case len(e.Value()) > 0:
		m.table.seen(id, e, time.Now())
		return nil
	}
	// Somebody who buried it did not come to the end of it.
	if err := m.remove(ctx, memberKey(id), e.Revision()); err != nil {
		return err
	}
	m.table.gone(id)
	return nil
}

// bury makes sure that an instance which holds partitions, but has no key that is known of, really has none: where no key
// is, one can be made.
func (m *member) bury(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, m.patience())
	defer cancel()
	_, err := m.kv.Create(ctx, memberKey(id), nil)
	if errors.Is(err, jetstream.ErrKeyExists) {
		delete(m.table.missing, id)
		return m.reconsider(ctx, id)
	}
	if err != nil {
		return err
	}
	if err := m.remove(ctx, memberKey(id), 0); err != nil {
		return err
	}
	m.table.gone(id)
	return nil
}

// giveUp gives up the partitions that are more than this instance's share.
func (m *member) giveUp(ctx context.Context) error {
	if surplus := len(m.own) - m.share(); surplus > 0 {
		partitions := slices.Sorted(maps.Keys(m.own))[m.share():]
		m.end(ctx, partitions)
	}
	// Also those that were given up before, when the bucket could not be told.
	for partition, l := range m.table.leases {
		if _, works := m.own[partition]; works || l.holder != m.id || len(m.own) < m.share() {
			continue
		}
		err := m.release(ctx, partition, l.revision)
		if err != nil && !errors.Is(err, jetstream.ErrKeyRevisionMismatch) {
			return err
		}
		m.table.leases[partition] = lease{}
	}
	return nil
}

func (m *member) release(ctx context.Context, partition int, revision uint64) error {
	ctx, cancel := context.WithTimeout(ctx, m.patience())
	defer cancel()
	return m.kv.Delete(ctx, partitionKey(partition), jetstream.LastRevision(revision))
}

// claim takes free partitions until this instance has its share, or its own key is to be renewed.
func (m *member) claim(ctx context.Context) error {
	began := time.Now()
	for _, partition := range rand.Perm(m.partitions) {
		if len(m.own) >= m.share() {
			return nil
		}
		_, works := m.own[partition]
		l := m.table.leases[partition]
		if works || l.holder != "" && l.holder != m.id && !l.orphaned {
			continue
		}
		revision, err := m.claimOne(ctx, partition, l)
		if errors.Is(err, jetstream.ErrKeyRevisionMismatch) || errors.Is(err, jetstream.ErrKeyExists) {
			continue // somebody else was faster, the watch tells who
		}
		if err != nil {
			return err
		}
		if !time.Now().Before(m.until()) {
			return errOutlived
		}
		m.own[partition] = revision
		m.table.leases[partition] = lease{holder: m.id, revision: revision}
		m.take(partition)
		if time.Since(began) > m.patience() {
			return context.DeadlineExceeded
		}
	}
	return nil
}

func (m *member) claimOne(ctx context.Context, partition int, l lease) (revision uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, m.patience())
	defer cancel()
	if l.holder == "" {
		return m.kv.Create(ctx, partitionKey(partition), []byte(m.id))
	}
	return m.kv.Update(ctx, partitionKey(partition), []byte(m.id), l.revision)
}
