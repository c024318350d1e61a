// Package httpcall is the HTTP request that providers have in common: one exchange with one endpoint, its answer bounded, its
// status and its failures told as *providers.Error. Each provider adds what its host wants: an address, headers, a token, and
// what a status means there.
//
// A call is one request. It is sent a second time only where the first cannot have been processed: when nothing of it was
// written because a pooled connection turned out to be dead, or when an HTTP/2 server said that it did not look at it. For
// the safe methods GET, HEAD and OPTIONS (and for requests with an Idempotency-Key header) net/http also tries again when
// a pooled connection dies before the first byte of the answer; a POST fails then, and whether to try again is decided by
// the subscription's delivery.
package httpcall

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"

	"github.com/eventgateway/eventgateway/providers"
)

// jsonType is the content type of nearly every call; the headers for it are made once.
const jsonType = "application/json"

// Config describes the endpoint that a Caller calls.
type Config struct {
	// URL is called; a user in it is not sent. Required.
	URL *url.URL
	// Method is the request method. Default: "POST".
	Method string
	// Host is the host the function sees. Default: that of URL.
	Host string
	// Header is sent with every call, besides Content-Type and what comes with the event; it wins over those. It is not to be
	// changed afterwards. Names in canonical form.
	Header http.Header
	// Authorize adds to the headers of one call what only that call has, such as a token or a signature of the payload. Default:
	// nothing. Its error is the call's.
	Authorize func(ctx context.Context, header http.Header, call *providers.Call) error
	// Explain adds to e what an answer with a status other than 2xx means of this host, where providers.StatusError cannot know
	// it. The answer's body is not to be read. Default: nothing.
	Explain func(resp *http.Response, e *providers.Error)
	// MaxResponse bounds the answer in bytes. Required.
	MaxResponse int64
	// Transport makes the request; see Transport. Required.
	Transport http.RoundTripper
}

// Caller calls one endpoint. Requests are copies of one template, and share its header maps where nothing is added: a
// RoundTripper does not change a request. It is safe for concurrent use.
type Caller struct {
	config     Config
	template   *http.Request
	jsonHeader http.Header // the configured headers with the Content-Type of JSON
}

// New returns a caller. It does no I/O.
func New(config Config) *Caller {
	target := *config.URL
	target.User = nil // net/http's transport does not read it, and what it does not hold it cannot tell
	c := &Caller{config: config, template: &http.Request{
		Method: config.Method, URL: &target, Host: config.Host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}}
	if c.template.Method == "" {
		c.template.Method = http.MethodPost
	}
	if c.template.Host == "" {
		c.template.Host = target.Host
	}
	c.jsonHeader = c.headerOf(&providers.Call{ContentType: jsonType})
	return c
}

// Invoke implements providers.Invoker.
func (c *Caller) Invoke(ctx context.Context, call *providers.Call) (*providers.Result, error) {
	req := c.template.WithContext(ctx)
	if call.ContentType == jsonType && len(call.Header) == 0 && c.config.Authorize == nil {
		req.Header = c.jsonHeader
	} else {
		req.Header = c.headerOf(call)
	}
	if c.config.Authorize != nil {
		if err := c.config.Authorize(ctx, req.Header, call); err != nil {
			return nil, err
		}
	}
	setBody(req, call.Payload)
	resp, err := c.config.Transport.RoundTrip(req)
	if err != nil {
		return nil, providers.NetworkError(ctx, c.template.URL.Host, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		Drain(resp.Body)
		failed := statusError(resp)
		if c.config.Explain != nil {
			c.config.Explain(resp, failed)
		}
		return nil, failed
	}
	body, err := Read(ctx, resp, c.template.URL.Host, c.config.MaxResponse)
	if err != nil {
		return nil, err
	}
	return &providers.Result{ContentType: resp.Header.Get("Content-Type"), Body: body}, nil
}

func statusError(resp *http.Response) *providers.Error {
	e := providers.StatusError(resp.StatusCode, resp.Header)
	if resp.StatusCode/100 == 3 {
		e.Message += ", set provider.url to the final address"
	}
	return e
}

func setBody(req *http.Request, payload []byte) {
	req.Body = http.NoBody
	if len(payload) > 0 {
		req.ContentLength = int64(len(payload))
		// A bytes.Reader in a NopCloser is what net/http knows to be in memory: it sends it with the headers in one packet.
		req.Body = io.NopCloser(bytes.NewReader(payload))
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(payload)), nil }
	}
}

// headerOf returns the headers of a call. The configured ones win: what comes with an event must not replace them.
func (c *Caller) headerOf(call *providers.Call) http.Header {
	header := make(http.Header, len(c.config.Header)+len(call.Header)+2)
	for name, values := range call.Header {
		if name = http.CanonicalHeaderKey(name); !providers.IsMessageHeader(name) && name != "Host" {
			header[name] = values
		}
	}
	header["Content-Type"] = []string{call.ContentType}
	maps.Copy(header, c.config.Header)
	return header
}

// compressed reports whether an answer came in an encoding that was not asked for.
func compressed(resp *http.Response) bool {
	encoding := resp.Header.Get("Content-Encoding")
	return encoding != "" && !strings.EqualFold(encoding, "identity")
}
