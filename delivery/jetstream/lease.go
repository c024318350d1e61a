package jetstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// leaseTTL is how long an instance that says nothing keeps its partitions.
	leaseTTL = 10 * time.Second
	// markerTTL is how long the bucket remembers that an instance went.
	markerTTL = time.Minute
	// farewell bounds telling the others when the log is closed.
	farewell = 3 * time.Second
)

// leases shares the partitions of a log among the instances that use it, by a bucket with a key for each instance, which
// it renews every third of the TTL, and one for each partition, which names the instance that works on it.
//
// An instance owns a partition while the partition's key names it and its own key stands. Every change is made on the
// condition that the key is as it was seen. An instance that could not renew its key for two thirds of the TTL gives up all
// its partitions by itself. Another removes the key of an instance only after it has seen it unchanged for a whole TTL by
// its own clock, and takes over the partitions only when it, or a third one, has removed it: by then the first has given
// them up. So no clocks are compared, and no two instances that run work on one partition at a time.
type leases struct {
	kv         jetstream.KeyValue
	partitions int
	ttl        time.Duration
	logger     *slog.Logger
	// alive ends when there is no use in waiting for answers any more.
	alive context.Context
	// take tells that this instance works on a partition from now on. It does not block.
	take func(partition int)
	// drop ends this instance's work on partitions, at once and whatever ctx says; then it writes what was finished in
	// them, as far as ctx allows.
	drop func(ctx context.Context, partitions []int)

	// former are keys of this instance that it gave up and may not have removed.
	former []string
}

// run shares until ctx is done, and then gives up everything at once. An error means that the bucket is gone, or the
// connection closed.
func (l *leases) run(ctx context.Context) error {
	last := ""
	for wait := redialMin; ; wait = min(2*wait, l.ttl/3) {
		began := time.Now()
		err := l.hold(ctx)
		if ended(ctx) {
			return nil
		}
		if time.Since(began) > l.ttl {
			wait, last = redialMin, ""
		}
		if message := plain(err); message != last {
			l.logger.Warn("this instance works on no partition of the queue for now", slog.String("error", message))
			last = message
		}
		if errors.Is(err, errWatchEnded) || errors.Is(err, nats.ErrConnectionClosed) {
			return err
		}
		if _, err := l.kv.Status(ctx); errors.Is(err, jetstream.ErrBucketNotFound) || errors.Is(err, jetstream.ErrStreamNotFound) {
			return fmt.Errorf("the bucket %s was removed", l.kv.Bucket())
		}
		pause(ctx, wait)
	}
}

var (
	errWatchEnded = errors.New("the watch of the bucket has ended")
	errOutlived   = errors.New("the lease could not be renewed in time")
	errEvicted    = errors.New("another instance has taken over")
)
