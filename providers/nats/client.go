package natsprovider

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/clienttls"
	"github.com/eventgateway/eventgateway/providers/egress"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
)

// step bounds each step of making a connection, and how long a server may not take what is sent to it.
const step = 5 * time.Second

// settings are what makes two functions need different connections.
type settings struct {
	urls                                     string // joined by commas
	credentials, seed, token, user, password string
	tls                                      clienttls.Settings
	guard                                    *egress.Guard
}

// client is the connection to one cluster that all functions of equal settings share. It is made when it is needed and there is
// none: between calls nobody tries to get back one that was lost.
type client struct {
	settings settings
	users    int // guarded by pool.mu
	// life ends with the last function.
	life context.Context
	end  context.CancelFunc

	mu sync.Mutex
	// latest is the connection in use, or one that is being made; nil when there is none.
	latest *attempt
}

// attempt is a connection that is being made, and once done is closed, has been or has not.
type attempt struct {
	done chan struct{}
	err  *providers.Error

	mu   sync.Mutex
	conn *conn
}

// close closes the connection, if there is one already.
func (a *attempt) close() {
	a.mu.Lock()
	c := a.conn
	a.mu.Unlock()
	if c != nil {
		c.Close()
	}
}

// pool holds the clients in use.
type pool struct {
	mu   sync.Mutex
	open map[settings]*client
}

var clients = pool{open: make(map[settings]*client)}

func (p *pool) acquire(s settings) *client {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.open[s]
	if c == nil {
		c = &client{settings: s}
		c.life, c.end = context.WithCancel(context.Background())
		p.open[s] = c
	}
	c.users++
	return c
}

func (p *pool) release(c *client) {
	p.mu.Lock()
	c.users--
	last := c.users == 0
	if last {
		delete(p.open, c.settings)
	}
	p.mu.Unlock()
	if !last {
		return
	}
	c.end()
	c.mu.Lock()
	a := c.latest
	c.mu.Unlock()
	if a != nil {
		a.close()
	}
}

// connection returns the connection, and makes one if there is none that stands. All who wait for it get it, or the same error.
func (c *client) connection(ctx context.Context) (*conn, error) {
	c.mu.Lock()
	a := c.latest
	if a == nil {
		a = &attempt{done: make(chan struct{})}
		c.latest = a
		go c.connect(a)
	}
	c.mu.Unlock()
	select {
	case <-a.done:
	case <-ctx.Done():
		return nil, providers.NetworkError(ctx, c.host(), ctx.Err())
	}
	if a.err != nil {
		return nil, a.err
	}
	return a.conn, nil
}

// forget makes the next call make a new connection.
func (c *client) forget(a *attempt) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.latest == a {
		c.latest = nil
	}
}

// host names the cluster in messages.
func (c *client) host() string {
	first, _, _ := strings.Cut(c.settings.urls, ",")
	address, _, _ := parseURL(first)
	return "NATS at " + address
}

// connect makes a connection.
func (c *client) connect(a *attempt) {
	defer close(a.done)
	d := &dialer{client: c}
	made := newConn()
	options := []nats.Option{
		nats.Name("event-gateway"),
		nats.SetCustomDialer(d),
		nats.SkipHostLookup(), // names are looked up where connections are allowed
		nats.IgnoreDiscoveredServers(),
		nats.NoReconnect(),
		nats.Timeout(step),
		nats.FlusherTimeout(step),
		nats.PingInterval(20 * time.Second),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { made.told(err) }),
		nats.ClosedHandler(func(*nats.Conn) { c.forget(a) }),
	}
	options = append(options, c.settings.login()...)
	var err error
	if made.Conn, err = nats.Connect(strings.ReplaceAll(c.settings.urls, "tls://", "nats://"), options...); err != nil {
		c.forget(a)
		a.err = c.connectFailure(d, err)
		return
	}
	a.mu.Lock()
	a.conn = made
	a.mu.Unlock()
	if c.life.Err() != nil { // the last function went before there was a connection to close
		made.Close()
	}
}

// login is how the gateway says who it is.
func (s *settings) login() []nats.Option {
	switch {
	case s.credentials != "":
		return []nats.Option{nats.UserCredentialBytes([]byte(s.credentials))}
	case s.seed != "":
		key, err := nkeys.FromSeed([]byte(s.seed))
		if err != nil {
			return nil
		}
		public, _ := key.PublicKey()
		return []nats.Option{nats.Nkey(public, key.Sign)}
	case s.token != "":
		return []nats.Option{nats.Token(s.token)}
	case s.user != "":
		return []nats.Option{nats.UserInfo(s.user, s.password)}
	}
	return nil
}

// conn is a connection, and what the server said on it about subjects.
type conn struct {
	*nats.Conn
	// deaf is closed when the server does not let the gateway hear replies.
	deaf chan struct{}

	mu sync.Mutex
	// denied are those who wait to hear that a subject is not allowed.
	denied map[string]*denial
	// last is the last error that was told, and heard is closed with the next.
	last  error
	heard chan struct{}
}

// denial is closed when the server does not allow a subject.
type denial struct {
	waiting int
	said    chan struct{}
}

func newConn() *conn {
	return &conn{denied: make(map[string]*denial), heard: make(chan struct{}), deaf: make(chan struct{})}
}

// told takes an error that the server reported aside from any answer.
func (c *conn) told(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = err
	close(c.heard)
	c.heard = make(chan struct{})
	if !errors.Is(err, nats.ErrPermissionViolation) {
		return
	}
	text := err.Error()
	if strings.Contains(text, `Subscription to "`) {
		select {
		case <-c.deaf:
		default:
			close(c.deaf)
		}
	}
	_, subject, _ := strings.Cut(text, `Publish to "`)
	subject, _, _ = strings.Cut(subject, `"`)
	if d := c.denied[subject]; d != nil {
		close(d.said)
		delete(c.denied, subject)
	}
}

// watch returns what is closed when the server says that messages to subject are not allowed, and what ends that.
func (c *conn) watch(subject string) (denied <-chan struct{}, end func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := c.denied[subject]
	if d == nil {
		d = &denial{said: make(chan struct{})}
		c.denied[subject] = d
	}
	d.waiting++
	return d.said, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if d.waiting--; d.waiting == 0 && c.denied[subject] == d {
			delete(c.denied, subject)
		}
	}
}

// settle waits until all errors are told that the server has reported so far. The library tells them in their order, and later.
func (c *conn) settle(ctx context.Context) {
	for {
		last, closed := c.LastError(), c.IsClosed() // which wait for whoever writes
		c.mu.Lock()
		done, heard := errors.Is(last, c.last), c.heard
		c.mu.Unlock()
		if done || closed {
			return
		}
		select {
		case <-heard:
		case <-ctx.Done():
			return
		}
	}
}
