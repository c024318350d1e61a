package awslambda

import (
	"context"
	"io"
	"net"
	"net/http"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
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

// Where nothing was written, the same signed request goes out on another connection, payload and all.
func TestDeadConnectionIsReplaced(t *testing.T) {
	var bodies []string
	p := startEdge(t, static, func(w http.ResponseWriter, _ *http.Request, body []byte) {
		bodies = append(bodies, string(body))
		answerInvoke(w, "", body)
	})
	var dials int
	transport := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		dials++
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		return &deadOnWrite{Conn: conn}, err
	}}
	defer transport.CloseIdleConnections()
	f := open(t, p)
	arn := testARN
	for range 2 {
		_, err := f.client.Invoke(withPayload(t.Context(), event.Payload),
			&lambda.InvokeInput{FunctionName: &arn, Payload: event.Payload},
			func(o *lambda.Options) { o.HTTPClient = &bounded{limit: 1000, transport: transport} })
		if err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{string(event.Payload), string(event.Payload)}; !slices.Equal(bodies, want) || dials != 2 {
		t.Errorf("the edge got %q over %d connections", bodies, dials)
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
