package jetstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/delivery"
)

const (
	// embeddedName is the base of the names in an embedded server: nobody else is there, and a gateway that gets another
	// name finds its events again.
	embeddedName = "event_gateway"
	// maxPayload is the largest record, and maxPending what the server holds for a connection at most.
	maxPayload, maxPending = 64 << 20, 256 << 20
	// syncInterval is how often the server has the operating system write to the disk, unless every write is to be.
	syncInterval = 10 * time.Second
	startTimeout = 30 * time.Second
	stopTimeout  = 5 * time.Second
	// restartSpace is the free space a server is started with at least.
	restartSpace = 4 << 20
)

var errLocked = errors.New("it is locked")

// embedded is a NATS server in this process. It listens nowhere, so no other program can reach what it keeps.
type embedded struct {
	dir      string
	lock     *os.File
	disk     *disk
	settings func() *Queue
	logger   *slog.Logger

	server *server.Server
	// stopped is closed once the server before has stopped.
	stopped chan struct{}
}

// newEmbedded takes hold of the directory. The error tells when another process uses it.
func newEmbedded(env delivery.Env, settings func() *Queue, d *disk) (*embedded, error) {
	if err := os.MkdirAll(d.dir, 0o700); err != nil {
		return nil, fmt.Errorf("creating the directory of the queue: %w", err)
	}
	lock, err := lockFile(d.dir + ".lock")
	if errors.Is(err, errLocked) {
		return nil, eventgateway.Errorf(eventgateway.Unavailable,
			"another process uses the queue in %s: give each process a data directory of its own, or let them share "+
				"a NATS cluster", d.dir)
	}
	if err != nil {
		return nil, fmt.Errorf("locking the directory of the queue: %w", err)
	}
	return &embedded{dir: d.dir, lock: lock, disk: d, settings: settings, logger: env.Logger}, nil
}

func queueDir(env delivery.Env) string { return filepath.Join(env.DataDir, "jetstream") }

// dial implements dialer: it starts a server.
func (e *embedded) dial(ctx context.Context) (*session, error) {
	if !e.awaitStop(ctx) {
		return nil, errors.New("the embedded NATS server does not stop")
	}
	if free, err := freeSpace(e.dir); err == nil && free < min(restartSpace, e.disk.reserve.Load()) {
		return nil, errNoRoom
	}
	broken := &fault{}
	srv, err := server.NewServer(e.options())
	if err != nil {
		return nil, fmt.Errorf("starting the embedded NATS server: %w", err)
	}
	srv.SetLoggerV2(&serverLog{logger: e.logger, broken: broken.happened}, false, false, false)
	e.server = srv
	srv.Start()
	s, err := e.connect(ctx, broken)
	if err != nil {
		e.stop()
		return nil, err
	}
	broken.notify(s.fail)
	return s, nil
}

func (e *embedded) options() *server.Options {
	q := e.settings()
	return &server.Options{
		ServerName: "event-gateway",
		DontListen: true,
		NoSigs:     true,
		NoLog:      true,
		MaxPayload: maxPayload,
		MaxPending: maxPending,

		JetStream:              true,
		DisableJetStreamBanner: true,
		StoreDir:               e.dir,
		JetStreamMaxMemory:     64 << 20,
		// The streams and the reserve bound what is kept.
		JetStreamMaxStore: 1 << 60,
		SyncInterval:      syncInterval,
		SyncAlways:        q.Sync == SyncAlways,
	}
}

func (e *embedded) connect(ctx context.Context, broken *fault) (*session, error) {
	if err := broken.cause(); err != nil {
		return nil, err
	}
	if !e.server.ReadyForConnections(startTimeout) {
		return nil, fmt.Errorf("the embedded NATS server was not ready within %s", startTimeout)
	}
	nc, err := nats.Connect("", nats.InProcessServer(e.server), nats.Name("event-gateway"),
		nats.MaxReconnects(-1), nats.ReconnectWait(10*time.Millisecond), nats.ReconnectBufSize(-1),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			e.logger.Debug("connection to the embedded NATS server", slog.String("error", err.Error()))
		}))
	if err != nil {
		return nil, fmt.Errorf("connecting to the embedded NATS server: %w", err)
	}
	js, err := jetstream.New(nc, jetstream.WithDefaultTimeout(requestTimeout))
	if err != nil {
		nc.Close()
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	s := newSession(nc, js, 1)
	s.local = true
	if err = s.follow(ctx, names{embeddedName}, e.settings()); err != nil {
		nc.Close()
		if cause := broken.cause(); cause != nil {
			return nil, cause
		}
		return nil, err
	}
	return s, nil
}

// hangUp implements dialer.
func (e *embedded) hangUp(s *session) {
	s.nc.Close()
	e.stop()
}

// stop stops the server. One that met a fault may not be able to.
func (e *embedded) stop() {
	stopped := make(chan struct{})
	go func(srv *server.Server) {
		defer close(stopped)
		srv.Shutdown()
		srv.WaitForShutdown()
	}(e.server)
	e.server, e.stopped = nil, stopped
	if !e.awaitStop(context.Background()) {
		e.logger.Error("the embedded NATS server does not stop; if that lasts, the gateway has to be restarted",
			slog.String("stacks", serverStacks()))
	}
}

// serverStacks tells what the goroutines of servers in this process do, so that it can be found out why one does not stop.
func serverStacks() string {
	const most = 64 << 10
	all := make([]byte, 4<<20)
	all = all[:runtime.Stack(all, true)]
	var found strings.Builder
	for stack := range strings.SplitSeq(string(all), "\n\n") {
		if strings.Contains(stack, "nats-server/") && found.Len()+len(stack) < most {
			found.WriteString(stack)
			found.WriteString("\n\n")
		}
	}
	return found.String()
}

// awaitStop reports whether no server runs any more; it waits a while for it.
func (e *embedded) awaitStop(ctx context.Context) bool {
	if e.stopped == nil {
		return true
	}
	timer := time.NewTimer(stopTimeout)
	defer timer.Stop()
	select {
	case <-e.stopped:
		e.stopped = nil
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

// release lets go of the directory, unless a server that does not stop may still write to it.
func (e *embedded) release() error {
	if !e.awaitStop(context.Background()) {
		return fmt.Errorf("the embedded NATS server did not stop within %s", stopTimeout)
	}
	return e.lock.Close()
}

// fault is the first that a server met after which it does not write any more.
type fault struct {
	mu   sync.Mutex
	err  error
	tell func(error)
}

func (f *fault) happened(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return
	}
	f.err = err
	if f.tell != nil {
		f.tell(err)
	}
}

func (f *fault) cause() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

// notify has tell told of the fault, also when it has happened already.
func (f *fault) notify(tell func(error)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tell = tell
	if f.err != nil {
		tell(f.err)
	}
}
