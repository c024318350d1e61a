package httpprovider

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/httpcall"
)

// open opens p on a transport of the test's own.
func open(t testing.TB, p *Provider, settings *tls.Config) providers.Invoker {
	t.Helper()
	return openOn(t, p, httpcall.NewTransport(new(net.Dialer).DialContext, settings))
}

func openOn(t testing.TB, p *Provider, transport *http.Transport) providers.Invoker {
	t.Helper()
	if err := p.Validate(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(transport.CloseIdleConnections)
	f, err := p.open(providers.Env{Space: "s", FunctionID: "f", Logger: slog.New(slog.DiscardHandler), MaxResponse: 1 << 20}, transport)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

var event = &providers.Call{Payload: []byte(`{"event":"x"}`), ContentType: "application/json"}

func failureOf(t *testing.T, err error, failure providers.Failure) *providers.Error {
	t.Helper()
	var e *providers.Error
	if !errors.As(err, &e) || e.Failure != failure {
		t.Fatalf("got %v, want failure %s", err, failure)
	}
	return e
}

func TestRequest(t *testing.T) {
	type seen struct {
		Method, URI, Host, Body string
		Length                  int64
		Header                  http.Header
	}
	var got seen
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = seen{r.Method, r.RequestURI, r.Host, string(body), r.ContentLength, r.Header}
	}))
	defer server.Close()
	address := strings.TrimPrefix(server.URL, "http://")
	base := http.Header{"User-Agent": {"event-gateway"}, "Content-Type": {"application/json"}, "Content-Length": {"13"}}
	with := func(header http.Header) http.Header {
		all := base.Clone()
		for name, values := range header {
			all[name] = values
		}
		return all
	}
	tests := map[string]struct {
		provider Provider
		call     *providers.Call
		want     seen
	}{
		"default": {
			Provider{URL: server.URL + "/a%2Fb?x=1"},
			event,
			seen{"POST", "/a%2Fb?x=1", address, `{"event":"x"}`, 13, base},
		},
		"everything configured": {
			Provider{URL: "http://u:p%40ss@" + address, Method: "PUT", Headers: map[string]string{"host": "fn.example", "x-a": "1"}},
			event,
			seen{"PUT", "/", "fn.example", `{"event":"x"}`, 13, with(http.Header{"Authorization": {"Basic dTpwQHNz"}, "X-A": {"1"}})},
		},
		"what is configured wins over the event": {
			Provider{URL: server.URL, Headers: map[string]string{"Ce-Id": "mine", "User-Agent": "me"}},
			&providers.Call{
				Payload: event.Payload, ContentType: "text/plain",
				Header: http.Header{
					"ce-id": {"theirs"}, "Ce-Type": {"t"}, "Host": {"evil"}, "Connection": {"close"}, "Content-Length": {"1"},
				},
			},
			seen{"POST", "/", address, `{"event":"x"}`, 13, with(http.Header{
				"Ce-Id": {"mine"}, "Ce-Type": {"t"}, "Content-Type": {"text/plain"}, "User-Agent": {"me"},
			})},
		},
		"no payload": {
			Provider{URL: server.URL},
			&providers.Call{ContentType: "application/json"},
			seen{"POST", "/", address, "", 0, with(http.Header{"Content-Length": {"0"}})},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := open(t, &test.provider, nil).Invoke(t.Context(), test.call); err != nil {
				t.Fatal(err)
			}
			gotJSON, _ := json.Marshal(got)
			wantJSON, _ := json.Marshal(test.want)
			if string(gotJSON) != string(wantJSON) {
				t.Errorf("got  %s\nwant %s", gotJSON, wantJSON)
			}
		})
	}
}

func TestStatus(t *testing.T) {
	const second = time.Second
	tests := []struct {
		status     int
		retryAfter string
		failure    providers.Failure // empty for success
		permanent  bool
		wait       time.Duration
	}{
		{status: 200},
		{status: 201},
		{status: 204},
		{status: 299},
		{301, "", providers.FunctionFailed, true, 0},
		{304, "", providers.FunctionFailed, true, 0},
		{307, "", providers.FunctionFailed, true, 0},
		{400, "", providers.FunctionFailed, true, 0},
		{404, "7", providers.FunctionFailed, true, 0},
		{408, "", providers.FunctionFailed, false, 0},
		{425, "", providers.FunctionFailed, false, 0},
		{429, "", providers.Throttled, false, 0},
		{429, "7", providers.Throttled, false, 7 * second},
		{500, "7", providers.FunctionFailed, false, 0},
		{502, "", providers.FunctionFailed, false, 0},
		{503, "", providers.FunctionFailed, false, 0},
		{503, "99999999999999999999", providers.Throttled, false, 0},
		{503, "9999999999", providers.Throttled, false, 24 * time.Hour},
		{503, "-5", providers.Throttled, false, 0},
		{503, "Mon, 02 Jan 2006 15:04:05 GMT", providers.Throttled, false, 0},
		{503, "soon", providers.Throttled, false, 0},
		{999, "", providers.FunctionFailed, false, 0},
	}
	var status int
	var after string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			t.Errorf("a redirect was followed to %s", r.URL)
		}
		w.Header().Set("Location", "/elsewhere")
		if after != "" {
			w.Header().Set("Retry-After", after)
		}
		w.WriteHeader(status)
	}))
	defer server.Close()
	f := open(t, &Provider{URL: server.URL}, nil)
	for _, test := range tests {
		status, after = test.status, test.retryAfter
		_, err := f.Invoke(t.Context(), event)
		if test.failure == "" {
			if err != nil {
				t.Errorf("status %d: %v", test.status, err)
			}
			continue
		}
		e := failureOf(t, err, test.failure)
		if e.Status != test.status || e.Permanent != test.permanent || e.RetryAfter != test.wait {
			t.Errorf("status %d, Retry-After %q: got %+v", test.status, test.retryAfter, e)
		}
		if test.status/100 == 3 && !strings.Contains(e.Message, "redirects are not followed") {
			t.Errorf("status %d: the message %q says nothing of redirects", test.status, e.Message)
		}
	}
}

func TestRetryAfterDate(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		now.Add(90 * time.Second).Format(http.TimeFormat): 90 * time.Second,
		now.Add(-time.Second).Format(http.TimeFormat):     0,
		now.AddDate(10, 0, 0).Format(http.TimeFormat):     24 * time.Hour,
		"120":  2 * time.Minute,
		"1.5":  0,
		"":     0,
		"120s": 0,
	} {
		if got := providers.RetryAfter(value, now); got != want {
			t.Errorf("%q: got %s, want %s", value, got, want)
		}
	}
}

func TestCompressedAnswer(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Values("Accept-Encoding"); got != nil {
			t.Errorf("Accept-Encoding %q was sent", got)
		}
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write([]byte("x"))
	}))
	defer server.Close()
	_, err := open(t, &Provider{URL: server.URL}, nil).Invoke(t.Context(), event)
	failureOf(t, err, providers.BadAnswer)
}

// A failing function that never ends its error page holds nobody up.
func TestEndlessErrorPage(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
		_ = http.NewResponseController(w).Flush()
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}))
	defer server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, err := open(t, &Provider{URL: server.URL}, nil).Invoke(ctx, event)
	if e := failureOf(t, err, providers.FunctionFailed); e.Status != 500 || ctx.Err() != nil {
		t.Errorf("got %+v, context %v", e, ctx.Err())
	}
}

// An answer that is announced as too large is refused before it comes.
func TestAnnouncedAnswer(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Length", "1048577")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))
	defer server.Close()
	_, err := open(t, &Provider{URL: server.URL}, nil).Invoke(t.Context(), event)
	failureOf(t, err, providers.BadAnswer)
}

func TestHTTP2(t *testing.T) {
	var protos []string
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		protos = append(protos, r.Proto)
		_, _ = io.Copy(w, r.Body)
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	f := open(t, &Provider{URL: server.URL}, &tls.Config{RootCAs: roots})
	for range 3 {
		result, err := f.Invoke(t.Context(), event)
		if err != nil || string(result.Body) != string(event.Payload) {
			t.Fatalf("got %v, error %v", result, err)
		}
	}
	if !slices.Equal(protos, []string{"HTTP/2.0", "HTTP/2.0", "HTTP/2.0"}) {
		t.Errorf("got %v", protos)
	}
}

func TestTLSErrors(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.StartTLS()
	defer server.Close()
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	trusted := x509.NewCertPool()
	trusted.AddCert(server.Certificate())
	port := server.URL[strings.LastIndexByte(server.URL, ':'):]
	for name, test := range map[string]struct {
		url      string
		settings *tls.Config
		reason   string
	}{
		"unknown authority": {server.URL, nil, "unknown authority"},
		"other host":        {"https://localhost" + port, &tls.Config{RootCAs: trusted}, "for another host"},
		"expired": {server.URL, &tls.Config{RootCAs: trusted, Time: func() time.Time {
			return time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
		}}, "expired"},
		"not TLS": {"https" + strings.TrimPrefix(plain.URL, "http"), nil, "does not speak TLS"},
		"no version": {server.URL, &tls.Config{
			RootCAs: trusted, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10,
		}, "TLS: protocol version"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := open(t, &Provider{URL: test.url}, test.settings).Invoke(t.Context(), event)
			if e := failureOf(t, err, providers.Unreachable); !strings.Contains(e.Message, test.reason) {
				t.Errorf("the message %q does not say %q", e.Message, test.reason)
			}
		})
	}
}

// A POST whose connection dies under it may have been processed: it is sent once.
func TestPostIsNotSentTwice(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	var requests atomic.Int64
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			// The first request of a connection is answered, the second is read and then the connection dies.
			go func() {
				defer conn.Close()
				buf := make([]byte, 64<<10)
				for i := range 2 {
					if _, err := conn.Read(buf); err != nil {
						return
					}
					requests.Add(1)
					if i == 0 {
						_, _ = conn.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
					}
				}
			}()
		}
	}()
	f := open(t, &Provider{URL: "http://" + listener.Addr().String()}, nil)
	if _, err := f.Invoke(t.Context(), event); err != nil {
		t.Fatal(err)
	}
	_, err = f.Invoke(t.Context(), event)
	failureOf(t, err, providers.BadAnswer)
	if got := requests.Load(); got != 2 {
		t.Errorf("the host got %d requests, want 2", got)
	}
}

// deadOnWrite is a connection that turns out to be dead at its second request, before a byte of it is written.
type deadOnWrite struct {
	net.Conn
	writes int
}

func (c *deadOnWrite) Write(p []byte) (int, error) {
	if c.writes++; c.writes > 1 {
		return 0, net.ErrClosed
	}
	return c.Conn.Write(p)
}

// Where nothing was written, the same POST goes out on another connection, body and all.
func TestDeadConnectionIsReplaced(t *testing.T) {
	var bodies []string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		bodies = append(bodies, string(body))
	}))
	defer server.Close()
	var dials int
	f := openOn(t, &Provider{URL: server.URL}, httpcall.NewTransport(func(ctx context.Context, network, address string) (net.Conn, error) {
		dials++
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		return &deadOnWrite{Conn: conn}, err
	}, nil))
	for range 2 {
		if _, err := f.Invoke(t.Context(), event); err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{string(event.Payload), string(event.Payload)}; !slices.Equal(bodies, want) || dials != 2 {
		t.Errorf("the host got %q over %d connections", bodies, dials)
	}
}
