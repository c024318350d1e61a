package egress

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// names is a DNS server that answers for every name with the addresses it is given.
type names struct {
	*net.Resolver
	mu        sync.Mutex
	addresses []netip.Addr
	asked     int
}

func (n *names) answer(addresses ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.addresses = nil
	for _, a := range addresses {
		n.addresses = append(n.addresses, netip.MustParseAddr(a))
	}
}

func (n *names) questions() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.asked
}

func startNames(t *testing.T) *names {
	t.Helper()
	conn, err := new(net.ListenConfig).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	n := &names{Resolver: &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}}
	go func() {
		packet := make([]byte, 4096)
		for {
			size, from, err := conn.ReadFrom(packet)
			if err != nil {
				return
			}
			var message dnsmessage.Message
			if message.Unpack(packet[:size]) != nil || len(message.Questions) != 1 {
				continue
			}
			reply, err := n.reply(message)
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = conn.WriteTo(reply, from)
		}
	}()
	return n
}

func (n *names) reply(query dnsmessage.Message) ([]byte, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked++
	question := query.Questions[0]
	reply := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: query.ID, Response: true, Authoritative: true, RecursionAvailable: true},
		Questions: query.Questions,
	}
	for _, a := range n.addresses {
		head := dnsmessage.ResourceHeader{Name: question.Name, Type: question.Type, Class: question.Class, TTL: 0}
		switch {
		case question.Type == dnsmessage.TypeA && a.Is4():
			reply.Answers = append(reply.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.AResource{A: a.As4()}})
		case question.Type == dnsmessage.TypeAAAA && a.Is6():
			reply.Answers = append(reply.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.AAAAResource{AAAA: a.As16()}})
		}
	}
	return reply.Pack()
}

// TestRebinding holds that what counts is the address at which a connection is made: a name that was fine may lead to a
// metadata service the next time it is looked up.
func TestRebinding(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	dns := startNames(t)
	for name, policy := range map[string]Policy{
		"default":           {},
		"its name allowed":  {Allow: places(t, "rebind.example")},
		"its names allowed": {Allow: places(t, "*.example"), OnlyAllowed: true},
	} {
		t.Run(name, func(t *testing.T) {
			g := New(policy)
			g.resolver = dns.Resolver
			var told []string
			g.OnRefused = func(r *Refused) { told = append(told, r.Host) }
			dial := func(addresses ...string) error {
				dns.answer(addresses...)
				conn, err := g.DialContext(t.Context(), "tcp", "rebind.example:"+port)
				if err == nil {
					conn.Close()
				}
				return err
			}
			if err := dial("127.0.0.1"); err != nil {
				t.Fatal(err)
			}
			for _, address := range []string{"169.254.169.254", "fd00:ec2::254", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe"} {
				checkRefusal(t, dial(address), "metadata service")
			}
			if err := dial("169.254.169.254", "127.0.0.1"); err != nil {
				t.Errorf("an address that is refused keeps the others from being used: %v", err)
			}
			checkRefusal(t, dial("169.254.169.254", "fd00:ec2::254"), "metadata service")
			if strings.Join(told, " ") != "rebind.example rebind.example rebind.example rebind.example rebind.example" {
				t.Errorf("told of %q", told)
			}
		})
	}
}

// TestNotLookedUp holds that names which are refused as such are not asked for: a question tells its name to others.
func TestNotLookedUp(t *testing.T) {
	dns := startNames(t)
	for name, policy := range map[string]Policy{
		"denied":      {Deny: places(t, "*.example")},
		"not allowed": {Allow: places(t, "example"), OnlyAllowed: true},
	} {
		g := New(policy)
		g.resolver = dns.Resolver
		_, err := g.DialContext(t.Context(), "tcp", "secret.example:80")
		checkRefusal(t, err, "egress option")
		if n := dns.questions(); n > 0 {
			t.Errorf("%s: %d questions", name, n)
		}
	}
}

func TestDialOtherNetworks(t *testing.T) {
	for _, g := range []*Guard{nil, new(Guard), New(Policy{})} {
		_, err := g.DialContext(t.Context(), "unix", "/run/x.sock")
		checkRefusal(t, err, "over TCP and UDP only")
		_, err = g.DialContext(t.Context(), "tcp", "169.254.169.254:80")
		checkRefusal(t, err, "metadata service")
		_, err = g.DialContext(t.Context(), "udp", "[fe80::1%1]:53")
		checkRefusal(t, err, "link-local")
	}
}

// TestPolicyChange holds that a change reaches calls at once, on connections that are open too, and that setting the same
// policy again keeps them.
func TestPolicyChange(t *testing.T) {
	server, connections := countingServer(t)
	g := New(Policy{})
	built := func(dial DialFunc) *http.Transport { return &http.Transport{DialContext: dial} }
	shared := g.Transport("x", built)
	leased, release := g.Lease("x", built)
	defer release()
	for i, transport := range []http.RoundTripper{shared, leased} {
		if g.Transport("x", nil) != shared {
			t.Fatal("another pool of the same name")
		}
		before := connections.Load()
		for range 3 {
			if err := get(transport, server.URL); err != nil {
				t.Fatal(err)
			}
			g.Set(Policy{})
		}
		if n := connections.Load() - before; n != 1 {
			t.Errorf("%d: %d connections", i, n)
		}
		g.Set(Policy{Deny: places(t, "127.0.0.0/8")})
		checkRefusal(t, get(transport, server.URL), "denies 127.0.0.0/8")
		g.Set(Policy{})
		if err := get(transport, server.URL); err != nil {
			t.Fatal(err)
		}
		g.CloseIdleConnections()
	}
}

// TestPolicyChangeEndsConnections holds that connections which a policy no longer allows are closed, and no others.
func TestPolicyChangeEndsConnections(t *testing.T) {
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	dns := startNames(t)
	dns.answer("127.0.0.1")
	g := New(Policy{})
	g.resolver = dns.Resolver
	dial := func(host string) (net.Conn, <-chan error) {
		t.Helper()
		conn, err := g.DialContext(t.Context(), "tcp", net.JoinHostPort(host, port))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		ended := make(chan error, 1)
		go func() {
			_, err := conn.Read(make([]byte, 1))
			ended <- err
		}()
		return conn, ended
	}
	gone, goneEnded := dial("denied.example")
	stays, staysEnded := dial("allowed.example")
	closed, closedEnded := dial("denied.example")
	if err := closed.Close(); err != nil {
		t.Error(err)
	}
	<-closedEnded
	if len(g.open) != 2 {
		t.Errorf("%d connections are watched", len(g.open))
	}
	g.Set(Policy{Deny: places(t, "denied.example")})
	if err := <-goneEnded; !errors.Is(err, net.ErrClosed) {
		t.Errorf("reading from the one that is denied: %v", err)
	}
	_ = gone.Close()
	if _, err := stays.Write([]byte("x")); err != nil {
		t.Errorf("writing to one that is allowed: %v", err)
	}
	g.Set(Policy{Deny: places(t, "127.0.0.0/8")})
	if err := <-staysEnded; !errors.Is(err, net.ErrClosed) || len(g.open) != 0 {
		t.Errorf("reading from one at an address that is denied: %v; %d are watched", err, len(g.open))
	}
	_, err = g.keep(gone, "allowed.example") // as of a policy that changed while it was made
	checkRefusal(t, err, "denies 127.0.0.0/8")
}

// TestLease holds that a leased pool is one for all of its name and ends with the last who uses it.
func TestLease(t *testing.T) {
	server, connections := countingServer(t)
	g := New(Policy{})
	builds := 0
	build := func(dial DialFunc) *http.Transport {
		builds++
		return &http.Transport{DialContext: dial}
	}
	first, releaseFirst := g.Lease("x", build)
	second, releaseSecond := g.Lease("x", build)
	_, releaseOther := g.Lease("y", build)
	defer releaseOther()
	if first != second || builds != 2 {
		t.Fatalf("%d pools were built", builds)
	}
	for _, transport := range []http.RoundTripper{first, second} {
		if err := get(transport, server.URL); err != nil {
			t.Fatal(err)
		}
	}
	if n := connections.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
	releaseFirst()
	releaseFirst()
	if len(g.leased) != 2 {
		t.Error("released twice by one, it is gone for the other")
	}
	releaseSecond()
	if len(g.leased) != 1 {
		t.Error("it has outlived the last who used it")
	}
	if _, release := g.Lease("x", build); builds != 3 {
		t.Error("a pool that has ended is handed out")
	} else {
		release()
	}
}

// TestProxy holds that a proxy is reached wherever it is, and that what is called through it is judged by its name.
func TestProxy(t *testing.T) {
	var asked atomic.Pointer[string]
	proxy := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked.Store(&r.RequestURI) }))
	defer proxy.Close()
	address, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	g := New(Policy{Deny: places(t, "127.0.0.0/8 *.internal.example 10.0.0.0/8")})
	var told atomic.Int64
	g.OnRefused = func(*Refused) { told.Add(1) }
	transport := g.Transport("x", func(dial DialFunc) *http.Transport {
		return &http.Transport{DialContext: dial, Proxy: http.ProxyURL(address), DisableKeepAlives: true}
	})
	if err := get(transport, "http://a.example/x"); err != nil {
		t.Fatal(err)
	}
	if got := asked.Load(); got == nil || *got != "http://a.example/x" {
		t.Errorf("the proxy was asked for %v", got)
	}
	asked.Store(nil)
	refused := map[string]string{
		"http://169.254.169.254/":           "metadata service",
		"http://2852039166/":                "metadata service",
		"https://metadata.google.internal/": "metadata service",
		"http://[::ffff:10.0.0.1]:8080/":    "denies 10.0.0.0/8",
		"https://a.internal.example/":       "denies *.internal.example",
		"http://127.0.0.1/":                 "denies 127.0.0.0/8",
	}
	for target, want := range refused {
		checkRefusal(t, get(transport, target), want)
	}
	if asked.Load() != nil || told.Load() != int64(len(refused)) {
		t.Errorf("the proxy was asked for %v; told of %d refusals", asked.Load(), told.Load())
	}
	for proxy, want := range map[string]string{
		"http://proxy.example": "proxy.example:80", "https://proxy.example": "proxy.example:443", "socks5://[::1]": "[::1]:1080",
		"http://bücher.example:3128": "xn--bcher-kva.example:3128",
	} {
		if u, err := url.Parse(proxy); err != nil || dialled(u) != want {
			t.Errorf("%s is dialled as %s, want %s", proxy, dialled(u), want)
		}
	}
}

// TestProxyFails holds that an error of the choice of a proxy is passed on.
func TestProxyFails(t *testing.T) {
	sad := errors.New("sad")
	transport := new(Guard).Transport("x", func(dial DialFunc) *http.Transport {
		return &http.Transport{DialContext: dial, Proxy: func(*http.Request) (*url.URL, error) { return nil, sad }}
	})
	if err := get(transport, "http://a.example"); !errors.Is(err, sad) {
		t.Errorf("got %v", err)
	}
}

// countingServer answers with nothing and counts its connections.
func countingServer(t *testing.T) (server *httptest.Server, connections *atomic.Int64) {
	t.Helper()
	connections = new(atomic.Int64)
	server = httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	return server, connections
}

func get(transport http.RoundTripper, target string) error {
	req, err := http.NewRequest(http.MethodGet, target, nil)
	if err != nil {
		return err
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	return err
}
