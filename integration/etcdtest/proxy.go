package etcdtest

import (
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
)

// Proxy stands between a client and one member, to break what is between them.
type Proxy struct {
	listener net.Listener
	target   string

	mu      sync.Mutex
	conns   map[net.Conn]struct{}
	cut     bool
	silent  bool
	stopped sync.WaitGroup
}

// NewProxy starts a proxy for a member's endpoint. It ends with the test.
func NewProxy(t testing.TB, endpoint string) *Proxy {
	t.Helper()
	u, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{listener: l, target: u.Host, conns: make(map[net.Conn]struct{})}
	p.stopped.Go(p.serve)
	t.Cleanup(func() {
		l.Close()
		p.Cut()
		p.stopped.Wait()
	})
	return p
}

// Endpoint is the address clients use in place of the member's.
func (p *Proxy) Endpoint() string { return "http://" + p.listener.Addr().String() }

// Cut closes every connection and lets no new one through until Mend.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = true
	for c := range p.conns {
		c.Close()
	}
}

// Silence lets requests through and swallows every answer until Mend. Connections that lost one have to be cut.
func (p *Proxy) Silence() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.silent = true
}

// Mend lets everything through again.
func (p *Proxy) Mend() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut, p.silent = false, false
}

func (p *Proxy) serve() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.target)
		if err != nil || !p.add(client, server) {
			client.Close()
			if server != nil {
				server.Close()
			}
			continue
		}
		p.stopped.Go(func() { p.copy(server, client, false) })
		p.stopped.Go(func() { p.copy(client, server, true) })
	}
}

func (p *Proxy) add(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cut {
		return false
	}
	for _, c := range conns {
		p.conns[c] = struct{}{}
	}
	return true
}

func (p *Proxy) copy(to, from net.Conn, answers bool) {
	_, _ = io.Copy(&valve{Conn: to, proxy: p, answers: answers}, from)
	to.Close()
	from.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, to)
	delete(p.conns, from)
}

// valve is a connection that writes unless the proxy swallows answers.
type valve struct {
	net.Conn
	proxy   *Proxy
	answers bool
}

func (v *valve) Write(b []byte) (int, error) {
	v.proxy.mu.Lock()
	swallow := v.answers && v.proxy.silent
	v.proxy.mu.Unlock()
	if swallow {
		return len(b), nil
	}
	return v.Conn.Write(b)
}
