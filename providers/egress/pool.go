package egress

import (
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
)

// pool is a transport that can be exchanged.
type pool struct {
	build   func(DialFunc) *http.Transport
	current atomic.Pointer[http.Transport]
	// users counts the leases.
	users int
}

// RoundTrip implements http.RoundTripper.
func (p *pool) RoundTrip(req *http.Request) (*http.Response, error) {
	return p.current.Load().RoundTrip(req)
}

// CloseIdleConnections is what http.Client looks for.
func (p *pool) CloseIdleConnections() { p.current.Load().CloseIdleConnections() }

// Transport returns the pool of connections of that name that all functions under the guard share; build makes it, with the
// dialer to use. When the policy changes it is made anew, and what was open is not used again. Where its Proxy names one, the
// policy is asked about the name of the function's host instead of its address, which the proxy looks up.
func (g *Guard) Transport(name string, build func(dial DialFunc) *http.Transport) http.RoundTripper {
	if g == nil {
		g = &unguarded
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.pool(&g.shared, name, build)
}

// Lease is Transport for a pool that only some functions share, such as those with one client certificate, under a name that
// tells it from others. Each of them calls release when it is closed; the last one closes the pool.
func (g *Guard) Lease(name string, build func(dial DialFunc) *http.Transport) (transport http.RoundTripper, release func()) {
	if g == nil {
		g = &unguarded
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	p := g.pool(&g.leased, name, build)
	p.users++
	return p, sync.OnceFunc(func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		if p.users--; p.users == 0 {
			delete(g.leased, name)
			p.CloseIdleConnections()
		}
	})
}

// pool returns the pool of a name, made if there is none. It is called with mu held.
func (g *Guard) pool(pools *map[string]*pool, name string, build func(DialFunc) *http.Transport) *pool {
	p := (*pools)[name]
	if p == nil {
		p = &pool{build: build}
		p.current.Store(g.transport(build))
		if *pools == nil {
			*pools = make(map[string]*pool)
		}
		(*pools)[name] = p
	}
	return p
}

// transport makes a transport whose connections are the guard's.
func (g *Guard) transport(build func(DialFunc) *http.Transport) *http.Transport {
	t := build(g.dialPooled)
	if choose := t.Proxy; choose != nil {
		t.Proxy = func(req *http.Request) (*url.URL, error) {
			proxy, err := choose(req)
			if err != nil || proxy == nil {
				return proxy, err
			}
			if err := g.inForce().checkProxied(canonical(req.URL.Hostname())); err != nil {
				return nil, g.told(err)
			}
			g.proxies.LoadOrStore(dialled(proxy), true)
			return proxy, nil
		}
	}
	return t
}

// dialled returns the address that net/http dials for a proxy.
func dialled(proxy *url.URL) string {
	port := proxy.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443", "socks5": "1080", "socks5h": "1080"}[proxy.Scheme]
	}
	return net.JoinHostPort(ascii(proxy.Hostname()), port)
}
