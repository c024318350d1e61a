// Package egress decides where functions may be. Its Guard is asked when a connection is made, after the name has been looked
// up, so that DNS cannot get around it.
package egress

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Guard makes the connections to functions, under a Policy that may change. The zero Guard and a nil one have the zero Policy.
// It is safe for concurrent use, and not to be copied.
type Guard struct {
	// OnRefused is told of every connection that is refused; may be nil. It is set before the guard is used.
	OnRefused func(*Refused)

	policy   atomic.Pointer[Policy]
	resolver *net.Resolver // nil for the system's

	// proxies holds the addresses, as they are dialled, of the proxies that are in use.
	proxies sync.Map

	mu sync.Mutex
	// shared are the pools for all functions, and leased those that go with the last function that uses them; by name.
	shared, leased map[string]*pool
	// open are the connections that DialContext has made.
	open map[*conn]bool
}

// New returns a guard with a policy.
func New(p Policy) *Guard {
	g := new(Guard)
	g.policy.Store(&p)
	return g
}

// unguarded has the zero policy, for those who were given no guard.
var unguarded Guard

// DialFunc is how net/http and most clients take a dialer.
type DialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// Refused is the cause of the error of a connection that the policy does not allow.
type Refused struct {
	// Host is what was to be reached: a name or an address, without a port.
	Host string
	// Reason says why not.
	Reason string
}

func (e *Refused) Error() string { return fmt.Sprintf("%s: %s", e.Host, e.Reason) }

// DialContext connects to address over TCP or UDP if the policy allows it. Of a name's addresses the refused ones are passed
// over. It gives up after 10 s, or when ctx ends. The connection is closed when the policy changes to one that refuses it.
func (g *Guard) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	if g == nil {
		g = &unguarded
	}
	made, err := g.dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return g.keep(made, hostOf(address))
}

// dialPooled is DialContext for connections that end with their pool when the policy changes. Those to proxies are free.
func (g *Guard) dialPooled(ctx context.Context, network, address string) (net.Conn, error) {
	if _, ok := g.proxies.Load(address); ok {
		d := g.dialer()
		return d.DialContext(ctx, network, address)
	}
	return g.dial(ctx, network, address)
}

func (g *Guard) dialer() net.Dialer {
	return net.Dialer{Timeout: 10 * time.Second, KeepAlive: 15 * time.Second, Resolver: g.resolver}
}

// dial connects if the policy allows it.
func (g *Guard) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host := hostOf(address)
	if !strings.HasPrefix(network, "tcp") && !strings.HasPrefix(network, "udp") {
		return nil, g.told(&Refused{host, "functions are called over TCP and UDP only, not over " + network})
	}
	p := g.inForce()
	allowed, err := p.checkName(host)
	if err != nil {
		return nil, g.told(err)
	}
	d := g.dialer()
	d.Control = func(_, address string, _ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(address)
		if err != nil {
			return &Refused{host, "what it was looked up to is no address"}
		}
		return p.checkAddress(host, to.Addr(), allowed)
	}
	conn, err := d.DialContext(ctx, network, address)
	return conn, g.told(err)
}

func hostOf(address string) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = address
	}
	return canonical(host)
}

// told reports err to OnRefused if it is a refusal, and returns it.
func (g *Guard) told(err error) error {
	var refused *Refused
	if g.OnRefused != nil && errors.As(err, &refused) {
		g.OnRefused(refused)
	}
	return err
}

func (g *Guard) inForce() *Policy {
	if p := g.policy.Load(); p != nil {
		return p
	}
	return new(Policy)
}

// Set changes the policy. Connections that were made under another one are not used again.
func (g *Guard) Set(p Policy) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if reflect.DeepEqual(*g.inForce(), p) {
		return
	}
	g.policy.Store(&p)
	for c := range g.open {
		if p.checkOpen(c) != nil {
			delete(g.open, c)
			_ = c.Conn.Close()
		}
	}
	for _, pools := range []map[string]*pool{g.shared, g.leased} {
		for _, pool := range pools {
			pool.current.Swap(g.transport(pool.build)).CloseIdleConnections()
		}
	}
}

// CloseIdleConnections closes the connections that no call uses.
func (g *Guard) CloseIdleConnections() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, pools := range []map[string]*pool{g.shared, g.leased} {
		for _, pool := range pools {
			pool.CloseIdleConnections()
		}
	}
}
