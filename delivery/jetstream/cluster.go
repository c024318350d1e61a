package jetstream

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/delivery"
)

const (
	// firstPatience bounds the wait for a cluster when a log is opened, so that one which is there is there from the start.
	firstPatience = time.Second
	// lastWord is for how long a log that is closed in a hurry still tries to tell the others.
	lastWord      = time.Second
	maxReplicas   = 5
	maxPartitions = 256
)

// validateCluster checks what is only for a cluster, and refuses what is not for one.
func (q *Queue) validateCluster() error {
	if _, err := q.access().normalize(); err != nil {
		return err
	}
	if q.Sync != "" {
		return eventgateway.Errorf(eventgateway.Invalid,
			"sync: not accepted beside urls: it is for the embedded server; a cluster's servers have sync_interval")
	}
	if q.Reserve != 0 {
		return eventgateway.Errorf(eventgateway.Invalid, "reserve: not accepted beside urls: it is for the embedded server")
	}
	if q.Replicas < 0 || q.Replicas > maxReplicas {
		return eventgateway.Errorf(eventgateway.Invalid, "replicas: %d is not accepted: want 1 to %d", q.Replicas, maxReplicas)
	}
	if q.Partitions < 0 || q.Partitions > maxPartitions {
		return eventgateway.Errorf(eventgateway.Invalid, "partitions: %d is not accepted: want 1 to %d", q.Partitions, maxPartitions)
	}
	return nil
}

func (q *Queue) clusterIdentity(env delivery.Env) string {
	return "jetstream " + q.access().identity() + " " + newNames(env.Name).base
}

// openCluster opens a log in a cluster, which may be out of reach for now. An error is one of the settings.
func (q *Queue) openCluster(env delivery.Env) (*Log, error) { return q.openClusterWith(env, leaseTTL) }

func (q *Queue) openClusterWith(env delivery.Env, ttl time.Duration) (*Log, error) {
	a, err := q.access().normalize()
	if err == nil {
		err = a.check()
	}
	if err != nil {
		return nil, err
	}
	l := newLog(q, env, newNames(env.Name), q.partitions())
	c := &cluster{log: l, ttl: ttl, began: make(chan struct{})}
	c.access.Store(&a)
	c.own.Store(&[]int{})
	c.splitter = newSplitter(l)
	l.owner, l.release = c, func() error { return nil }
	go c.splitter.run()
	l.run(c)
	ctx, cancel := context.WithTimeout(l.ctx, firstPatience)
	defer cancel()
	l.link.tried(ctx)
	return l, nil
}

// cluster connects a log to a NATS cluster, and owns the partitions that its leases give to this instance.
type cluster struct {
	log      *Log
	access   atomic.Pointer[access]
	ttl      time.Duration
	splitter *splitter

	// receiver is set when began is closed.
	receiver delivery.Receiver
	began    chan struct{}

	mu sync.Mutex
	// shares is that of the session there is; nil without one.
	shares *sharing
	// closed tells that no partition is taken any more.
	closed bool
	// followed counts changes of the access.
	followed int

	// own are the numbers of the partitions this instance works on, ascending. The slice is not changed.
	own atomic.Pointer[[]int]
	// turn spreads works that may go to any partition.
	turn atomic.Uint64
}

// sharing is what shares partitions during one session.
type sharing struct {
	// leave gives up everything in order; hurry does not write what is finished before; cut does not wait for answers any
	// more.
	leave, hurry, cut context.CancelFunc
	done              chan struct{}
}

// start implements owner.
func (c *cluster) start(r delivery.Receiver) {
	c.receiver = r
	close(c.began)
}

// owned implements owner.
func (c *cluster) owned() []int { return *c.own.Load() }

// elsewhere implements owner.
func (c *cluster) elsewhere(works []*delivery.Work) {
	select {
	case <-c.began:
		c.receiver.Release(works)
	default: // nobody waits for them yet
	}
}

// stop implements owner.
func (c *cluster) stop(ctx context.Context) {
	c.splitter.close()
	c.mu.Lock()
	c.closed = true
	shares := c.shares
	c.mu.Unlock()
	if shares == nil {
		return
	}
	calm := context.AfterFunc(ctx, shares.hurry)
	defer calm()
	shares.leave()
	select {
	case <-shares.done:
		return
	case <-ctx.Done():
	}
	// Others get the partitions at once if they are told, so that is tried in any case.
	if !isClosed(shares.done, lastWord) {
		shares.cut()
		<-shares.done
	}
}

// isClosed reports whether a channel is closed within a time.
func isClosed(done <-chan struct{}, within time.Duration) bool {
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
}

// share shares the partitions with the other instances for as long as the session s lasts.
func (c *cluster) share(s *session, kv jetstream.KeyValue) {
	alive, cut := context.WithCancel(context.Background())
	staying, leave := context.WithCancel(alive)
	unhurried, hurry := context.WithCancel(alive)
	shares := &sharing{leave: leave, hurry: hurry, cut: cut, done: make(chan struct{})}
	c.mu.Lock()
	c.shares = shares
	closed := c.closed
	c.mu.Unlock()
	if closed {
		leave()
	}
	l := &leases{
		kv: kv, partitions: len(c.log.partitions), ttl: c.ttl, logger: c.log.logger, alive: alive, take: c.take,
		drop: func(ctx context.Context, partitions []int) {
			ctx, cancel := context.WithCancel(ctx)
			defer cancel()
			defer context.AfterFunc(unhurried, cancel)()
			c.drop(ctx, partitions)
		},
	}
	go func() {
		defer close(shares.done)
		defer cut()
		select {
		case <-c.began:
		case <-staying.Done():
			return
		}
		if err := l.run(staying); err != nil {
			s.fail(err)
		}
	}()
}

// take begins to work on a partition.
func (c *cluster) take(partition int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	own := append(slices.Clone(c.owned()), partition)
	slices.Sort(own)
	c.own.Store(&own)
	c.log.partitions[partition].start(c.receiver)
}

// drop ends the work on partitions, and then has forgotten what is finished, as far as ctx allows, so that others do not
// get it again.
func (c *cluster) drop(ctx context.Context, partitions []int) {
	c.mu.Lock()
	own := slices.DeleteFunc(slices.Clone(c.owned()), func(n int) bool { return slices.Contains(partitions, n) })
	c.own.Store(&own)
	closed := c.closed
	c.mu.Unlock()
	var dropping sync.WaitGroup
	for _, number := range partitions {
		p := c.log.partitions[number]
		dropping.Go(func() {
			p.stop()
			if !closed {
				c.receiver.Revoke(number)
			}
			p.settle(ctx)
		})
	}
	dropping.Wait()
}
