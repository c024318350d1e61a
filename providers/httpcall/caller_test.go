package httpcall_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/httpcall"
)

// caller returns a caller of server, on a transport of the test's own.
func caller(t *testing.T, server *httptest.Server, config httpcall.Config) *httpcall.Caller {
	t.Helper()
	target, err := httpcall.ParseURL("url", server.URL+"/f")
	if err != nil {
		t.Fatal(err)
	}
	transport := httpcall.NewTransport(new(net.Dialer).DialContext, nil)
	t.Cleanup(transport.CloseIdleConnections)
	config.URL, config.MaxResponse, config.Transport = target, 10, transport
	return httpcall.New(config)
}

var call = &providers.Call{Payload: []byte("{}"), ContentType: "application/json"}

// What is made for one call stays with it.
func TestAuthorize(t *testing.T) {
	var got []string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got = append(got, r.Header.Get("Authorization")+" "+r.Header.Get("X-Always")+" "+r.Header.Get("X-Signature"))
	}))
	defer server.Close()
	refused := providers.Errorf(providers.Unreachable, "no token")
	turn := 0
	c := caller(t, server, httpcall.Config{
		Header: http.Header{"X-Always": {"a"}, "Authorization": {"configured"}},
		Authorize: func(_ context.Context, header http.Header, call *providers.Call) error {
			switch turn++; turn {
			case 1:
				header.Set("Authorization", "first")
				header.Set("X-Signature", string(call.Payload))
			case 3:
				return refused
			}
			return nil
		},
	})
	for i := range 3 {
		if _, err := c.Invoke(t.Context(), call); (err != nil) != (i == 2) || err != nil && !errors.Is(err, refused) {
			t.Errorf("call %d: error %v", i, err)
		}
	}
	if want := []string{"first a {}", "configured a "}; !slices.Equal(got, want) {
		t.Errorf("the function got %q, want %q", got, want)
	}
}

func TestExplain(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Reason", "locked")
		w.WriteHeader(http.StatusForbidden)
	}))
	defer server.Close()
	c := caller(t, server, httpcall.Config{Explain: func(resp *http.Response, e *providers.Error) {
		if e.Status != http.StatusForbidden || !e.Permanent || resp.Request.Header.Get("Content-Type") != "application/json" {
			t.Errorf("got %+v", e)
		}
		e.Permanent, e.Message = false, "it is "+resp.Header.Get("X-Reason")
	}})
	_, err := c.Invoke(t.Context(), call)
	var e *providers.Error
	if !errors.As(err, &e) || e.Permanent || e.Message != "it is locked" {
		t.Errorf("got %+v", err)
	}
}

func TestRead(t *testing.T) {
	for name, test := range map[string]struct {
		resp http.Response
		body string
		want string // of the error's message
	}{
		"whole":          {http.Response{ContentLength: 10}, "0123456789", ""},
		"of no length":   {http.Response{ContentLength: -1}, "0123456789", ""},
		"empty":          {http.Response{ContentLength: 0}, "", ""},
		"one too many":   {http.Response{ContentLength: -1}, "0123456789a", "larger than the 10 bytes"},
		"announced":      {http.Response{ContentLength: 11}, "", "larger than the 10 bytes"},
		"longer than it": {http.Response{ContentLength: 5}, "0123456789a", "larger than the 10 bytes"},
		"compressed":     {http.Response{ContentLength: 1, Header: http.Header{"Content-Encoding": {"br"}}}, "x", "compressed"},
		"identity":       {http.Response{ContentLength: 1, Header: http.Header{"Content-Encoding": {"Identity"}}}, "x", ""},
	} {
		test.resp.Body = io.NopCloser(strings.NewReader(test.body))
		got, err := httpcall.Read(t.Context(), &test.resp, "host", 10)
		if test.want == "" && (err != nil || string(got) != test.body) ||
			test.want != "" && (providers.FailureOf(err) != providers.BadAnswer || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: got %q, error %v", name, got, err)
		}
	}
}

// A user in the URL is not sent by itself: what is sent is said by the headers.
func TestUserIsNotSent(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.Header["Authorization"] != nil {
			t.Errorf("got %q", r.Header["Authorization"])
		}
	}))
	defer server.Close()
	target, err := url.Parse(strings.Replace(server.URL, "http://", "http://user:s3cret@", 1))
	if err != nil {
		t.Fatal(err)
	}
	transport := httpcall.NewTransport(new(net.Dialer).DialContext, nil)
	defer transport.CloseIdleConnections()
	c := httpcall.New(httpcall.Config{URL: target, MaxResponse: 10, Transport: transport})
	if _, err := c.Invoke(t.Context(), call); err != nil {
		t.Error(err)
	}
	server.Close()
	if _, err := c.Invoke(t.Context(), call); err == nil || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("got error %v", err)
	}
}
