package jetstream

import (
	"context"
	"time"
)

// renew writes the member's key again. An error means that the member is lost; a renewal that fails is tried again.
func (m *member) renew(ctx context.Context) error {
	if m.echoed < m.revision {
		if m.late++; m.late > 1 {
			m.rewatch(ctx)
		}
	} else {
		m.late = 0
	}
	for time.Now().Before(m.until()) && !ended(ctx) {
		err := m.renewOnce(ctx)
		if err == nil {
			return nil
		}
		// If the revision is not the one it was seen with, the watch tells why.
		select {
		case e, ok := <-m.watch.Updates():
			if !ok {
				return errWatchEnded
			}
			if err := m.read(ctx, e); err != nil {
				return err
			}
		case <-time.After(min(m.ttl/30, time.Until(m.until()))):
		case <-ctx.Done():
		}
	}
	if ended(ctx) {
		return nil
	}
	return errOutlived
}

func (m *member) renewOnce(ctx context.Context) error {
	ctx, cancel := context.WithDeadline(ctx, earlier(time.Now().Add(m.patience()), m.until()))
	defer cancel()
	sent := time.Now()
	revision, err := m.kv.Update(ctx, memberKey(m.id), m.value, m.revision)
	if err == nil {
		m.revision, m.sent = revision, sent
	}
	return err
}

// rewatch watches anew, in place of a watch that tells nothing any more. If that fails, the next renewal tries again.
func (m *member) rewatch(ctx context.Context) {
	w, err := m.newWatch(ctx)
	if err != nil {
		return
	}
	m.watch.stop()
	m.watch, m.late = w, 0
	m.table.restart()
}
