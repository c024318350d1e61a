// Package googletest is Google's token endpoints for tests: OAuth2 for service accounts, the security token service, the IAM
// credentials service, and a machine's metadata service. They check what they are sent as Google documents it, with code of
// their own, and give tokens that can be checked.
package googletest

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"
)

// What stands in the credentials.
const (
	Email        = "gateway@test-project.iam.gserviceaccount.com"
	keyID        = "5f2c-key-id"
	pool         = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/there"
	subjectType  = "urn:ietf:params:oauth:token-type:jwt"
	subjectToken = "subject-token-of-another-cloud"
	federated    = "federated-access-token"
	// Scope is what access tokens are given for, beside that of the whole platform.
	Scope         = "https://www.googleapis.com/auth/pubsub"
	cloudPlatform = "https://www.googleapis.com/auth/cloud-platform"
)

// lifetime is that of all tokens.
const lifetime = time.Hour

// Google is a running set of the endpoints.
type Google struct {
	// URL is where all of them are, and Host the same without the scheme, for GCE_METADATA_HOST.
	URL, Host string

	account, signer *rsa.PrivateKey

	mu    sync.Mutex
	fault Fault
	asked map[string]int
	given int
	// wrong is what was wrong with requests so far.
	wrong []string
}

// Start runs the endpoints for the length of a test, which fails if they are sent what Google would not accept.
func Start(t testing.TB) *Google {
	t.Helper()
	g := &Google{asked: make(map[string]int)}
	for _, key := range []**rsa.PrivateKey{&g.account, &g.signer} {
		made, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		*key = made
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", g.token)
	mux.HandleFunc("GET /subject", g.subject)
	mux.HandleFunc("POST /v1/token", g.exchange)
	mux.HandleFunc("POST /v1/projects/-/serviceAccounts/{call}", g.impersonate)
	mux.HandleFunc("GET /computeMetadata/v1/instance/service-accounts/default/{what}", g.metadata)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.mu.Lock()
		g.asked[r.URL.Path]++
		fault := g.fault
		g.mu.Unlock()
		if fault != nil && fault(w, r) {
			return
		}
		mux.ServeHTTP(w, r)
	}))
	g.URL, g.Host = server.URL, server.Listener.Addr().String()
	t.Cleanup(func() {
		server.Close()
		for _, wrong := range g.wrong {
			t.Error(wrong)
		}
	})
	return g
}

// Fault answers a request in place of the endpoints, if it returns true.
type Fault func(w http.ResponseWriter, r *http.Request) bool

// Break has the endpoints answer with a fault from now on; nil for none.
func (g *Google) Break(fault Fault) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.fault = fault
}

// Asked returns how often an endpoint was asked, such as /token.
func (g *Google) Asked(path string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.asked[path]
}

// ServiceAccount returns the key of a service account, as Google gives it out.
func (g *Google) ServiceAccount() string {
	der, err := x509.MarshalPKCS8PrivateKey(g.account)
	if err != nil {
		panic(err)
	}
	key := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	return text(map[string]any{
		"type": "service_account", "project_id": "test-project", "private_key_id": keyID, "private_key": string(key),
		"client_email": Email, "client_id": "1", "token_uri": g.URL + "/token", "universe_domain": "googleapis.com",
	})
}

// Federation returns a workload identity federation configuration whose subject token comes from a URL. With
// impersonation the workload then acts as the service account Email.
func (g *Google) Federation(impersonation bool) string {
	fields := map[string]any{
		"type": "external_account", "audience": pool, "subject_token_type": subjectType, "token_url": g.URL + "/v1/token",
		"credential_source": map[string]any{
			"url": g.URL + "/subject", "headers": map[string]string{"Metadata": "True"},
			"format": map[string]string{"type": "json", "subject_token_field_name": "access_token"},
		},
	}
	if impersonation {
		fields["service_account_impersonation_url"] = g.URL + "/v1/projects/-/serviceAccounts/" + Email + ":generateAccessToken"
	}
	return text(fields)
}

func text(value any) string {
	b, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// refuse answers as a token endpoint does that does not accept a request, and fails the test.
func (g *Google) refuse(w http.ResponseWriter, format string, args ...any) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.wrong = append(g.wrong, fmt.Sprintf(format, args...))
	w.WriteHeader(http.StatusBadRequest)
	_, _ = fmt.Fprint(w, `{"error":"invalid_grant"}`)
}

// token gives a service account a token for a signed assertion.
func (g *Google) token(w http.ResponseWriter, r *http.Request) {
	if grant := r.PostFormValue("grant_type"); grant != "urn:ietf:params:oauth:grant-type:jwt-bearer" {
		g.refuse(w, "token: grant_type %q", grant)
		return
	}
	assertion, err := verify(r.PostFormValue("assertion"), &g.account.PublicKey)
	now := time.Now().Unix()
	switch {
	case err != nil:
		g.refuse(w, "token: the assertion: %v", err)
	case assertion.Kid != keyID, assertion.Issuer != Email, assertion.Audience != g.URL+"/token",
		assertion.IssuedAt > now+60, assertion.Expires < now-60, assertion.Expires-assertion.IssuedAt > 3700:
		g.refuse(w, "token: the assertion says %+v", assertion)
	case assertion.Target != "" && assertion.Scope == "":
		answer(w, map[string]any{"id_token": g.identity(assertion.Target)})
	case assertion.Scope == Scope || assertion.Scope == cloudPlatform:
		answer(w, map[string]any{
			"access_token": g.access(assertion.Scope), "expires_in": int(lifetime.Seconds()), "token_type": "Bearer",
		})
	default:
		g.refuse(w, "token: asked for scope %q and target_audience %q", assertion.Scope, assertion.Target)
	}
}

// subject is another cloud that says who a workload is.
func (g *Google) subject(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Metadata") != "True" {
		g.refuse(w, "subject: the header Metadata is missing")
		return
	}
	answer(w, map[string]any{"access_token": subjectToken})
}

// exchange is the security token service.
func (g *Google) exchange(w http.ResponseWriter, r *http.Request) {
	want := map[string]string{
		"grant_type": "urn:ietf:params:oauth:grant-type:token-exchange", "audience": pool, "subject_token": subjectToken,
		"subject_token_type": subjectType, "requested_token_type": "urn:ietf:params:oauth:token-type:access_token",
	}
	for name, value := range want {
		if got := r.PostFormValue(name); got != value {
			g.refuse(w, "sts: %s is %q, want %q", name, got, value)
			return
		}
	}
	token := federated
	switch scope := r.PostFormValue("scope"); scope {
	case cloudPlatform:
	case Scope:
		token = g.access(scope)
	default:
		g.refuse(w, "sts: scope %q", scope)
		return
	}
	answer(w, map[string]any{
		"access_token": token, "expires_in": 3600, "token_type": "Bearer",
		"issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
	})
}

// impersonate is the IAM credentials service.
func (g *Google) impersonate(w http.ResponseWriter, r *http.Request) {
	var request struct {
		Audience     string   `json:"audience"`
		IncludeEmail bool     `json:"includeEmail"`
		Scope        []string `json:"scope"`
	}
	err := json.NewDecoder(r.Body).Decode(&request)
	call := r.PathValue("call")
	switch {
	case err != nil, r.Header.Get("Content-Type") != "application/json":
		g.refuse(w, "iam: the request is no JSON: %v", err)
	case r.Header.Get("Authorization") != "Bearer "+federated:
		g.refuse(w, "iam: Authorization is %q", r.Header.Get("Authorization"))
	case call == Email+":generateIdToken" && request.Audience != "" && request.IncludeEmail:
		answer(w, map[string]any{"token": g.identity(request.Audience)})
	case call == Email+":generateAccessToken" && slices.Equal(request.Scope, []string{Scope}):
		answer(w, map[string]any{
			"accessToken": g.access(Scope), "expireTime": time.Now().Add(lifetime).UTC().Format(time.RFC3339),
		})
	default:
		g.refuse(w, "iam: %s with %+v", call, request)
	}
}

// metadata is the metadata service of a machine with a service account.
func (g *Google) metadata(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	switch {
	case r.Header.Get("Metadata-Flavor") != "Google":
		g.refuse(w, "metadata: the header Metadata-Flavor is missing")
	case r.PathValue("what") == "identity" && query.Get("audience") != "":
		_, _ = fmt.Fprint(w, g.identity(query.Get("audience")))
	case r.PathValue("what") == "token" && query.Get("scopes") == Scope:
		answer(w, map[string]any{"access_token": g.access(Scope), "expires_in": int(lifetime.Seconds()), "token_type": "Bearer"})
	default:
		g.refuse(w, "metadata: %s", r.URL)
	}
}

func answer(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value)
}
