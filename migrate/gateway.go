package migrate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Gateway is a Configuration API as a client sees it.
type Gateway struct {
	base   string
	client *http.Client
	header http.Header
}

// requestTimeout bounds one request, its answer included: a list may be long.
const requestTimeout = time.Minute

// Dial returns the gateway at an address: the URL of a Configuration API, or of Caddy's admin endpoint, which is found out by
// asking. The scheme may be left out, and unix//path is a socket. header goes along with every request.
func Dial(ctx context.Context, address string, header http.Header) (*Gateway, error) {
	g := &Gateway{client: &http.Client{Timeout: requestTimeout}, header: header}
	base := address
	if path, ok := strings.CutPrefix(address, "unix/"); ok {
		g.client.Transport = &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		}}
		base = "http://127.0.0.1"
	} else if !strings.Contains(address, "://") {
		base = "http://" + address
	}
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" {
		return nil, fmt.Errorf("address: want a URL such as http://localhost:4001 or https://config.example.com/gateway")
	}
	base = strings.TrimSuffix(base, "/")
	for _, g.base = range []string{base, base + adminPath} {
		_, err = g.status(ctx)
		var refused *Refused
		if err == nil || !errors.As(err, &refused) || refused.Status != http.StatusNotFound {
			break
		}
	}
	if err != nil {
		return nil, fmt.Errorf("no Configuration API at %s: %w", u.Redacted(), err)
	}
	return g, nil
}

// adminPath is where the Configuration API stands on the admin endpoint.
const adminPath = "/event_gateway"

// InProcess returns a gateway whose Configuration API is a handler in this process.
func InProcess(api http.Handler) *Gateway {
	return &Gateway{base: "http://localhost", client: &http.Client{Transport: transport{api}}}
}

// status asks for the gateway's state, which only a Configuration API answers in this form.
func (g *Gateway) status(ctx context.Context) (revision int64, err error) {
	var status struct{ Revision *int64 }
	if _, err := g.do(ctx, http.MethodGet, "/v1/status", nil, "", &status); err != nil {
		return 0, err
	}
	if status.Revision == nil {
		return 0, &Refused{Status: http.StatusNotFound, Message: "something else answers there"}
	}
	return *status.Revision, nil
}

// Reseal has the gateway encrypt its functions with the key in force, and returns how many were not.
func (g *Gateway) Reseal(ctx context.Context) (count int, err error) {
	var done struct{ Resealed int }
	_, err = g.do(ctx, http.MethodPost, "/v1/reseal", nil, "", &done)
	return done.Resealed, err
}

// Refused is an answer that is an error.
type Refused struct {
	Status  int
	Message string
}

func (r *Refused) Error() string { return r.Message }

// do sends a request, with match as its If-Match unless that is empty, and decodes the answer into result unless that is nil.
func (g *Gateway) do(ctx context.Context, method, path string, body []byte, match string, result any) (http.Header, error) {
	req, err := http.NewRequestWithContext(ctx, method, g.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("address: not a URL")
	}
	for name, values := range g.header {
		req.Header[name] = values
	}
	if host := g.header.Get("Host"); host != "" {
		req.Host = host
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if match != "" {
		req.Header.Set("If-Match", match)
	}
	resp, err := g.client.Do(req)
	if err != nil {
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = wrapped.Err // without the URL, which may hold a password
		}
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("the answer broke off: %w", err)
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return nil, refusal(resp.StatusCode, answer)
	}
	if result == nil {
		return resp.Header, nil
	}
	if err := json.Unmarshal(answer, result); err != nil {
		return nil, &Refused{Status: http.StatusNotFound, Message: "something else answers there: not with JSON of the Configuration API"}
	}
	return resp.Header, nil
}

// refusal returns what an answer that is an error says.
func refusal(status int, answer []byte) error {
	var body struct{ Errors []struct{ Message string } }
	r := &Refused{Status: status, Message: fmt.Sprintf("status %d %s", status, http.StatusText(status))}
	if json.Unmarshal(answer, &body) == nil && len(body.Errors) > 0 {
		r.Message = body.Errors[0].Message
	}
	return r
}

// path returns where the resources of a kind are in the API, or one of them.
func path(space string, k Kind, id ...string) string {
	p := "/v1/spaces/" + url.PathEscape(space) + "/" + names[k].path
	for _, segment := range id {
		p += "/" + url.PathEscape(segment)
	}
	return p
}

// transport lets a handler answer requests.
type transport struct{ handler http.Handler }

func (t transport) RoundTrip(req *http.Request) (*http.Response, error) {
	// As a server would have it; a client's request may have neither.
	r := req.Clone(req.Context())
	r.RequestURI = req.URL.RequestURI()
	if r.Body == nil {
		r.Body = http.NoBody
	}
	a := &answer{header: http.Header{}, status: http.StatusOK}
	t.handler.ServeHTTP(a, r)
	return &http.Response{
		StatusCode: a.status, Header: a.header, Body: io.NopCloser(&a.body), Request: req,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, ContentLength: int64(a.body.Len()),
	}, nil
}

// answer is what a handler answers.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header                  { return a.header }
func (a *answer) WriteHeader(status int)               { a.status = status }
func (a *answer) Write(data []byte) (n int, err error) { return a.body.Write(data) }
