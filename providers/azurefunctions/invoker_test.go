package azurefunctions

import (
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/azureaccount"
	"github.com/eventgateway/eventgateway/providers/egress"
)

func open(t *testing.T, p *Provider, env providers.Env) *invoker {
	t.Helper()
	if err := p.Validate(); err != nil {
		t.Fatal(err)
	}
	env.MaxResponse = 1 << 20
	f, err := p.Open(env)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.(*invoker).Close() })
	return f.(*invoker)
}

var event = &providers.Call{
	Payload: []byte(`{"name":"Azure"}`), ContentType: "application/json", Event: &eventgateway.Event{Type: "t", ID: "1"},
}

// The request is that of Microsoft's page on securing functions with keys: POST, and the key as x-functions-key.
func TestRequest(t *testing.T) {
	type seen struct {
		Method, URI, Host, Body string
		Header                  http.Header
	}
	var got seen
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = seen{r.Method, r.RequestURI, r.Host, string(body), r.Header}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write([]byte("Hello, Azure"))
	}))
	defer server.Close()
	entra := entraOf(t, "t0ken")
	identity := azureaccount.Account{TenantID: "contoso.com", ClientID: "app", ClientSecret: "s3cret", Authority: entra.URL}
	base := http.Header{"User-Agent": {"event-gateway"}, "Content-Type": {"application/json"}, "Content-Length": {"16"}}
	for name, test := range map[string]struct {
		provider Provider
		header   http.Header
		want     http.Header
	}{
		"anonymous":    {Provider{}, nil, nil},
		"key":          {Provider{FunctionKey: "k3y"}, nil, http.Header{"X-Functions-Key": {"k3y"}}},
		"token":        {Provider{Resource: "api://hello", Account: identity}, nil, http.Header{"Authorization": {"Bearer t0ken"}}},
		"what is ours": {Provider{FunctionKey: "k3y"}, http.Header{"x-functions-key": {"theirs"}, "Ce-Id": {"1"}}, http.Header{"X-Functions-Key": {"k3y"}, "Ce-Id": {"1"}}},
		"both, and what the event brings": {
			Provider{FunctionKey: "k3y", Resource: "api://hello", Account: identity},
			http.Header{"Authorization": {"theirs"}},
			http.Header{"X-Functions-Key": {"k3y"}, "Authorization": {"Bearer t0ken"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			test.provider.URL = server.URL + "/api/HttpExample?clientId=a%20b"
			call := *event
			call.Header = test.header
			result, err := open(t, &test.provider, providers.Env{}).Invoke(t.Context(), &call)
			if err != nil || string(result.Body) != "Hello, Azure" || result.ContentType != "text/plain; charset=utf-8" {
				t.Fatalf("got %+v, error %v", result, err)
			}
			want := seen{"POST", "/api/HttpExample?clientId=a%20b", strings.TrimPrefix(server.URL, "http://"), `{"name":"Azure"}`, base.Clone()}
			for name, values := range test.want {
				want.Header[name] = values
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

// entraOf gives one token.
func entraOf(t *testing.T, text string) *httptest.Server {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"token_type":"Bearer","expires_in":3599,"access_token":"` + text + `"}`))
	}))
	t.Cleanup(server.Close)
	return server
}

func TestStatuses(t *testing.T) {
	entra := entraOf(t, "t0ken")
	key := Provider{FunctionKey: "k3y"}
	token := Provider{Resource: "api://hello", Account: azureaccount.Account{
		TenantID: "contoso.com", ClientID: "app", ClientSecret: "s3cret", Authority: entra.URL,
	}}
	both := token
	both.FunctionKey = "k3y"
	for name, test := range map[string]struct {
		provider  Provider
		status    int
		after     string
		failure   providers.Failure
		permanent bool
		message   string
	}{
		"401, anonymous":   {Provider{}, 401, "", providers.Unreachable, false, "set provider.functionKey, or an identity"},
		"401, key":         {key, 401, "", providers.Unreachable, false, "check provider.functionKey: want a key of the function"},
		"401, token":       {token, 401, "", providers.Unreachable, false, "accepts tokens for provider.resource"},
		"401, both":        {both, 401, "", providers.Unreachable, false, "check provider.functionKey, and"},
		"403, key":         {key, 403, "", providers.Unreachable, false, "wants an identity, that the app is not stopped"},
		"403, token":       {token, 403, "", providers.Unreachable, false, "allows the identity's application"},
		"404":              {key, 404, "", providers.Unreachable, false, "there is no such function: check provider.url"},
		"400":              {key, 400, "", providers.FunctionFailed, true, "status 400 Bad Request"},
		"413":              {key, 413, "", providers.FunctionFailed, true, "status 413"},
		"302":              {key, 302, "", providers.FunctionFailed, true, "redirects are not followed"},
		"429":              {key, 429, "7", providers.Throttled, false, "too many calls in hand"},
		"500":              {key, 500, "", providers.FunctionFailed, false, "status 500 Internal Server Error"},
		"502":              {key, 502, "", providers.FunctionFailed, false, "230 seconds"},
		"503":              {key, 503, "", providers.Unreachable, false, "the function's app does not run"},
		"503, coming back": {key, 503, "7", providers.Throttled, false, "the function's app does not run"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if test.after != "" {
					w.Header().Set("Retry-After", test.after)
				}
				w.Header().Set("Location", "https://d3tail.example/")
				w.WriteHeader(test.status)
				_, _ = w.Write([]byte("d3tail"))
			}))
			defer server.Close()
			test.provider.URL = server.URL
			_, err := open(t, &test.provider, providers.Env{}).Invoke(t.Context(), event)
			e := failureOf(t, err)
			if e.Failure != test.failure || e.Permanent != test.permanent || e.Status != test.status || !strings.Contains(e.Message, test.message) {
				t.Errorf("got %s, permanent %t, status %d: %s", e.Failure, e.Permanent, e.Status, e.Message)
			}
			if want := test.after == "7"; (e.RetryAfter == 7*time.Second) != want {
				t.Errorf("to come back after %s", e.RetryAfter)
			}
			for _, private := range []string{"d3tail", "k3y", "s3cret", "t0ken"} {
				if strings.Contains(e.Message, private) {
					t.Errorf("the message shows %s: %s", private, e.Message)
				}
			}
		})
	}
}

func failureOf(t *testing.T, err error) *providers.Error {
	t.Helper()
	var e *providers.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v (%T), want a *providers.Error", err, err)
	}
	return e
}

// Without a token the function is not called, and the failure says what to do.
func TestNoToken(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the function was called") }))
	defer server.Close()
	entra := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = w.Write([]byte(`{"error":"invalid_client","error_codes":[7000215]}`))
	}))
	defer entra.Close()
	p := &Provider{URL: server.URL, Resource: "api://hello", Account: azureaccount.Account{
		TenantID: "contoso.com", ClientID: "app", ClientSecret: "s3cret", Authority: entra.URL,
	}}
	_, err := open(t, p, providers.Env{}).Invoke(t.Context(), event)
	if e := failureOf(t, err); e.Failure != providers.Unreachable || !strings.Contains(e.Message, "provider.clientSecret is not one") {
		t.Errorf("got %s: %s", e.Failure, e.Message)
	}
	// The token service is where a field says, so the rules for functions are for it too.
	rules := egress.Policy{Deny: egress.Places{Hosts: []string{"127.0.0.1"}}}
	_, err = open(t, p, providers.Env{Egress: egress.New(rules)}).Invoke(t.Context(), event)
	if e := failureOf(t, err); e.Failure != providers.Unreachable || !strings.Contains(e.Message, "egress") {
		t.Errorf("got %s: %s", e.Failure, e.Message)
	}
}

// The server's own identity is shown to a function over TLS where the server's configuration names its host, and nowhere else.
func TestManagedIdentity(t *testing.T) {
	machine := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("resource") != "api://hello" || r.Header.Get("X-Identity-Header") != "h3ader" {
			t.Errorf("asked for %s", r.URL.RawQuery)
		}
		_, _ = w.Write([]byte(`{"access_token":"own-t0ken","expires_on":"` + strconv.FormatInt(time.Now().Add(time.Hour).Unix(), 10) + `"}`))
	}))
	defer machine.Close()
	t.Setenv("IDENTITY_ENDPOINT", machine.URL)
	t.Setenv("IDENTITY_HEADER", "h3ader")
	var got atomic.Value
	server := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got.Store(r.Header.Get("Authorization"))
	}))
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	guard := new(egress.Guard)
	guard.Transport("http", func(dial egress.DialFunc) *http.Transport {
		transport := server.Client().Transport.(*http.Transport).Clone()
		transport.DialContext = dial
		return transport
	})
	p := &Provider{URL: server.URL, Resource: "api://hello", Account: azureaccount.Account{ManagedIdentity: true}}
	denied := open(t, p, providers.Env{Space: "shop", Egress: guard})
	if _, err := denied.Invoke(t.Context(), event); providers.FailureOf(err) != providers.Unreachable || got.Load() != nil {
		t.Errorf("nobody allows it: error %v, sent %v", err, got.Load())
	}
	allowed := open(t, p, providers.Env{Egress: guard, ServerIdentity: func(resource, host string) bool {
		return resource == "api://hello" && host == "127.0.0.1"
	}})
	if _, err := allowed.Invoke(t.Context(), event); err != nil || got.Load() != "Bearer own-t0ken" {
		t.Errorf("allowed: error %v, sent %v", err, got.Load())
	}
}
