package etcdstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"go.etcd.io/etcd/client/pkg/v3/fileutil"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3client"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/eventgateway/eventgateway"
)

const (
	memberName = "event-gateway"
	// tick and election decide how soon a single node, which nobody opposes, takes the lead after its start.
	tickMillis, electionMillis = 20, 100
	quotaBytes                 = 8 << 30
	// keptRevisions is how much history stays. Only the mirror of this process reads it, and it is never far behind.
	keptRevisions = "10000"
	stopTimeout   = 10 * time.Second
)

// embedded is an etcd server inside this process. It listens nowhere: its client calls it directly, so no other program
// can reach what it keeps, and no port or socket path can be taken already.
type embedded struct {
	lock   *fileutil.LockedFile
	server *embed.Etcd

	once    sync.Once
	failed  chan struct{}
	failure error
}

// startEmbedded starts a server on the data under dir. The error tells when another process uses them.
func startEmbedded(dir string, logger *slog.Logger) (*embedded, error) {
	data := filepath.Join(dir, "etcd")
	if err := os.MkdirAll(data, 0o700); err != nil {
		return nil, fmt.Errorf("creating the data directory of the embedded etcd: %w", err)
	}
	// etcd locks its files too, but waits for them without an end.
	path := filepath.Join(dir, "etcd.lock")
	lock, err := fileutil.TryLockFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if errors.Is(err, fileutil.ErrLocked) {
		return nil, eventgateway.Errorf(eventgateway.Unavailable,
			"another process uses the data directory of the embedded etcd, %s: give each process one of its own, "+
				"or let them share an etcd cluster", data)
	}
	if err != nil {
		return nil, fmt.Errorf("locking the data directory of the embedded etcd: %w", err)
	}
	e := &embedded{lock: lock, failed: make(chan struct{})}
	started := make(chan struct{})
	go func() {
		defer close(started)
		// Damaged files may end this goroutine, or another one this one waits for; see OnWrite.
		defer func() {
			if r := recover(); r != nil {
				e.fail(fmt.Errorf("its files are damaged: %v", r))
			}
		}()
		server, err := embed.StartEtcd(e.config(data, logger))
		if err != nil {
			e.fail(err)
		}
		e.server = server
	}()
	select {
	case <-started:
	case <-e.failed:
	}
	select {
	case <-e.failed:
		e.lock.Close()
		go func() {
			<-started
			if e.server != nil {
				e.server.Close()
			}
		}()
		return nil, fmt.Errorf("starting the embedded etcd on %s: %w", data, e.failure)
	default:
		return e, nil
	}
}

func (e *embedded) config(data string, logger *slog.Logger) *embed.Config {
	cfg := embed.NewConfig()
	cfg.Name, cfg.Dir = memberName, data
	cfg.InitialCluster = cfg.InitialClusterFromName(memberName)
	cfg.ListenPeerUrls, cfg.ListenClientUrls = nil, nil
	cfg.EnableGRPCGateway = false
	cfg.TickMs, cfg.ElectionMs = tickMillis, electionMillis
	cfg.AutoCompactionMode, cfg.AutoCompactionRetention = embed.CompactorModeRevision, keptRevisions
	cfg.QuotaBackendBytes = quotaBytes
	// Nobody has to catch up with the log of a single node.
	cfg.SnapshotCatchUpEntries = 100
	cfg.BootstrapDefragThresholdMegabytes = 100
	cfg.ZapLoggerBuilder = embed.NewZapLoggerBuilder(
		newZap(logger, serverLevel, zap.WithFatalHook(e), zap.WithPanicHook(e)))
	return cfg
}

// OnWrite implements zapcore.CheckWriteHook for faults after which etcd would end the process, such as a full disk. The
// gateway goes on with what it has: only the goroutine that met the fault ends, as nothing is certain after it.
func (e *embedded) OnWrite(entry *zapcore.CheckedEntry, fields []zapcore.Field) {
	err := errors.New(entry.Message)
	for _, field := range fields {
		if cause, ok := field.Interface.(error); ok && field.Type == zapcore.ErrorType {
			err = fmt.Errorf("%s: %w", entry.Message, cause)
		}
	}
	e.fail(err)
	runtime.Goexit()
}

func (e *embedded) fail(err error) {
	e.once.Do(func() {
		e.failure = err
		close(e.failed)
	})
}

// stopped is the error for requests after a failure. It is called when failed is closed.
func (e *embedded) stopped() error { return fmt.Errorf("%w: %w", errStopped, e.failure) }

// connect waits until the server serves and returns a client for it.
func (e *embedded) connect(ctx context.Context) (*clientv3.Client, error) {
	select {
	case <-e.server.Server.ReadyNotify():
	case <-e.failed:
		return nil, e.stopped()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	client := v3client.New(e.server.Server)
	if err := e.reclaimSpace(ctx, client); err != nil {
		client.Close()
		return nil, fmt.Errorf("reclaiming space of the embedded etcd: %w", err)
	}
	return client, nil
}

// reclaimSpace ends the state in which etcd takes no more writes since it reached its quota: nobody else can, as the
// server cannot be reached from outside. It is back at once if there is nothing to reclaim.
func (e *embedded) reclaimSpace(ctx context.Context, client *clientv3.Client) error {
	alarms, err := client.AlarmList(ctx)
	if err != nil {
		return err
	}
	for _, alarm := range alarms.Alarms {
		if alarm.Alarm != etcdserverpb.AlarmType_NOSPACE {
			continue
		}
		now, err := client.Get(ctx, "\x00")
		if err != nil {
			return err
		}
		_, err = client.Compact(ctx, now.Header.Revision, clientv3.WithCompactPhysical())
		if err != nil && !errors.Is(err, rpctypes.ErrCompacted) {
			return err
		}
		if err = e.server.Server.Backend().Defrag(); err != nil {
			return err
		}
		if _, err = client.AlarmDisarm(ctx, &clientv3.AlarmMember{MemberID: alarm.MemberID, Alarm: alarm.Alarm}); err != nil {
			return err
		}
	}
	return nil
}

// close stops the server and lets go of its data. A server that failed may not be able to stop; then it keeps its lock.
func (e *embedded) close() error {
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		e.server.Close()
	}()
	select {
	case <-stopped:
	case <-time.After(stopTimeout):
		return fmt.Errorf("the embedded etcd did not stop within %s", stopTimeout)
	}
	if err := e.lock.Close(); err != nil {
		return fmt.Errorf("unlocking the data directory of the embedded etcd: %w", err)
	}
	return nil
}

// call makes a request to etcd. A server in this process that fails in the middle of one may never answer it.
func call[T any](ctx context.Context, c *conn, request func(context.Context) (T, error)) (T, error) {
	if c.server == nil {
		return request(ctx)
	}
	type answer struct {
		value T
		err   error
	}
	answers := make(chan answer, 1)
	go func() {
		value, err := request(ctx)
		answers <- answer{value, err}
	}()
	select {
	case a := <-answers:
		return a.value, a.err
	case <-c.server.failed:
		var none T
		return none, c.server.stopped()
	}
}
