package httpprovider

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/egress"
)

const (
	testClient = "gateway"
	testSecret = "cl!ent s3cret&=" // has to be escaped, twice where it goes into basic authentication
)

// issuer is a token endpoint that checks everything it is sent, and knows which of its tokens are good.
type issuer struct {
	*httptest.Server
	t      *testing.T
	inBody bool // where the client's credentials have to be
	scope  string
	aud    string

	asked atomic.Int64
	// answer takes the place of a token, when set.
	answer atomic.Pointer[http.HandlerFunc]
	// expiresIn is in seconds; 0 to say nothing.
	expiresIn atomic.Int64

	mu   sync.Mutex
	good map[string]bool
}

func startIssuer(t *testing.T) *issuer {
	i := &issuer{t: t, good: map[string]bool{}}
	i.expiresIn.Store(3600)
	i.Server = httptest.NewServer(http.HandlerFunc(i.token))
	t.Cleanup(i.Close)
	return i
}

func (i *issuer) token(w http.ResponseWriter, r *http.Request) {
	n := i.asked.Add(1)
	w.Header().Set("Content-Type", "application/json")
	if answer := i.answer.Load(); answer != nil {
		(*answer)(w, r)
		return
	}
	id, secret, basic := r.BasicAuth()
	if err := r.ParseForm(); err != nil || r.Method != http.MethodPost || r.URL.Path != "/token" {
		i.t.Errorf("%s %s: %v", r.Method, r.URL, err)
	}
	want := map[string]string{"grant_type": "client_credentials", "scope": i.scope, "audience": i.aud}
	if i.inBody {
		want["client_id"], want["client_secret"] = testClient, testSecret
	}
	for name, value := range want {
		if got := r.PostForm.Get(name); got != value {
			i.t.Errorf("%s is %q, want %q", name, got, value)
		}
	}
	if basic == i.inBody || basic && (id != testClient || secret != "cl%21ent+s3cret%26%3D") {
		i.t.Errorf("basic authentication: %t, %q %q", basic, id, secret)
	}
	token := fmt.Sprintf("access-t0ken-%d", n)
	i.mu.Lock()
	i.good[token] = true
	i.mu.Unlock()
	answer := map[string]any{"access_token": token, "token_type": "bearer"}
	if seconds := i.expiresIn.Load(); seconds > 0 {
		answer["expires_in"] = seconds
	}
	_ = json.NewEncoder(w).Encode(answer)
}

// revoke makes all tokens given so far bad.
func (i *issuer) revoke() {
	i.mu.Lock()
	defer i.mu.Unlock()
	clear(i.good)
}

// function answers with the number of the token it was called with, and 401 without a good one.
func (i *issuer) function(t *testing.T) (url string) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		i.mu.Lock()
		defer i.mu.Unlock()
		if !ok || !i.good[token] {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = io.WriteString(w, token)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func (i *issuer) client(url string) *Provider {
	return &Provider{URL: url, OAuth2: &OAuth2{TokenURL: i.URL + "/token", ClientID: testClient, ClientSecret: testSecret}}
}

// openIn opens a provider under a guard of the test's own, and closes it.
func openIn(t testing.TB, guard *egress.Guard, p *Provider) providers.Invoker {
	t.Helper()
	if err := p.Validate(); err != nil {
		t.Fatal(err)
	}
	f, err := p.Open(providers.Env{
		Space: "s", FunctionID: "f", Logger: slog.New(slog.DiscardHandler), MaxResponse: 1 << 20, Egress: guard,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if closer, ok := f.(io.Closer); ok {
			_ = closer.Close()
		}
	})
	return f
}

func answerOf(t *testing.T, f providers.Invoker) string {
	t.Helper()
	result, err := f.Invoke(t.Context(), event)
	if err != nil {
		t.Fatal(err)
	}
	return string(result.Body)
}

func TestOAuth2(t *testing.T) {
	t.Run("in the header", func(t *testing.T) {
		i := startIssuer(t)
		i.scope, i.aud = "orders:read orders:write", "https://functions.example"
		p := i.client(i.function(t))
		p.OAuth2.Scopes, p.OAuth2.Audience = []string{"orders:read", "orders:write"}, i.aud
		f := openIn(t, new(egress.Guard), p)
		if asked := i.asked.Load(); asked != 0 {
			t.Errorf("opening asked for %d tokens", asked)
		}
		for range 3 {
			if got := answerOf(t, f); got != "access-t0ken-1" {
				t.Errorf("called with %s", got)
			}
		}
	})
	t.Run("in the body", func(t *testing.T) {
		i := startIssuer(t)
		i.inBody = true
		p := i.client(i.function(t))
		p.OAuth2.AuthStyle = "body"
		if got := answerOf(t, openIn(t, new(egress.Guard), p)); got != "access-t0ken-1" {
			t.Errorf("called with %s", got)
		}
	})
	t.Run("all calls wait for one token", func(t *testing.T) {
		i := startIssuer(t)
		f := openIn(t, new(egress.Guard), i.client(i.function(t)))
		var all sync.WaitGroup
		for range 32 {
			all.Go(func() {
				if got := answerOf(t, f); got != "access-t0ken-1" {
					t.Errorf("called with %s", got)
				}
			})
		}
		all.Wait()
	})
	t.Run("functions of equal settings share it", func(t *testing.T) {
		i := startIssuer(t)
		guard, url := new(egress.Guard), i.function(t)
		first := openIn(t, guard, i.client(url))
		answerOf(t, first)
		if got := answerOf(t, openIn(t, guard, i.client(url+"/other"))); got != "access-t0ken-1" {
			t.Errorf("called with %s", got)
		}
		other := i.client(url)
		other.OAuth2.Scopes = []string{"more"}
		i.scope = "more"
		if got := answerOf(t, openIn(t, guard, other)); got != "access-t0ken-2" {
			t.Errorf("called with %s for other scopes", got)
		}
	})
	t.Run("expired", func(t *testing.T) {
		i := startIssuer(t)
		i.expiresIn.Store(1)
		f := openIn(t, new(egress.Guard), i.client(i.function(t)))
		answerOf(t, f)
		for deadline := time.Now().Add(20 * time.Second); answerOf(t, f) == "access-t0ken-1"; {
			if time.Now().After(deadline) {
				t.Fatal("the token is used although it has expired")
			}
		}
	})
}

// TestOAuth2Refused holds that a token which the function refuses is exchanged for the next call, and only once.
func TestOAuth2Refused(t *testing.T) {
	i := startIssuer(t)
	f := openIn(t, new(egress.Guard), i.client(i.function(t)))
	answerOf(t, f)
	i.revoke()
	_, err := f.Invoke(t.Context(), event)
	e := failureOf(t, err, providers.FunctionFailed)
	if e.Permanent || e.Status != http.StatusUnauthorized || !strings.Contains(e.Message, "the next call gets a new one") {
		t.Errorf("got %+v", e)
	}
	if got := answerOf(t, f); got != "access-t0ken-2" {
		t.Errorf("called with %s", got)
	}
	i.revoke()
	for range 3 {
		_, err = f.Invoke(t.Context(), event)
		e = failureOf(t, err, providers.FunctionFailed)
		if !e.Permanent || !strings.Contains(e.Message, "check oauth2.audience") {
			t.Errorf("got %+v", e)
		}
	}
	if asked := i.asked.Load(); asked != 2 {
		t.Errorf("%d tokens for a function that refuses all", asked)
	}
}

// TestOAuth2NoToken holds what is told where there is no token: what to check, and nothing of what the server said.
func TestOAuth2NoToken(t *testing.T) {
	said := func(status int, body string, header ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			for n := 0; n < len(header); n += 2 {
				w.Header().Set(header[n], header[n+1])
			}
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	refused := func(code string) http.HandlerFunc {
		return said(400, `{"error":"`+code+`","error_description":"no `+testSecret+`"}`)
	}
	for name, test := range map[string]struct {
		answer  http.HandlerFunc
		failure providers.Failure
		want    string
	}{
		"wrong secret":     {said(401, `{"error":"invalid_client"}`), providers.Unreachable, "check oauth2.clientId, oauth2.clientSecret and oauth2.authStyle"},
		"wrong scope":      {refused("invalid_scope"), providers.Unreachable, "check oauth2.scopes"},
		"wrong audience":   {refused("invalid_target"), providers.Unreachable, "check oauth2.audience"},
		"not allowed":      {refused("unauthorized_client"), providers.Unreachable, "the grant client_credentials"},
		"wrong request":    {refused("invalid_request"), providers.Unreachable, "oauth2.authStyle"},
		"error as success": {said(200, `{"error":"invalid_client"}`), providers.Unreachable, "check oauth2.clientId"},
		"unknown code":     {refused("s3cret"), providers.Unreachable, "status 400; check oauth2.tokenUrl"},
		"forbidden":        {said(403, "s3cret"), providers.Unreachable, "check oauth2.clientId"},
		"nothing there":    {said(404, "s3cret"), providers.Unreachable, "check oauth2.tokenUrl"},
		"redirect":         {said(302, "", "Location", "/elsewhere"), providers.Unreachable, "status 302"},
		"failing":          {said(500, "s3cret"), providers.Unreachable, "status 500"},
		"throttled":        {said(429, "", "Retry-After", "7"), providers.Throttled, "status 429"},
		"no JSON":          {said(200, "<html>s3cret"), providers.Unreachable, "is no token; check oauth2.tokenUrl"},
		"no token":         {said(200, "{}"), providers.Unreachable, "is no token"},
		"other kind":       {said(200, `{"access_token":"s3cret","token_type":"mac"}`), providers.Unreachable, "no bearer token"},
		"unfit token":      {said(200, `{"access_token":"s3cret\r\nX: y","token_type":"bearer"}`), providers.Unreachable, "no bearer token"},
		"broken off":       {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, providers.Unreachable, "closed the connection"},
	} {
		t.Run(name, func(t *testing.T) {
			i := startIssuer(t)
			i.answer.Store(&test.answer)
			called := false
			server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called = true }))
			defer server.Close()
			_, err := openIn(t, new(egress.Guard), i.client(server.URL)).Invoke(t.Context(), event)
			e := failureOf(t, err, test.failure)
			if !strings.Contains(e.Message, test.want) || !strings.HasPrefix(e.Message, "no access token for the function: ") ||
				strings.Contains(e.Message, "s3cret") || strings.Contains(fmt.Sprint(e.Err), "s3cret") {
				t.Errorf("got %q, want %q in it", e.Message, test.want)
			}
			if called || e.BrokenOff || test.failure == providers.Throttled && e.RetryAfter != 7*time.Second {
				t.Errorf("called: %t, %+v", called, e)
			}
		})
	}
}

// TestOAuth2Egress holds that the token endpoint is under the egress rules.
func TestOAuth2Egress(t *testing.T) {
	p := &Provider{URL: "http://a.example", OAuth2: &OAuth2{TokenURL: "http://169.254.169.254/token", ClientID: "c", ClientSecret: "s"}}
	_, err := openIn(t, new(egress.Guard), p).Invoke(t.Context(), event)
	if e := failureOf(t, err, providers.Unreachable); !strings.Contains(e.Message, "cloud's metadata service") {
		t.Errorf("got %q", e.Message)
	}
}

// TestOAuth2Late holds that a call which cannot wait for its token ends in time.
func TestOAuth2Late(t *testing.T) {
	i := startIssuer(t)
	release := make(chan struct{})
	defer close(release)
	hang := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release })
	i.answer.Store(&hang)
	f := openIn(t, new(egress.Guard), i.client("http://a.example"))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := f.Invoke(ctx, event)
	failureOf(t, err, providers.TimedOut)
}
