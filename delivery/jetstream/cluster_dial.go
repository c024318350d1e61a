package jetstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/eventgateway/eventgateway"
)

// dial implements dialer.
func (c *cluster) dial(ctx context.Context) (*session, error) {
	ctx, abandon := context.WithCancelCause(ctx)
	defer abandon(nil)
	w := &wire{cluster: c, abandon: abandon}
	nc, err := w.connect(ctx)
	if err != nil {
		return nil, errors.New(plain(err))
	}
	s, kv, err := c.furnish(ctx, nc)
	if err != nil {
		nc.Close()
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, errors.New(plain(err))
	}
	w.attend(s)
	c.share(s, kv)
	return s, nil
}

const sequenceGap = 1 << 20

// furnish makes sure that the cluster has what the log needs.
func (c *cluster) furnish(ctx context.Context, nc *nats.Conn) (*session, jetstream.KeyValue, error) {
	if version := nc.ConnectedServerVersion(); !versionAtLeast(version, 2, 12) {
		return nil, nil, fmt.Errorf("the NATS server has version %s: want 2.12 or later", version)
	}
	js, err := jetstream.New(nc, jetstream.WithDefaultTimeout(requestTimeout))
	if err != nil {
		return nil, nil, err
	}
	// Each request has a deadline of its own.
	q := c.log.queue.Load()
	s := newSession(nc, js, q.Replicas)
	s.amend = func(config *jetstream.StreamConfig) {
		config.AllowAtomicPublish = true
		// Of a stream that was removed no sequence is given out again: deliveries may still run, also at other instances
		// that have seen somewhat higher ones.
		if highest := c.log.highest(); highest > 0 {
			config.FirstSeq = highest + sequenceGap
		}
		config.Metadata = map[string]string{partitionsNote: strconv.Itoa(len(c.log.partitions))}
	}
	if err := s.follow(ctx, c.log.names, q); err != nil {
		return nil, nil, err
	}
	if err := checkPartitions(s.work, len(c.log.partitions)); err != nil {
		return nil, nil, err
	}
	kv, err := ensureBucket(ctx, js, c.log.names, q.Replicas)
	return s, kv, err
}

// hangUp implements dialer.
func (c *cluster) hangUp(s *session) {
	c.mu.Lock()
	shares := c.shares
	c.shares = nil
	c.mu.Unlock()
	shares.cut()
	s.nc.Close()
	<-shares.done
}

// reconfigure implements owner. Another login is tried before it takes the place of one that works.
func (c *cluster) reconfigure(q *Queue) error {
	if n := q.partitions(); n != len(c.log.partitions) {
		return eventgateway.Errorf(eventgateway.Invalid, "partitions: %d is not accepted: the queue is divided into %d",
			n, len(c.log.partitions))
	}
	a, err := q.access().normalize()
	if err == nil {
		err = a.check()
	}
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.followed++
	if turn := c.followed; !c.access.Load().equal(a) {
		c.log.running.Go(func() { c.follow(a, turn) })
	}
	return nil
}

// follow puts a in the place of the access there is once it works, unless another one comes after it.
func (c *cluster) follow(a access, turn int) {
	for wait, last := reconnectMin, ""; ; wait = min(2*wait, redialMax) {
		err := a.try()
		c.mu.Lock()
		current := turn == c.followed && !c.closed
		if current && err == nil {
			c.access.Store(&a)
		}
		c.mu.Unlock()
		if !current {
			return
		}
		if err == nil {
			c.redial()
			return
		}
		if message := plain(err); message != last {
			c.log.logger.Warn("the new settings do not connect to NATS; those before stay in use", slog.String("error", message))
			last = message
		}
		if !pause(c.log.ctx, wait) {
			return
		}
	}
}

// equal reports whether a and b, which have the same identity, are the same, but for what is in files.
func (a access) equal(b access) bool {
	sameTLS := a.tls == b.tls || a.tls != nil && b.tls != nil && *a.tls == *b.tls
	return sameTLS && a.credentials == b.credentials && a.username == b.username && a.password == b.password && a.token == b.token
}
