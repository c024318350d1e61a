package etcdstore

import (
	"context"
	"math/rand/v2"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// backoff spaces attempts out: each pause is up to twice the one before, with jitter, so that many gateways do not come
// back at the same moment.
type backoff struct{ pause time.Duration }

const (
	firstPause = 100 * time.Millisecond
	maxPause   = 5 * time.Second
)

func (b *backoff) reset() { b.pause = 0 }

// wait pauses, or returns early when ctx is done or wake is closed or receives.
func (b *backoff) wait(ctx context.Context, wake <-chan struct{}) {
	b.pause = min(max(2*b.pause, firstPause), maxPause)
	timer := time.NewTimer(b.pause/2 + rand.N(b.pause/2))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-wake:
	case <-ctx.Done():
	}
}

// connect makes the first client, and a new one whenever the configuration asks for it.
func (s *Store) connect(ctx context.Context) {
	for {
		cfg := s.config()
		var pause backoff
		for ctx.Err() == nil && !s.tryConnect(ctx, cfg) {
			pause.wait(ctx, s.renew)
			cfg = s.config()
		}
		select {
		case <-s.renew:
		case <-ctx.Done():
			return
		}
	}
}

// tryConnect puts a client for cfg in use. While one is in use, the next has to prove first that it works.
func (s *Store) tryConnect(ctx context.Context, cfg Config) bool {
	inUse := s.conns.used()
	traced, req := withTrace(context.Background())
	client, err := s.newClient(ctx, traced, cfg)
	if err == nil && inUse {
		if err = probe(ctx, client, s.keys, cfg.DialTimeout); err != nil {
			client.Close()
		}
	}
	if err != nil {
		if ctx.Err() == nil {
			s.status.troubled(req.cause(err), inUse)
		}
		return false
	}
	s.conns.replace(&conn{Client: client, server: s.server})
	if inUse {
		s.logger.Info("connected to etcd with new settings")
	}
	return true
}

// newClient makes a client. It outlives ctx, which ends only the attempt; base is what its own requests go by.
func (s *Store) newClient(ctx, base context.Context, cfg Config) (*clientv3.Client, error) {
	if s.server != nil {
		return s.server.connect(ctx)
	}
	base, cancel := context.WithCancel(base)
	stop := context.AfterFunc(ctx, cancel)
	client, err := newClient(base, cfg, s.logger)
	if err != nil {
		cancel()
		return nil, err
	}
	if !stop() {
		client.Close()
		return nil, ctx.Err()
	}
	context.AfterFunc(client.Ctx(), cancel)
	return client, nil
}

// probe reads something the store needs permission for.
func probe(ctx context.Context, client *clientv3.Client, keys keyspace, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	ctx, req := withTrace(ctx)
	_, err := client.Get(ctx, string(keys), clientv3.WithPrefix(), clientv3.WithLimit(1), clientv3.WithKeysOnly())
	if err != nil {
		return req.cause(err)
	}
	return nil
}
