package egress

import (
	"net"
	"net/netip"
)

// conn is a connection that a change of the policy may close.
type conn struct {
	net.Conn
	guard *Guard
	host  string
}

// Close implements net.Conn.
func (c *conn) Close() error {
	c.guard.mu.Lock()
	delete(c.guard.open, c)
	c.guard.mu.Unlock()
	return c.Conn.Close()
}

// keep has the policy watch over a connection that was just made to host.
func (g *Guard) keep(made net.Conn, host string) (net.Conn, error) {
	c := &conn{made, g, host}
	g.mu.Lock()
	err := g.inForce().checkOpen(c) // it may have changed meanwhile
	if err == nil {
		if g.open == nil {
			g.open = make(map[*conn]bool)
		}
		g.open[c] = true
	}
	g.mu.Unlock()
	if err != nil {
		_ = made.Close()
		return nil, g.told(err)
	}
	return c, nil
}

// checkOpen refuses a connection that stands.
func (p *Policy) checkOpen(c *conn) error {
	allowed, err := p.checkName(c.host)
	if err != nil {
		return err
	}
	to, err := netip.ParseAddrPort(c.RemoteAddr().String())
	if err != nil {
		return &Refused{c.host, "what it was looked up to is no address"}
	}
	return p.checkAddress(c.host, to.Addr(), allowed)
}
