package awsaccount

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
)

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

// Where nothing was written, the same signed request goes out on another connection, with the body that cannot be read again.
func TestDeadConnectionIsReplaced(t *testing.T) {
	for name, with := range map[string]func(ctx context.Context, body []byte) context.Context{
		"stream":  func(ctx context.Context, _ []byte) context.Context { return ctx },
		"payload": WithPayload,
	} {
		t.Run(name, func(t *testing.T) {
			var bodies []string
			edge := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				bodies = append(bodies, string(body))
			}))
			defer edge.Close()
			var dials int
			transport := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				dials++
				conn, err := new(net.Dialer).DialContext(ctx, network, address)
				return &deadOnWrite{Conn: conn}, err
			}}
			defer transport.CloseIdleConnections()
			client := &bounded{limit: 1000, transport: transport}
			for range 2 {
				body := []byte("body")
				stream := struct{ io.Reader }{bytes.NewReader(body)}
				req, err := http.NewRequestWithContext(with(t.Context(), body), http.MethodPost, edge.URL, stream)
				if err != nil {
					t.Fatal(err)
				}
				req.ContentLength = int64(len(body))
				resp, err := client.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
			}
			if want := []string{"body", "body"}; !slices.Equal(bodies, want) || dials != 2 {
				t.Errorf("the edge got %q over %d connections", bodies, dials)
			}
		})
	}
}

func TestLimitedBody(t *testing.T) {
	for _, test := range []struct {
		size int
		ok   bool
	}{{0, true}, {9, true}, {10, true}, {11, false}, {1000, false}} {
		body := &limitedBody{ReadCloser: io.NopCloser(io.LimitReader(zeros{}, int64(test.size))), left: 10, limit: 10}
		got, err := io.ReadAll(body)
		if (err == nil) != test.ok || test.ok && len(got) != test.size {
			t.Errorf("%d bytes: got %d, error %v", test.size, len(got), err)
		}
		if !test.ok {
			if n, err := body.Read(make([]byte, 1)); n != 0 || err == nil {
				t.Errorf("%d bytes: the reader goes on after the limit", test.size)
			}
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }
