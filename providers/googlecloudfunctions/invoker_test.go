package googlecloudfunctions

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/googleaccount/googletest"
)

func open(t *testing.T, p *Provider, env providers.Env) *invoker {
	t.Helper()
	if err := p.Validate(); err != nil {
		t.Fatal(err)
	}
	env.Logger, env.MaxResponse = slog.New(slog.DiscardHandler), 1<<20
	f, err := p.Open(env)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.(*invoker).Close() })
	return f.(*invoker)
}

var event = &providers.Call{
	Payload: []byte(`{"event":"x"}`), ContentType: "application/json",
	Header: http.Header{"Ce-Id": {"1"}, "Authorization": {"Bearer of-the-event"}},
}

func TestCall(t *testing.T) {
	google := googletest.Start(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if err := google.CheckIdentity(r, "http://"+r.Host); err != nil {
			t.Error(err)
		}
		if r.Method != http.MethodPost || r.RequestURI != "/hello/x?y=1" || r.Header.Get("Ce-Id") != "1" || len(r.Header["Authorization"]) != 1 ||
			r.Header.Get("Content-Type") != "application/json" || string(body) != `{"event":"x"}` {
			t.Errorf("got %s %s %v %s", r.Method, r.RequestURI, r.Header, body)
		}
		_, _ = io.WriteString(w, "done")
	}))
	defer server.Close()
	f := open(t, &Provider{URL: server.URL + "/hello/x?y=1", Credentials: google.ServiceAccount()}, providers.Env{})
	for range 3 {
		result, err := f.Invoke(t.Context(), event)
		if err != nil || string(result.Body) != "done" {
			t.Fatalf("got %v, error %v", result, err)
		}
	}
	if asked := google.Asked("/token"); asked != 1 {
		t.Errorf("%d tokens were asked for", asked)
	}
}

func TestRefusedCall(t *testing.T) {
	google := googletest.Start(t)
	status := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, r.Header.Get("Authorization"))
	}))
	defer server.Close()
	f := open(t, &Provider{URL: server.URL, Credentials: google.ServiceAccount()}, providers.Env{})
	for _, test := range []struct {
		status    int
		failure   providers.Failure
		permanent bool
		message   string
	}{
		{401, providers.Unreachable, false, "check provider.audience"},
		{403, providers.Unreachable, false, "roles/run.invoker on the service (roles/cloudfunctions.invoker on a function of the first generation)"},
		{404, providers.FunctionFailed, true, "status 404"},
		{429, providers.Throttled, false, "status 429"},
		{500, providers.FunctionFailed, false, "status 500"},
		{302, providers.FunctionFailed, true, "set provider.url to the final address"},
	} {
		status = test.status
		_, err := f.Invoke(t.Context(), event)
		var e *providers.Error
		if !errors.As(err, &e) || e.Failure != test.failure || e.Permanent != test.permanent || e.Status != test.status ||
			!strings.Contains(e.Message, test.message) {
			t.Errorf("status %d: got %+v", test.status, err)
		}
	}
}

// The server's own tokens go to whom they are for, and elsewhere only if its configuration says so.
func TestServersOwnIdentity(t *testing.T) {
	google := googletest.Start(t)
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", "")
	t.Setenv("HOME", t.TempDir())
	t.Setenv("APPDATA", t.TempDir())
	t.Setenv("GCE_METADATA_HOST", google.Host)
	const target = "https://127.0.0.1:8443"
	const other = "https://internal-abc-uc.a.run.app"
	allowed := func(resource, host string) bool { return resource == other && host == "127.0.0.1" }
	call := func(p *Provider, env providers.Env) error {
		f := open(t, p, env)
		header := http.Header{}
		if err := f.authorize(t.Context(), header, event); err != nil {
			return err
		}
		return google.CheckIdentity(&http.Request{Header: header}, p.Audience)
	}
	if err := call(&Provider{URL: target + "/x", Audience: target}, providers.Env{}); err != nil {
		t.Errorf("for itself: %v", err)
	}
	err := call(&Provider{URL: target, Audience: other}, providers.Env{})
	if providers.FailureOf(err) != providers.Unreachable || !strings.Contains(err.Error(), "server_identity") {
		t.Errorf("for another: got error %v", err)
	}
	if err := call(&Provider{URL: target, Audience: other}, providers.Env{ServerIdentity: allowed}); err != nil {
		t.Errorf("for another, allowed: %v", err)
	}
	if err := call(&Provider{URL: "http://127.0.0.1:8080", Audience: other}, providers.Env{ServerIdentity: allowed}); err == nil {
		t.Error("for another, allowed, over http: accepted")
	}
	if err := call(&Provider{URL: target, Audience: other, Credentials: google.ServiceAccount()}, providers.Env{}); err != nil {
		t.Errorf("the function's own, for another: %v", err)
	}
}
