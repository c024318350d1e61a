package jetstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/semaphore"

	"github.com/eventgateway/eventgateway/delivery"
)

// owner decides which partitions this instance works on.
type owner interface {
	// start begins to start and stop partitions, with partition.start and partition.stop. It returns at once.
	start(r delivery.Receiver)
	// append keeps works in the partitions they belong to, with the session there is; see delivery.Log.
	append(ctx context.Context, s *session, works []*delivery.Work) error
	// elsewhere releases works that were kept where another instance reads them.
	elsewhere(works []*delivery.Work)
	// reconfigure follows other settings of the same identity.
	reconfigure(q *Queue) error
	// owned returns the numbers of the partitions this instance works on; nil where there is only one instance.
	owned() []int
	// stop stops all partitions, so that nothing is handed out any more, and gives them up as far as ctx allows.
	stop(ctx context.Context)
}

// Log is a durable log on JetStream.
type Log struct {
	logger *slog.Logger
	names  names
	queue  atomic.Pointer[Queue]
	link   *link
	// disk is nil where the log keeps nothing on this machine.
	disk       *disk
	partitions []*partition
	owner      owner
	letters    *letters
	cache      *cache
	usage      usage
	// encoding bounds the size of the works that are being written.
	encoding *semaphore.Weighted
	// release lets go of what the log was opened with.
	release func() error

	// rewriting has room for the rewrites that may be made at a time while every one takes an fsync.
	rewriting chan struct{}

	// silent counts the writes without an answer since the last with one.
	silent atomic.Int32

	ctx    context.Context
	cancel context.CancelFunc
	// running are the goroutines that ctx ends.
	running sync.WaitGroup
	// linkDone is closed when the link has ended.
	linkDone chan struct{}

	closing sync.Once
	closed  error
}

// newLog returns a log of so many partitions. The caller sets the owner and what to release, maybe the disk, and then
// calls run.
func newLog(q *Queue, env delivery.Env, n names, partitions int) *Log {
	l := &Log{logger: env.Logger, names: n, cache: newCache(), rewriting: make(chan struct{}, 2), linkDone: make(chan struct{})}
	l.encoding = semaphore.NewWeighted(encodedAtOnce)
	l.queue.Store(q)
	l.ctx, l.cancel = context.WithCancel(context.Background())
	l.partitions = make([]*partition, partitions)
	for i := range l.partitions {
		l.partitions[i] = newPartition(l, i)
	}
	l.letters = &letters{log: l}
	return l
}

// run connects, and begins to write what is appended and remove what is finished.
func (l *Log) run(d dialer) {
	l.link = newLink(d, l.logger)
	l.link.prepare = l.prepare
	go func() {
		defer close(l.linkDone)
		l.link.run(l.ctx)
	}()
	for _, p := range l.partitions {
		go p.committer.run()
		l.running.Go(func() { p.finisher.run(l.ctx) })
	}
	l.running.Go(func() { l.watch(l.ctx) })
}

// Start implements delivery.Log.
func (l *Log) Start(r delivery.Receiver) { l.owner.start(r) }

// Append implements delivery.Log.
func (l *Log) Append(ctx context.Context, works []*delivery.Work) error {
	if len(works) == 0 {
		return nil
	}
	s, err := l.link.now()
	if s == nil {
		return l.absent(err)
	}
	size := int64(0)
	for _, w := range works {
		size += delivery.SizeOf(w.Event)
	}
	size = min(size, encodedAtOnce)
	if err := l.encoding.Acquire(ctx, size); err != nil {
		return unavailable(err)
	}
	defer l.encoding.Release(size)
	return l.owner.append(ctx, s, works)
}

// encodedAtOnce is how many bytes of works are being written at a time: each is in memory a second and a third time then.
const encodedAtOnce = 64 << 20

// absent is the error of writing without a session, for the reason given.
func (l *Log) absent(reason error) error {
	if full := l.disk.room(0); full != nil {
		return full
	}
	return unavailable(reason)
}

// fits reports whether a record of that size can be written at all.
func (l *Log) fits(s *session, size int) error {
	size += recordHeader + messageOverhead
	if most := min(s.nc.MaxPayload(), l.queue.Load().maxBytes()); int64(size) > most {
		return fmt.Errorf("%w: it takes %d bytes, and a record of the log has at most %d", delivery.ErrTooLarge, size, most)
	}
	return nil
}

// faulty notes that writing failed. A server in this process that does not answer any more is started again.
func (l *Log) faulty(s *session, err error) {
	const patience = 3
	if errors.Is(err, jetstream.ErrNoStreamResponse) && s.local {
		s.fail(err)
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrTimeout) {
		if l.silent.Add(1) >= patience && s.local {
			s.fail(errors.New("the embedded NATS server does not answer"))
		}
	}
}

// DeadLetters implements delivery.Log.
func (l *Log) DeadLetters() delivery.DeadLetters { return l.letters }

// Close implements delivery.Log.
func (l *Log) Close(ctx context.Context) error {
	l.closing.Do(func() { l.closed = l.close(ctx) })
	return l.closed
}

func (l *Log) close(ctx context.Context) error {
	for _, p := range l.partitions {
		p.committer.close()
	}
	for _, p := range l.partitions {
		<-p.committer.done // a write is bounded
	}
	l.owner.stop(ctx)
	var flushing sync.WaitGroup
	for _, p := range l.partitions {
		flushing.Go(func() { p.settle(ctx) })
	}
	flushing.Wait()
	l.cancel()
	<-l.linkDone // stopping a server is bounded
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		l.running.Wait()
	}()
	select {
	case <-ended:
	case <-ctx.Done(): // what still waits for an answer hands nothing out any more
	}
	return l.release()
}

// Reconfigure implements delivery.Log.
func (l *Log) Reconfigure(b delivery.Backend) error {
	q, ok := b.(*Queue)
	if !ok {
		return fmt.Errorf("a log on JetStream cannot follow a %T", b)
	}
	if err := l.owner.reconfigure(q); err != nil {
		return err
	}
	before := l.queue.Swap(q)
	if l.disk != nil {
		l.disk.reserve.Store(q.reserve())
	}
	s, _ := l.link.now()
	if s == nil {
		return nil // the next session follows
	}
	if s.local && before.Sync != q.Sync {
		s.fail(errReconfigured)
		return nil
	}
	ctx, cancel := context.WithTimeout(l.ctx, requestTimeout)
	defer cancel()
	return s.follow(ctx, l.names, q)
}

var errReconfigured = errors.New("it starts again with other settings")
