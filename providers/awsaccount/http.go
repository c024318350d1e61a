package awsaccount

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"time"

	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/egress"
)

// transportOf returns the one pool of connections to AWS under a guard.
func transportOf(guard *egress.Guard) http.RoundTripper {
	return guard.Transport("aws", func(dial egress.DialFunc) *http.Transport {
		return &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			DialContext:         dial,
			TLSHandshakeTimeout: 10 * time.Second,
			ForceAttemptHTTP2:   true,
			HTTP2:               &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 10 * time.Second},
			DisableCompression:  true,
			MaxIdleConns:        4096,
			MaxIdleConnsPerHost: 1024,
			// Given back before the other side closes them: a request that crosses a close may have run, and fails.
			IdleConnTimeout:        15 * time.Second,
			MaxResponseHeaderBytes: 256 << 10,
		}
	})
}

// payloadKey is where a call's payload travels to the HTTP client in the context.
type payloadKey struct{}

// WithPayload returns a context for a call whose HTTP body is payload as it is, which spares a copy of it.
func WithPayload(ctx context.Context, payload []byte) context.Context {
	return context.WithValue(ctx, payloadKey{}, payload)
}

// bounded is the HTTP client of the SDK. The SDK reads answers whole into memory; this ends them at limit bytes.
type bounded struct {
	limit     int64
	transport http.RoundTripper
}

// Do implements aws.HTTPClient. It follows no redirect.
func (b *bounded) Do(req *http.Request) (*http.Response, error) {
	if err := rewindable(req); err != nil {
		return nil, err
	}
	resp, err := b.transport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if resp.ContentLength > b.limit {
		resp.Body.Close()
		return nil, providers.TooLarge(b.limit)
	}
	resp.Body = &limitedBody{ReadCloser: resp.Body, left: b.limit, limit: b.limit}
	return resp, nil
}

// rewindable makes net/http able to use another connection when the pooled one was dead before anything was written: the
// SDK hands over a stream that cannot be read again.
func rewindable(req *http.Request) error {
	if req.Body == nil || req.ContentLength <= 0 {
		return nil
	}
	body, _ := req.Context().Value(payloadKey{}).([]byte)
	if int64(len(body)) != req.ContentLength {
		body = make([]byte, req.ContentLength)
		if _, err := io.ReadFull(req.Body, body); err != nil {
			return err
		}
	}
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	req.Body, _ = req.GetBody()
	return nil
}

// limitedBody fails with providers.TooLarge once more than limit bytes have come, and from then on.
type limitedBody struct {
	io.ReadCloser
	left, limit int64
}

func (b *limitedBody) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, providers.TooLarge(b.limit)
	}
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, providers.TooLarge(b.limit)
	}
	return n, err
}
