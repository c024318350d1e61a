package googleaccount_test

import (
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/egress"
	"github.com/eventgateway/eventgateway/providers/googleaccount"
	"github.com/eventgateway/eventgateway/providers/googleaccount/googletest"
)

const audience = "https://hello-abc-uc.a.run.app"

var (
	identity = googleaccount.Want{Audience: audience}
	access   = googleaccount.Want{Scope: googletest.Scope}
)

// ownNothing takes away what the machine that runs the test may have.
func ownNothing(t *testing.T) {
	t.Helper()
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", "")
	t.Setenv("HOME", t.TempDir())
	t.Setenv("APPDATA", t.TempDir())
}

// request returns a request with the token of credentials, the server's own where they are empty.
func request(t *testing.T, credentials string, want googleaccount.Want, guard *egress.Guard) (*http.Request, error) {
	t.Helper()
	source, err := googleaccount.Open(providers.Env{Logger: slog.New(slog.DiscardHandler), Egress: guard}, credentials, want)
	if err != nil {
		t.Fatal(err)
	}
	defer source.Release()
	value, err := source.Authorization(t.Context())
	return &http.Request{Header: http.Header{"Authorization": value}}, err
}

func TestTokens(t *testing.T) {
	google := googletest.Start(t)
	ownNothing(t)
	account, federated, impersonating := google.ServiceAccount(), google.Federation(false), google.Federation(true)
	// What the server's own may be, and a function's not.
	subject := filepath.Join(t.TempDir(), "subject")
	if err := os.WriteFile(subject, []byte("subject-token-of-another-cloud"), 0o600); err != nil {
		t.Fatal(err)
	}
	fromFile := with(t, impersonating, "credential_source", map[string]any{"file": subject})
	impersonated := `{"type":"impersonated_service_account","source_credentials":` + federated +
		`,"service_account_impersonation_url":"` + google.URL + "/v1/projects/-/serviceAccounts/" + googletest.Email + `:generateAccessToken"}`
	for name, test := range map[string]struct {
		credentials string
		server      string // a file's content, "metadata" for the machine's
		want        googleaccount.Want
	}{
		"service account, identity":                     {account, "", identity},
		"service account, access":                       {account, "", access},
		"federation, identity":                          {impersonating, "", identity},
		"federation, access, impersonating":             {impersonating, "", access},
		"federation, access":                            {federated, "", access},
		"server's service account, identity":            {"", account, identity},
		"server's service account, access":              {"", account, access},
		"server's federation, identity":                 {"", impersonating, identity},
		"server's federation from a file, identity":     {"", fromFile, identity},
		"server's federation from a file, access":       {"", fromFile, access},
		"server's impersonated service account":         {"", impersonated, identity},
		"server's impersonated service account, access": {"", impersonated, access},
		"server's machine, identity":                    {"", "metadata", identity},
		"server's machine, access":                      {"", "metadata", access},
	} {
		t.Run(name, func(t *testing.T) {
			switch test.server {
			case "":
			case "metadata":
				t.Setenv("GCE_METADATA_HOST", google.Host)
			default:
				file := filepath.Join(t.TempDir(), "adc.json")
				if err := os.WriteFile(file, []byte(test.server), 0o600); err != nil {
					t.Fatal(err)
				}
				t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", file)
			}
			r, err := request(t, test.credentials, test.want, nil)
			if err != nil {
				t.Fatal(err)
			}
			check := google.CheckAccess(r)
			if test.want == identity {
				check = google.CheckIdentity(r, audience)
			}
			if check != nil {
				t.Error(check)
			}
		})
	}
}

// Functions that need the same token share it.
func TestTokensAreShared(t *testing.T) {
	google := googletest.Start(t)
	env := providers.Env{Logger: slog.New(slog.DiscardHandler)}
	var first []string
	for i := range 3 {
		source, err := googleaccount.Open(env, google.ServiceAccount(), identity)
		if err != nil {
			t.Fatal(err)
		}
		defer source.Release()
		value, err := source.Authorization(t.Context())
		if err != nil || i > 0 && value[0] != first[0] {
			t.Errorf("got %q after %q, error %v", value, first, err)
		}
		first = value
	}
	other, err := googleaccount.Open(env, google.ServiceAccount(), googleaccount.Want{Audience: "https://another"})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Release()
	if value, err := other.Authorization(t.Context()); err != nil || value[0] == first[0] {
		t.Errorf("got %q for another audience, error %v", value, err)
	}
	if asked := google.Asked("/token"); asked != 2 {
		t.Errorf("%d tokens were asked for, want 2", asked)
	}
}

func TestFailures(t *testing.T) {
	google := googletest.Start(t)
	ownNothing(t)
	const echoed = "text-of-the-other-side"
	answers := func(path string, status int, body string) googletest.Fault {
		return func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path != path {
				return false
			}
			w.Header().Set("Retry-After", "7")
			w.Header().Set("Location", google.URL+"/elsewhere")
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
			return true
		}
	}
	impersonation := "/v1/projects/-/serviceAccounts/" + googletest.Email + ":generateIdToken"
	for name, test := range map[string]struct {
		credentials string
		fault       googletest.Fault
		failure     providers.Failure
		message     string
		wait        time.Duration
	}{
		"key refused": {google.ServiceAccount(), answers("/token", 400, `{"error":"invalid_grant","error_description":"`+echoed+`"}`), providers.Unreachable, "Google refuses the service account's key", 0},
		"throttled":   {google.ServiceAccount(), answers("/token", 429, echoed), providers.Throttled, "throttles the gateway's requests for tokens", 7 * time.Second},
		"down":        {google.ServiceAccount(), answers("/token", 503, echoed), providers.Unreachable, "it answered with status 503", 0},
		"redirect":    {google.ServiceAccount(), answers("/token", 307, echoed), providers.Unreachable, "answered with status 307", 0},
		"no token":    {google.ServiceAccount(), answers("/token", 200, `{"error":"`+echoed+`"}`), providers.Unreachable, "its answer holds none", 0},
		"nonsense":    {google.ServiceAccount(), answers("/token", 200, echoed), providers.Unreachable, "its answer holds none", 0},
		"broken off": {google.ServiceAccount(), func(http.ResponseWriter, *http.Request) bool {
			panic(http.ErrAbortHandler)
		}, providers.Unreachable, "closed the connection", 0},
		"no subject token":            {google.Federation(true), answers("/subject", 404, echoed), providers.Unreachable, "the URL in credential_source of provider.credentials gives no subject token", 0},
		"exchange refused":            {google.Federation(true), answers("/v1/token", 400, echoed), providers.Unreachable, "security token service refuses the workload's token", 0},
		"may not impersonate":         {google.Federation(true), answers(impersonation, 403, `{"error":{"message":"`+echoed+`"}}`), providers.Unreachable, "roles/iam.workloadIdentityUser", 0},
		"impersonation gives nothing": {google.Federation(true), answers(impersonation, 200, `{}`), providers.Unreachable, "holds none", 0},
		"impersonation throttled":     {google.Federation(true), answers(impersonation, 429, `{}`), providers.Throttled, "throttles", 7 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			google.Break(test.fault)
			_, err := request(t, test.credentials, identity, nil)
			var e *providers.Error
			if !errors.As(err, &e) || e.Failure != test.failure || !strings.Contains(e.Message, test.message) || e.RetryAfter != test.wait ||
				e.Permanent || e.BrokenOff || e.Status != 0 {
				t.Fatalf("got %+v, want %s: %q", err, test.failure, test.message)
			}
			for err := error(e); err != nil; err = errors.Unwrap(err) {
				if strings.Contains(err.Error(), echoed) {
					t.Errorf("it shows what the other side said: %v", err)
				}
			}
		})
	}
}

func TestServerHasNone(t *testing.T) {
	ownNothing(t)
	google := googletest.Start(t)
	unreachable := func(t *testing.T, want googleaccount.Want, message string) {
		t.Helper()
		_, err := request(t, "", want, nil)
		if providers.FailureOf(err) != providers.Unreachable || !strings.Contains(err.Error(), message) {
			t.Errorf("got error %v, want %q", err, message)
		}
	}
	t.Run("no file", func(t *testing.T) {
		t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", filepath.Join(t.TempDir(), "none"))
		unreachable(t, identity, "the file that GOOGLE_APPLICATION_CREDENTIALS names for the server cannot be read")
	})
	t.Run("a user's file", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "adc.json")
		if err := os.WriteFile(file, []byte(`{"type":"authorized_user","client_id":"a","client_secret":"b","refresh_token":"c"}`), 0o600); err != nil {
			t.Fatal(err)
		}
		t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", file)
		unreachable(t, identity, "are no service account's")
	})
	t.Run("no JSON", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "adc.json")
		if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", file)
		unreachable(t, access, "their file is not whole")
	})
	t.Run("a machine without an account", func(t *testing.T) {
		google.Break(func(w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(http.StatusNotFound)
			return true
		})
		t.Setenv("GCE_METADATA_HOST", google.Host)
		unreachable(t, identity, "the machine needs a service account")
	})
	t.Run("a machine whose service is down", func(t *testing.T) {
		gone := httptest.NewServer(http.NotFoundHandler())
		gone.Close()
		t.Setenv("GCE_METADATA_HOST", gone.Listener.Addr().String())
		unreachable(t, access, "gives no token at the moment")
	})
}

// What a function's credentials ask for goes through the guard, the server's own do not.
func TestEgress(t *testing.T) {
	google := googletest.Start(t)
	ownNothing(t)
	guard := egress.New(egress.Policy{OnlyAllowed: true})
	for name, credentials := range map[string]string{"service account": google.ServiceAccount(), "federation": google.Federation(true)} {
		_, err := request(t, credentials, identity, guard)
		var refused *egress.Refused
		if !errors.As(err, &refused) || providers.FailureOf(err) != providers.Unreachable {
			t.Errorf("%s: got error %v", name, err)
		}
	}
	metadata := with(t, google.Federation(true), "credential_source.url", "http://169.254.169.254/token")
	_, err := request(t, metadata, identity, nil)
	if refused := new(egress.Refused); !errors.As(err, &refused) {
		t.Errorf("metadata service: got error %v", err)
	}
	for _, path := range []string{"/token", "/subject", "/v1/token"} {
		if asked := google.Asked(path); asked != 0 {
			t.Errorf("%s was asked %d times", path, asked)
		}
	}
	t.Setenv("GCE_METADATA_HOST", google.Host)
	if _, err := request(t, "", identity, guard); err != nil {
		t.Errorf("the server's own: %v", err)
	}
}
