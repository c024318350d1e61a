package awslambda

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/eventgateway/eventgateway/providers"
)

// settings are what makes two functions need different clients.
type settings struct {
	region, endpoint, role string
	keyID, key, token      string
	maxResponse            int64
}

// client is an SDK client shared by all functions of equal settings, and with it their credentials: a thousand functions
// that assume one role ask for it once.
type client struct {
	*lambda.Client
	credentials *aws.CredentialsCache
	settings    settings
	users       int // guarded by pool.mu
}

// pool holds the clients in use.
type pool struct {
	mu   sync.Mutex
	open map[settings]*client
}

var clients = pool{open: make(map[settings]*client)}

func (p *pool) acquire(s settings) *client {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.open[s]
	if c == nil {
		c = newClient(s)
		p.open[s] = c
	}
	c.users++
	return c
}

func (p *pool) release(c *client) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c.users--; c.users == 0 {
		delete(p.open, c.settings)
	}
}

func newClient(s settings) *client {
	c := &client{settings: s, credentials: aws.NewCredentialsCache(newCredentials(s), func(o *aws.CredentialsCacheOptions) {
		o.ExpiryWindow = time.Minute
	})}
	options := lambda.Options{
		Region:      s.region,
		Credentials: c.credentials,
		HTTPClient:  &bounded{limit: s.maxResponse, transport: shared},
		Retryer:     aws.NopRetryer{},
	}
	if s.endpoint != "" {
		options.BaseEndpoint = &s.endpoint
	}
	c.Client = lambda.New(options)
	return c
}

// shared is the one pool of connections to AWS of the process.
var shared = &http.Transport{
	Proxy:               http.ProxyFromEnvironment,
	DialContext:         (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
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

// payloadKey is where a call's payload travels to the HTTP client in the context.
type payloadKey struct{}

// bounded is the HTTP client of the SDK. The SDK reads answers whole into memory; this ends them at limit bytes.
type bounded struct {
	limit     int64
	transport http.RoundTripper
}

// Do implements lambda.HTTPClient. It follows no redirect.
func (b *bounded) Do(req *http.Request) (*http.Response, error) {
	// The SDK hands over a stream that cannot be rewound. The payload itself, which is what was signed, can, so that
	// net/http may use another connection when the pooled one was dead before anything was written.
	payload, _ := req.Context().Value(payloadKey{}).([]byte)
	if len(payload) > 0 && req.ContentLength == int64(len(payload)) {
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(payload)), nil }
		req.Body, _ = req.GetBody()
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

// withPayload returns a context from which Do takes the payload.
func withPayload(ctx context.Context, payload []byte) context.Context {
	return context.WithValue(ctx, payloadKey{}, payload)
}
