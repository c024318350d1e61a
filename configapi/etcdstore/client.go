package etcdstore

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc"
	grpcbackoff "google.golang.org/grpc/backoff"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/stats"
)

const (
	keepaliveTime    = 10 * time.Second
	keepaliveTimeout = 5 * time.Second
	// maxSend leaves the limit to the cluster, which says what its own is.
	maxSend = 64 << 20
)

// newClient makes a client for a cluster. It waits for the cluster only to log in.
func newClient(ctx context.Context, cfg Config, logger *slog.Logger) (*clientv3.Client, error) {
	return clientv3.New(clientv3.Config{
		Context:              ctx,
		Endpoints:            cfg.Endpoints,
		Username:             cfg.Username,
		Password:             cfg.Password,
		TLS:                  cfg.TLS,
		DialTimeout:          cfg.DialTimeout,
		DialKeepAliveTime:    keepaliveTime,
		DialKeepAliveTimeout: keepaliveTimeout,
		MaxCallSendMsgSize:   maxSend,
		// The store tries again by itself; a second and third attempt are for a login that has expired.
		MaxUnaryRetries: 3,
		Logger:          newZap(logger, clientLevel),
		DialOptions: []grpc.DialOption{
			grpc.WithConnectParams(grpc.ConnectParams{
				Backoff: grpcbackoff.Config{
					BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 3 * time.Second,
				},
				MinConnectTimeout: cfg.DialTimeout,
			}),
			grpc.WithChainUnaryInterceptor(traceRequest),
			grpc.WithStatsHandler(sentHandler{}),
		},
	})
}

// trace follows one request: whether any of it left this process, and what went wrong last.
type trace struct {
	sent atomic.Bool
	err  atomic.Pointer[error]
}

type traceKey struct{}

func withTrace(ctx context.Context) (context.Context, *trace) {
	t := &trace{}
	return context.WithValue(ctx, traceKey{}, t), t
}

// cause returns what went wrong in a request that ended with err: a client that ran out of time forgets it.
func (t *trace) cause(err error) error {
	if last := t.err.Load(); last != nil {
		return rpctypes.Error(*last)
	}
	return err
}

// traceRequest notes errors of traced requests, and makes them fail at once with the reason when there is no connection,
// where etcd's client would wait in silence.
func traceRequest(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker,
	opts ...grpc.CallOption,
) error {
	t, ok := ctx.Value(traceKey{}).(*trace)
	if !ok {
		return invoke(ctx, method, req, reply, cc, opts...)
	}
	err := invoke(ctx, method, req, reply, cc, append(opts, grpc.WaitForReady(false))...)
	if err != nil && ctx.Err() == nil {
		t.err.Store(&err)
	}
	return err
}

// sentHandler implements stats.Handler to learn of requests that leave the process.
type sentHandler struct{}

func (sentHandler) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

func (sentHandler) HandleRPC(ctx context.Context, event stats.RPCStats) {
	if _, ok := event.(*stats.OutHeader); !ok {
		return
	}
	if t, ok := ctx.Value(traceKey{}).(*trace); ok {
		t.sent.Store(true)
	}
}

func (sentHandler) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

func (sentHandler) HandleConn(context.Context, stats.ConnStats) {}

// conn is a client in use. One that has been replaced is closed when its last user lets go.
type conn struct {
	*clientv3.Client
	// server is set when the client calls the server inside this process.
	server *embedded
	users  int
	old    bool
}

// lost waits until the connection is gone, or ctx is done. While it is there, etcd's client repairs a watch by itself.
func (c *conn) lost(ctx context.Context) {
	if c.server != nil {
		select {
		case <-c.server.failed:
		case <-ctx.Done():
		}
		return
	}
	cc := c.ActiveConnection()
	for cc.GetState() == connectivity.Ready && cc.WaitForStateChange(ctx, connectivity.Ready) {
	}
}

// connections hands out the client in use.
type connections struct {
	mu      sync.Mutex
	current *conn
	// changed is closed when current changes.
	changed chan struct{}
	closed  bool
	users   sync.WaitGroup
}

func newConnections() *connections { return &connections{changed: make(chan struct{})} }

// acquire returns the client in use, once there is one, and a channel that is closed when another takes its place. The
// caller lets go with release.
func (p *connections) acquire(ctx context.Context) (*conn, <-chan struct{}, error) {
	for {
		p.mu.Lock()
		c, changed := p.current, p.changed
		if p.closed {
			p.mu.Unlock()
			return nil, nil, errClosed
		}
		if c != nil {
			c.users++
			p.users.Add(1)
			p.mu.Unlock()
			return c, changed, nil
		}
		p.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		}
	}
}

func (p *connections) release(c *conn) {
	p.mu.Lock()
	c.users--
	last := c.users == 0 && c.old
	p.mu.Unlock()
	if last {
		c.Close()
	}
	p.users.Done()
}

// replace puts next in use. It closes next instead when the store is closed.
func (p *connections) replace(next *conn) {
	p.mu.Lock()
	previous := p.current
	if p.closed {
		previous = next
	} else {
		p.current = next
		close(p.changed)
		p.changed = make(chan struct{})
	}
	last := p.retire(previous)
	p.mu.Unlock()
	if last {
		previous.Close()
	}
}

// retire marks c for closing and reports whether nobody uses it. It is called with mu held.
func (p *connections) retire(c *conn) bool {
	if c == nil {
		return false
	}
	c.old = true
	return c.users == 0
}

// used reports whether there is a client in use.
func (p *connections) used() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.current != nil
}

// close hands out no more clients and waits until all are let go.
func (p *connections) close() {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return
	}
	p.closed = true
	c := p.current
	close(p.changed)
	last := p.retire(c)
	p.mu.Unlock()
	if last {
		c.Close()
	}
	p.users.Wait()
}
