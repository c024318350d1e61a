package azureaccount

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/internal/tokens"
)

// seen is one request to a token service.
type seen struct {
	Method, Host, Path, ContentType, Metadata, IdentityHeader string
	Query, Form                                               url.Values
}

// service is a token service that answers as told, and keeps the last request.
func service(t *testing.T, status int, header http.Header, body string) (*httptest.Server, *seen) {
	t.Helper()
	got := new(seen)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		content, _ := io.ReadAll(r.Body)
		form, err := url.ParseQuery(string(content))
		if err != nil || form.Encode() != string(content) && r.Method == http.MethodPost {
			t.Errorf("the body %q is no form in canonical order: %v", content, err)
		}
		*got = seen{
			Method: r.Method, Host: r.Host, Path: r.URL.EscapedPath(), ContentType: r.Header.Get("Content-Type"),
			Metadata: r.Header.Get("Metadata"), IdentityHeader: r.Header.Get("X-IDENTITY-HEADER"), Query: r.URL.Query(), Form: form,
		}
		for name, values := range header {
			w.Header()[name] = values
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(server.Close)
	return server, got
}

func query(t *testing.T, text string) url.Values {
	t.Helper()
	values, err := url.ParseQuery(text)
	if err != nil {
		t.Fatal(err)
	}
	return values
}

func fetch(t *testing.T, a Account, resource string) (tokens.Token, error) {
	t.Helper()
	if err := a.Validate(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	return settings{account: a, resource: resource}.source()(ctx)
}

func wantToken(t *testing.T, got tokens.Token, err error, text string, life time.Duration) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	left := time.Until(got.Expires)
	if got.Text != text || left > life || left < life-2*time.Minute {
		t.Errorf("got token %q for %s, want %q for about %s", got.Text, left, text, life)
	}
}

// The request is that of Microsoft's page on the client credentials flow, "Access token request with a shared secret".
func TestSecretRequest(t *testing.T) {
	server, got := service(t, 200, nil, `{"token_type":"Bearer","expires_in":3599,"access_token":"eyJ0eXAiOiJKV1Qi"}`)
	tok, err := fetch(t, Account{
		TenantID: "contoso.onmicrosoft.com", ClientID: "535fb089-9ff3-47b6-9bfb-4f1264799865", ClientSecret: "sampleCredentia1s",
		Authority: server.URL + "/",
	}, "https://graph.microsoft.com")
	wantToken(t, tok, err, "eyJ0eXAiOiJKV1Qi", time.Hour)
	want := seen{
		Method: "POST", Host: strings.TrimPrefix(server.URL, "http://"), Path: "/contoso.onmicrosoft.com/oauth2/v2.0/token",
		ContentType: "application/x-www-form-urlencoded", Query: url.Values{},
		Form: query(t, "client_id=535fb089-9ff3-47b6-9bfb-4f1264799865&scope=https%3A%2F%2Fgraph.microsoft.com%2F.default"+
			"&client_secret=sampleCredentia1s&grant_type=client_credentials"),
	}
	if !reflect.DeepEqual(*got, want) {
		t.Errorf("got  %+v\nwant %+v", *got, want)
	}
}

// The request is that of the same page, "Access token request with a federated credential".
func TestWorkloadRequest(t *testing.T) {
	server, got := service(t, 200, nil, `{"token_type":"Bearer","expires_in":3599,"access_token":"eyJ0eXAiOiJKV1Qi"}`)
	file := filepath.Join(t.TempDir(), "token")
	t.Setenv("AZURE_FEDERATED_TOKEN_FILE", file)
	t.Setenv("AZURE_TENANT_ID", "contoso.com")
	t.Setenv("AZURE_CLIENT_ID", "11112222-bbbb-3333-cccc-4444dddd5555")
	t.Setenv("AZURE_AUTHORITY_HOST", server.URL+"/")
	form := "scope=https%3A%2F%2Fgraph.microsoft.com%2F.default&client_id=11112222-bbbb-3333-cccc-4444dddd5555" +
		"&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&grant_type=client_credentials&client_assertion="
	for _, assertion := range []string{"eyJhbGciOiJSUzI1NiIsIng1dCI6Imd4OHRHeXN5", "renewed"} {
		if err := os.WriteFile(file, []byte(assertion+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		tok, err := fetch(t, Account{WorkloadIdentity: true}, "https://graph.microsoft.com")
		wantToken(t, tok, err, "eyJ0eXAiOiJKV1Qi", time.Hour)
		if got.Path != "/contoso.com/oauth2/v2.0/token" || !reflect.DeepEqual(got.Form, query(t, form+assertion)) {
			t.Errorf("got %+v", *got)
		}
	}
	if _, err := fetch(t, Account{WorkloadIdentity: true, TenantID: "other.com", ClientID: id}, "api://a"); err != nil {
		t.Fatal(err)
	}
	if got.Path != "/other.com/oauth2/v2.0/token" || got.Form.Get("client_id") != id || got.Form.Get("scope") != "api://a/.default" {
		t.Errorf("the function's own ids: got %+v", *got)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	_, err := fetch(t, Account{WorkloadIdentity: true}, "api://a")
	wantFailure(t, err, providers.Unreachable, "AZURE_FEDERATED_TOKEN_FILE names")
	t.Setenv("AZURE_CLIENT_ID", "")
	_, err = fetch(t, Account{WorkloadIdentity: true}, "api://a")
	wantFailure(t, err, providers.Unreachable, "its environment needs AZURE_FEDERATED_TOKEN_FILE")
}

// The request and the answer are those of Microsoft's page on tokens on a virtual machine, "Get a token using HTTP".
func TestMachineRequest(t *testing.T) {
	server, got := service(t, 200, nil, `{"access_token": "eyJ0eXAi...","refresh_token": "","expires_in": "3599","expires_on": "`+
		strconv.FormatInt(time.Now().Add(time.Hour).Unix(), 10)+`","not_before": "1506480273","resource": "https://management.azure.com/",`+
		`"token_type": "Bearer"}`)
	t.Setenv("IDENTITY_ENDPOINT", "")
	before := machine
	t.Cleanup(func() { machine = before })
	machine = redirect{server.URL}
	tok, err := fetch(t, Account{ManagedIdentity: true}, "https://management.azure.com/")
	wantToken(t, tok, err, "eyJ0eXAi...", time.Hour)
	want := seen{
		Method: "GET", Host: "169.254.169.254", Path: "/metadata/identity/oauth2/token", Metadata: "true",
		Query: query(t, "api-version=2018-02-01&resource=https://management.azure.com/"), Form: url.Values{},
	}
	if !reflect.DeepEqual(*got, want) {
		t.Errorf("got  %+v\nwant %+v", *got, want)
	}
	if _, err = fetch(t, Account{ManagedIdentity: true, ClientID: id}, "api://a"); err != nil || got.Query.Get("client_id") != id {
		t.Errorf("a user-assigned identity: got %+v, error %v", *got, err)
	}
}

// redirect sends requests to a server of the test's, whatever address they are for.
type redirect struct{ to string }

func (r redirect) RoundTrip(req *http.Request) (*http.Response, error) {
	to, err := url.Parse(r.to)
	if err != nil {
		return nil, err
	}
	sent := req.Clone(req.Context())
	sent.Host, sent.URL.Host = req.URL.Host, to.Host
	return http.DefaultTransport.RoundTrip(sent)
}

// The request and the answer are those of Microsoft's page on managed identities of App Service, "REST endpoint reference".
func TestAppServiceRequest(t *testing.T) {
	server, got := service(t, 200, nil, `{"access_token": "eyJ0eXAi…","expires_on": "`+
		strconv.FormatInt(time.Now().Add(24*time.Hour).Unix(), 10)+`","resource": "https://vault.azure.net","token_type": "Bearer",`+
		`"client_id": "00001111-aaaa-2222-bbbb-3333cccc4444"}`)
	t.Setenv("IDENTITY_ENDPOINT", server.URL+"/MSI/token")
	t.Setenv("IDENTITY_HEADER", "853b9a84-5bfa-4b22-a3f3-0b9a43d9ad8a")
	tok, err := fetch(t, Account{ManagedIdentity: true}, "https://vault.azure.net")
	wantToken(t, tok, err, "eyJ0eXAi…", 24*time.Hour)
	want := seen{
		Method: "GET", Host: strings.TrimPrefix(server.URL, "http://"), Path: "/MSI/token",
		IdentityHeader: "853b9a84-5bfa-4b22-a3f3-0b9a43d9ad8a",
		Query:          query(t, "resource=https://vault.azure.net&api-version=2019-08-01"), Form: url.Values{},
	}
	if !reflect.DeepEqual(*got, want) {
		t.Errorf("got  %+v\nwant %+v", *got, want)
	}
	t.Setenv("IDENTITY_ENDPOINT", "http://%zz")
	_, err = fetch(t, Account{ManagedIdentity: true}, "api://a")
	wantFailure(t, err, providers.Unreachable, "IDENTITY_ENDPOINT in its environment is not a URL")
}

// wantFailure checks an error, and that nothing private is in it or in what caused it.
func wantFailure(t *testing.T, err error, failure providers.Failure, message string) *providers.Error {
	t.Helper()
	var e *providers.Error
	if !errors.As(err, &e) || e.Failure != failure || !strings.Contains(e.Message, message) || e.Permanent {
		t.Fatalf("got %v, want failure %s with %q", err, failure, message)
	}
	for err := error(e); err != nil; err = errors.Unwrap(err) {
		for _, private := range []string{"s3cret", "d3tail"} {
			if strings.Contains(err.Error(), private) {
				t.Errorf("%q shows %s", err, private)
			}
		}
	}
	return e
}
