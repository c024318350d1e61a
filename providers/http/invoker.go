package httpprovider

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/eventgateway/eventgateway/providers"
)

// jsonType is the content type of nearly every call; the headers for it are made once.
const jsonType = "application/json"

// invoker calls one endpoint. Requests are copies of one template, and share its header maps: a RoundTripper does not
// change a request.
type invoker struct {
	template    *http.Request
	header      http.Header // configured headers
	jsonHeader  http.Header // the same with the Content-Type of JSON
	host        string      // for messages
	maxResponse int64
	transport   http.RoundTripper
}

func newInvoker(template *http.Request, header http.Header, maxResponse int64, transport http.RoundTripper) *invoker {
	f := &invoker{
		template: template, header: header, host: template.URL.Host, maxResponse: maxResponse, transport: transport,
	}
	f.jsonHeader = f.headerOf(&providers.Call{ContentType: jsonType})
	return f
}

// Invoke implements providers.Invoker.
func (f *invoker) Invoke(ctx context.Context, call *providers.Call) (*providers.Result, error) {
	req := f.template.WithContext(ctx)
	if call.ContentType == jsonType && len(call.Header) == 0 {
		req.Header = f.jsonHeader
	} else {
		req.Header = f.headerOf(call)
	}
	req.Body = http.NoBody
	if payload := call.Payload; len(payload) > 0 {
		req.ContentLength = int64(len(payload))
		// A bytes.Reader in a NopCloser is what net/http knows to be in memory: it sends it with the headers in one packet.
		req.Body = io.NopCloser(bytes.NewReader(payload))
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(payload)), nil }
	}
	resp, err := f.transport.RoundTrip(req)
	if err != nil {
		return nil, providers.NetworkError(ctx, f.host, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		drain(resp.Body)
		return nil, statusError(resp)
	}
	if encoding := resp.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return nil, providers.Errorf(providers.BadAnswer, "the answer is compressed, which was not asked for")
	}
	body, err := f.read(ctx, resp)
	if err != nil {
		return nil, err
	}
	return &providers.Result{ContentType: resp.Header.Get("Content-Type"), Body: body}, nil
}

// headerOf returns the headers of a call. The configured ones win: what comes with an event must not replace them.
func (f *invoker) headerOf(call *providers.Call) http.Header {
	header := make(http.Header, len(f.header)+len(call.Header)+1)
	for name, values := range call.Header {
		if name = http.CanonicalHeaderKey(name); !reserved[name] && name != "Host" {
			header[name] = values
		}
	}
	header["Content-Type"] = []string{call.ContentType}
	maps.Copy(header, f.header)
	return header
}

// read returns the body of resp, which ends the use of its connection: whole it goes back to the pool, else it is dropped.
func (f *invoker) read(ctx context.Context, resp *http.Response) ([]byte, error) {
	// A stated length is believed up to this size; memory for more is taken as it arrives.
	const believed = 64 << 10
	size := resp.ContentLength
	switch {
	case size == 0 || resp.Request.Method == http.MethodHead:
		return nil, nil
	case size > f.maxResponse:
		return nil, providers.TooLarge(f.maxResponse)
	case size < 0:
		size = 511
	}
	body := make([]byte, 0, min(size, believed)+1)
	for {
		n, err := resp.Body.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case int64(len(body)) > f.maxResponse:
			return nil, providers.TooLarge(f.maxResponse)
		case err == io.EOF:
			return body, nil
		case err != nil:
			return nil, providers.NetworkError(ctx, f.host, err)
		case len(body) == cap(body):
			body = append(body, 0)[:len(body)]
		}
	}
}

// drain reads what is left of a short body, so that its connection can be used again. It gives up quickly.
func drain(body io.ReadCloser) {
	const enough, patience = 64 << 10, 50 * time.Millisecond
	defer time.AfterFunc(patience, func() { body.Close() }).Stop()
	_, _ = io.CopyN(io.Discard, body, enough)
}

// statusError tells what a status other than 2xx means.
func statusError(resp *http.Response) *providers.Error {
	status := resp.StatusCode
	e := &providers.Error{
		Failure: providers.FunctionFailed, Status: status, Message: "the function answered with status " + strconv.Itoa(status),
	}
	if text := http.StatusText(status); text != "" {
		e.Message += " " + text
	}
	after := resp.Header.Get("Retry-After")
	switch {
	case status/100 == 3:
		e.Permanent = true
		e.Message += ": redirects are not followed, set provider.url to the final address"
	case status == http.StatusTooManyRequests, status == http.StatusServiceUnavailable && after != "":
		e.Failure = providers.Throttled
		e.RetryAfter = retryAfter(after, time.Now())
	case status == http.StatusRequestTimeout, status == http.StatusTooEarly:
	case status/100 == 4:
		e.Permanent = true
	}
	return e
}

// retryAfter reads a Retry-After header, seconds or a date; 0 when it is neither or lies in the past. A day is the most
// a host is believed.
func retryAfter(value string, now time.Time) time.Duration {
	const most = 24 * time.Hour
	if seconds, err := strconv.ParseUint(value, 10, 64); err == nil {
		return time.Duration(min(seconds, uint64(most/time.Second))) * time.Second
	}
	if date, err := http.ParseTime(value); err == nil {
		return min(max(date.Sub(now), 0), most)
	}
	return 0
}
