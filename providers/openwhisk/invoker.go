package openwhisk

import (
	"bytes"
	"context"
	"encoding/base64"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/httpcall"
)

// recordSize is how much an activation's record may have beside the result: names, annotations, times.
const recordSize = 64 << 10

// invoker calls one action.
type invoker struct {
	action *url.URL
	// activations is where the activations of the credentials' namespace are, whoever the action belongs to.
	activations *url.URL
	header      http.Header
	// names are the action's with its package, and its namespace's, for messages.
	name, namespace string
	maxResponse     int64
	transport       http.RoundTripper
	// firstPoll is the time before an activation is asked for, which grows from one time to the next.
	firstPoll time.Duration
}

func newInvoker(p *Provider, base *url.URL, env providers.Env) *invoker {
	path := []string{"api", "v1", "namespaces", url.PathEscape(p.Namespace), "actions"}
	f := &invoker{name: p.Action, namespace: p.Namespace}
	if p.Package != "" {
		path, f.name = append(path, url.PathEscape(p.Package)), p.Package+"/"+p.Action
	}
	f.action = base.JoinPath(append(path, url.PathEscape(p.Action))...)
	f.action.RawQuery = "blocking=true&result=false"
	f.activations = base.JoinPath("api", "v1", "namespaces", "_", "activations")
	f.header = http.Header{
		"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte(p.Auth))},
		"Content-Type":  {eventgateway.TypeJSON},
		"User-Agent":    {"event-gateway"},
	}
	f.maxResponse, f.transport, f.firstPoll = env.MaxResponse, httpcall.Transport(env.Egress), 500*time.Millisecond
	return f
}

// Invoke implements providers.Invoker.
func (f *invoker) Invoke(ctx context.Context, call *providers.Call) (*providers.Result, error) {
	if !isObject(call) {
		return nil, &providers.Error{
			Failure: providers.FunctionFailed, Permanent: true,
			Message: "OpenWhisk takes no payload but a JSON object: use format event or cloudevents",
		}
	}
	a, err := f.exchange(ctx, http.MethodPost, f.action, call.Payload)
	if err != nil {
		return nil, err
	}
	record := parseRecord(a.body)
	switch {
	case a.status == http.StatusAccepted:
		return f.await(ctx, record)
	case a.status == http.StatusOK && isList(a.body):
		// An action may answer with a list, which comes without a record.
		return &providers.Result{ContentType: eventgateway.TypeJSON, Body: a.body}, nil
	case record.Response != nil:
		return record.result(a.status)
	case a.status/100 == 2:
		return nil, providers.Errorf(providers.BadAnswer, "OpenWhisk answered with no activation")
	}
	return nil, f.statusError(a)
}

// isObject reports whether a payload is a JSON object; the gateway's own JSON is well-formed.
func isObject(call *providers.Call) bool {
	text := bytes.TrimLeft(call.Payload, " \t\r\n")
	return len(text) > 0 && text[0] == '{' && eventgateway.IsJSON(call.ContentType)
}

func isList(body []byte) bool {
	text := bytes.TrimLeft(body, " \t\r\n")
	return len(text) > 0 && text[0] == '['
}

// answer is one of OpenWhisk's.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// exchange makes one request, and returns the whole answer.
func (f *invoker) exchange(ctx context.Context, method string, target *url.URL, payload []byte) (*answer, error) {
	req := (&http.Request{
		Method: method, URL: target, Host: target.Host, Header: f.header, Body: http.NoBody,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}).WithContext(ctx)
	if len(payload) > 0 {
		req.ContentLength = int64(len(payload))
		// A bytes.Reader in a NopCloser is what net/http knows to be in memory: it sends it with the headers in one packet.
		req.Body = io.NopCloser(bytes.NewReader(payload))
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(payload)), nil }
	}
	resp, err := f.transport.RoundTrip(req)
	if err != nil {
		return nil, providers.NetworkError(ctx, target.Host, err)
	}
	defer resp.Body.Close()
	body, err := httpcall.Read(ctx, resp, target.Host, f.maxResponse+recordSize)
	return &answer{resp.StatusCode, resp.Header, body}, err
}
