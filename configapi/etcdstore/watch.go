package etcdstore

import (
	"context"
	"errors"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/eventgateway/eventgateway/configapi"
)

var (
	errReplaced = errors.New("the connection has been replaced")
	errLost     = errors.New("the connection to etcd is lost")
	errWatchEnd = errors.New("the watch has ended")
)

// follow keeps the sink up to date until ctx is done: it lists everything at one revision and watches from the next. When
// the watch ends it goes on where it was, or lists again if what happened meanwhile cannot be had.
func (s *Store) follow(ctx context.Context) {
	var at position
	var pause backoff
	for {
		c, changed, err := s.conns.acquire(ctx)
		if err != nil {
			return
		}
		err = s.session(ctx, c, changed, &at, &pause)
		s.conns.release(c)
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, errReplaced):
			continue
		case errors.Is(err, rpctypes.ErrCompacted), errors.Is(err, errHistory):
			at.listed = false
			s.logger.Warn("listing everything in etcd again", "reason", err)
		default:
			s.status.down(err)
		}
		pause.wait(ctx, changed)
	}
}

// session follows etcd through one client. It always returns an error.
func (s *Store) session(ctx context.Context, c *conn, changed <-chan struct{}, at *position, pause *backoff) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-changed:
			cancel(errReplaced)
		case <-ctx.Done():
		}
	}()
	err := s.catchUp(ctx, c, at)
	if err == nil {
		s.status.up()
		pause.reset()
		err = s.watch(ctx, c, at)
	}
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// catchUp makes sure that a watch from the revision after at misses nothing.
func (s *Store) catchUp(ctx context.Context, c *conn, at *position) error {
	if at.listed {
		_, err := s.check(ctx, c, *at)
		if !errors.Is(err, errHistory) && !errors.Is(err, rpctypes.ErrCompacted) {
			return err
		}
		s.logger.Info("listing everything in etcd again", "reason", err)
		at.listed = false
	}
	if err := s.list(ctx, c, at); err != nil {
		return err
	}
	s.markReady()
	return nil
}

// markReady is called when the sink has been loaded from etcd itself.
func (s *Store) markReady() {
	select {
	case <-s.ready:
	default:
		close(s.ready)
	}
}

// watch applies every change after at, until something ends it.
func (s *Store) watch(ctx context.Context, c *conn, at *position) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		c.lost(ctx)
		cancel(errLost)
	}()
	events := c.Watch(clientv3.WithRequireLeader(ctx), string(s.keys), clientv3.WithPrefix(),
		clientv3.WithRev(at.revision+1), clientv3.WithProgressNotify(), clientv3.WithFragment())
	checker := &checker{store: s, conn: c, results: make(chan error, 1)}
	ticker := time.NewTicker(checkInterval)
	defer ticker.Stop()
	for {
		select {
		case resp, ok := <-events:
			if !ok {
				if cause := context.Cause(ctx); cause != nil {
					return cause
				}
				return errWatchEnd
			}
			if err := s.apply(resp, at); err != nil {
				return err
			}
		case <-ticker.C:
			checker.start(ctx, *at)
		case <-s.doubt:
			checker.start(ctx, *at)
		case err := <-checker.results:
			checker.running = false
			if err != nil {
				return err
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// apply hands what one answer of a watch tells to the sink. Etcd's client puts fragments together, and an answer never
// holds a part of a revision.
func (s *Store) apply(resp clientv3.WatchResponse, at *position) error {
	if err := resp.Err(); err != nil {
		return err
	}
	if id := resp.Header.GetClusterId(); id != 0 && id != at.cluster {
		return errHistory
	}
	if resp.IsProgressNotify() {
		if resp.Header.Revision > at.revision {
			at.revision = resp.Header.Revision
			s.sink.Apply(at.revision, nil)
		}
		return nil
	}
	changes := make([]configapi.Change, 0, len(resp.Events))
	last := at.revision
	for _, event := range resp.Events {
		if event.Kv.ModRevision <= at.revision {
			continue
		}
		last = event.Kv.ModRevision
		if change, ok := s.keys.event(event); ok {
			at.mark.see(change, string(event.Kv.Key), string(event.Kv.Value))
			changes = append(changes, change)
		}
	}
	if last > at.revision {
		at.revision = last
		s.sink.Apply(last, changes)
		s.changed()
	}
	return nil
}

// changed tells the saver that there is something to save.
func (s *Store) changed() {
	if s.saver != nil {
		s.saver.wake()
	}
}
