package azureaccount

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway/providers"
)

// entraError is an answer as Entra ID writes them, with its texts in all places that have one.
func entraError(word string, code int) string {
	return fmt.Sprintf(`{"error":%q,"error_description":"AADSTS%d: d3tail about s3cret","error_codes":[%d],"timestamp":"2026-01-09 02:02:12Z",`+
		`"trace_id":"d3tail","correlation_id":"d3tail","error_uri":"https://d3tail/"}`, word, code, code)
}

func TestEntraFailures(t *testing.T) {
	secret := Account{TenantID: "contoso.com", ClientID: id, ClientSecret: "s3cret"}
	for name, test := range map[string]struct {
		status  int
		body    string
		failure providers.Failure
		message string
	}{
		"no directory":      {400, entraError("invalid_request", 90002), providers.Unreachable, "check provider.tenantId (AADSTS90002)"},
		"no application":    {400, entraError("unauthorized_client", 700016), providers.Unreachable, "check provider.clientId and provider.tenantId"},
		"wrong secret":      {401, entraError("invalid_client", 7000215), providers.Unreachable, "the value of a secret, not its ID (AADSTS7000215)"},
		"old secret":        {401, entraError("invalid_client", 7000222), providers.Unreachable, "provider.clientSecret has expired"},
		"no resource":       {400, entraError("invalid_resource", 500011), providers.Unreachable, "there is no such resource in the directory"},
		"not assigned":      {400, entraError("invalid_grant", 501051), providers.Unreachable, "assign one of its roles"},
		"a number to come":  {400, entraError("invalid_client", 7999999), providers.Unreachable, "does not accept provider.clientId with provider.clientSecret (AADSTS7999999)"},
		"a word to come":    {400, entraError("d3tail", 1), providers.Unreachable, "Entra ID gives no token: status 400 (AADSTS1)"},
		"no JSON":           {400, `<d3tail s3cret>`, providers.Unreachable, "Entra ID gives no token: status 400"},
		"itself":            {500, `d3tail`, providers.Unreachable, "Entra ID gives no token: status 500"},
		"throttled":         {429, `d3tail`, providers.Throttled, "Entra ID throttles"},
		"later":             {503, `d3tail`, providers.Throttled, "Entra ID throttles"},
		"a redirect":        {307, `d3tail`, providers.Unreachable, "Entra ID gives no token: status 307"},
		"an error as a 200": {200, entraError("invalid_client", 7000215), providers.Unreachable, "the value of a secret"},
		"no token":          {200, `{"token_type":"Bearer","d3tail":"s3cret"}`, providers.Unreachable, "there is no token to call with"},
		"nonsense":          {200, `d3tail`, providers.Unreachable, "there is no token to call with"},
	} {
		t.Run(name, func(t *testing.T) {
			header := http.Header{"Retry-After": {"7"}, "Location": {"https://s3cret.example/"}}
			server, _ := service(t, test.status, header, test.body)
			a := secret
			a.Authority = server.URL
			_, err := fetch(t, a, "api://hello")
			e := wantFailure(t, err, test.failure, test.message)
			if test.failure == providers.Throttled && e.RetryAfter != 7*time.Second {
				t.Errorf("to come back after %s, want 7s", e.RetryAfter)
			}
		})
	}
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	a := secret
	a.Authority = gone.URL
	_, err := fetch(t, a, "api://hello")
	wantFailure(t, err, providers.Unreachable, "there is no token to call with: cannot reach 127.0.0.1")
	hangsUp := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	defer hangsUp.Close()
	a.Authority = hangsUp.URL
	_, err = fetch(t, a, "api://hello")
	if e := wantFailure(t, err, providers.Unreachable, "closed the connection"); e.BrokenOff {
		t.Error("a function that was not called may have done its work")
	}
}

func TestWorkloadFailure(t *testing.T) {
	s := settings{account: Account{WorkloadIdentity: true}}
	if advice := s.advice(0, "invalid_client"); advice != s.advice(70021, "invalid_request") {
		t.Errorf("got %q", advice)
	}
}

func TestMachineFailures(t *testing.T) {
	for name, test := range map[string]struct {
		account Account
		status  int
		body    string
		failure providers.Failure
		message string
	}{
		"no identity":         {Account{ManagedIdentity: true}, 400, `d3tail`, providers.Unreachable, "a system-assigned managed identity"},
		"not that identity":   {Account{ManagedIdentity: true, ClientID: id}, 400, `d3tail`, providers.Unreachable, "assign the managed identity of provider.clientId"},
		"wrong header":        {Account{ManagedIdentity: true}, 401, `d3tail`, providers.Unreachable, "refuses the gateway"},
		"being updated":       {Account{ManagedIdentity: true}, 410, `d3tail`, providers.Unreachable, "gives no token now: status 410"},
		"throttled":           {Account{ManagedIdentity: true}, 429, `d3tail`, providers.Throttled, "Azure throttles"},
		"itself":              {Account{ManagedIdentity: true}, 500, `d3tail`, providers.Unreachable, "status 500"},
		"no token":            {Account{ManagedIdentity: true}, 200, `{"d3tail":"s3cret"}`, providers.Unreachable, "answered with no token"},
		"a token of no kind":  {Account{ManagedIdentity: true}, 200, `{"access_token":["d3tail"]}`, providers.Unreachable, "answered with no token"},
		"a redirect":          {Account{ManagedIdentity: true}, 302, `d3tail`, providers.Unreachable, "status 302"},
		"an answer too large": {Account{ManagedIdentity: true}, 200, `"` + string(make([]byte, maxTokenAnswer)) + `"`, providers.Unreachable, "the answer is larger"},
	} {
		t.Run(name, func(t *testing.T) {
			server, _ := service(t, test.status, http.Header{"Retry-After": {"7"}, "Location": {"https://s3cret.example/"}}, test.body)
			t.Setenv("IDENTITY_ENDPOINT", server.URL)
			t.Setenv("IDENTITY_HEADER", "s3cret")
			_, err := fetch(t, test.account, "api://hello")
			wantFailure(t, err, test.failure, test.message)
		})
	}
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	t.Setenv("IDENTITY_ENDPOINT", gone.URL)
	t.Setenv("IDENTITY_HEADER", "s3cret")
	_, err := fetch(t, Account{ManagedIdentity: true}, "api://hello")
	wantFailure(t, err, providers.Unreachable, "wants a gateway that runs on Azure")
}

func TestExpiry(t *testing.T) {
	in2h := time.Now().Add(2 * time.Hour).Unix()
	for name, test := range map[string]struct {
		fields string
		life   time.Duration
	}{
		"on, as a text":   {fmt.Sprintf(`"expires_on":"%d","expires_in":"5"`, in2h), 2 * time.Hour},
		"on, as a number": {fmt.Sprintf(`"expires_on":%d`, in2h), 2 * time.Hour},
		"in":              {`"expires_on":"01/02/2026 03:04:05","expires_in":3600`, time.Hour},
		"not said":        {`"expires_in":""`, unsaid},
	} {
		t.Run(name, func(t *testing.T) {
			server, _ := service(t, 200, nil, `{"access_token":"x",`+test.fields+`}`)
			t.Setenv("IDENTITY_ENDPOINT", server.URL)
			t.Setenv("IDENTITY_HEADER", "h")
			tok, err := fetch(t, Account{ManagedIdentity: true}, "api://hello")
			wantToken(t, tok, err, "x", test.life)
		})
	}
}
