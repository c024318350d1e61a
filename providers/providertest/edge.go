package providertest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// edge is an HTTP server that counts its connections and behaves as it is told.
type edge struct {
	url      string
	server   *httptest.Server
	accepted atomic.Int64
	behave   atomic.Pointer[http.HandlerFunc]
	// closing ends handlers that hang.
	closing chan struct{}
}

// bodyKey is where the edge leaves a request's body, read whole: only then the server notices when a client goes.
type bodyKey struct{}

// Body returns the body of a request that Config.Answer or Config.Fail was called with.
func Body(r *http.Request) []byte {
	body, _ := r.Context().Value(bodyKey{}).([]byte)
	return body
}

func newEdge(t *testing.T) *edge {
	e := &edge{closing: make(chan struct{})}
	e.server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		r = r.WithContext(context.WithValue(r.Context(), bodyKey{}, body))
		(*e.behave.Load())(w, r)
	}))
	e.server.Listener = countingListener{e.server.Listener, &e.accepted}
	e.server.Start()
	e.url = e.server.URL
	t.Cleanup(e.close)
	return e
}

func (e *edge) close() {
	select {
	case <-e.closing:
		return
	default:
	}
	close(e.closing)
	e.server.CloseClientConnections()
	e.server.Close()
}

// on sets what the edge does with the next requests.
func (e *edge) on(behave http.HandlerFunc) { e.behave.Store(&behave) }

// visit makes one request to the edge, over a connection of its own.
func (e *edge) visit(t *testing.T) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, e.url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
}

// hang waits until the client or the edge goes.
func (e *edge) hang(r *http.Request) {
	select {
	case <-r.Context().Done():
	case <-e.closing:
	}
}

// mute starts a server that accepts connections and says nothing; accepted is called for each. It returns its URL.
func mute(t *testing.T, accepted func()) string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var conns []net.Conn
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			conns = append(conns, conn)
			accepted()
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-done
		for _, conn := range conns {
			_ = conn.Close()
		}
	})
	return "http://" + listener.Addr().String()
}

// raw writes text in place of an HTTP answer and closes the connection.
func raw(w http.ResponseWriter, text []byte) {
	conn, buf, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	defer func() { _ = conn.Close() }()
	_, _ = buf.Write(text)
	_ = buf.Flush()
}

// echo is the request as it was sent, with all its credentials.
func echo(r *http.Request) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s\r\n", r.Method, r.RequestURI)
	_ = r.Header.Write(&b)
	b.WriteString("\r\n")
	b.Write(Body(r))
	return b.Bytes()
}

type countingListener struct {
	net.Listener
	accepted *atomic.Int64
}

func (l countingListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err == nil {
		l.accepted.Add(1)
	}
	return conn, err
}

// capture is a slog.Handler that keeps everything, at every level.
type capture struct {
	mu    sync.Mutex
	lines bytes.Buffer
}

func (c *capture) Enabled(context.Context, slog.Level) bool { return true }

func (c *capture) Handle(ctx context.Context, r slog.Record) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slog.NewTextHandler(&c.lines, &slog.HandlerOptions{Level: slog.LevelDebug}).Handle(ctx, r)
}

func (c *capture) WithAttrs(attrs []slog.Attr) slog.Handler { return &derived{c, attrs} }

func (c *capture) WithGroup(string) slog.Handler { return c }

func (c *capture) text() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Split(c.lines.String(), "\n")
}

// derived is a capture with attributes of its own.
type derived struct {
	*capture
	attrs []slog.Attr
}

func (d *derived) Handle(ctx context.Context, r slog.Record) error {
	r = r.Clone()
	r.AddAttrs(d.attrs...)
	return d.capture.Handle(ctx, r)
}

func (d *derived) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &derived{d.capture, append(d.attrs[:len(d.attrs):len(d.attrs)], attrs...)}
}

func (d *derived) WithGroup(string) slog.Handler { return d }

// eventually waits for a condition that nothing signals.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !holds(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", patience, what)
		}
	}
}
