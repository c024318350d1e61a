package azureaccount

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
)

const id = "6731de76-14a6-49ae-97bc-6eba6914391e"

func TestValidate(t *testing.T) {
	secret := Account{TenantID: "contoso.onmicrosoft.com", ClientID: id, ClientSecret: "s3cret"}
	with := func(change func(*Account)) Account {
		a := secret
		change(&a)
		return a
	}
	for name, test := range map[string]struct {
		account Account
		want    string
	}{
		"none":                   {Account{}, ""},
		"secret":                 {secret, ""},
		"secret, authority":      {with(func(a *Account) { a.Authority = "https://login.microsoftonline.us/" }), ""},
		"managed":                {Account{ManagedIdentity: true}, ""},
		"managed, user-assigned": {Account{ManagedIdentity: true, ClientID: id}, ""},
		"workload":               {Account{WorkloadIdentity: true}, ""},
		"workload, ids":          {Account{WorkloadIdentity: true, TenantID: id, ClientID: id}, ""},

		"no tenant":            {with(func(a *Account) { a.TenantID = "" }), "tenantId: missing: want it and clientId"},
		"no client":            {with(func(a *Account) { a.ClientID = "" }), "clientId: missing: want it and tenantId"},
		"no secret":            {with(func(a *Account) { a.ClientSecret = "" }), "clientSecret: missing: want it beside"},
		"authority alone":      {Account{Authority: "https://a"}, "clientSecret: missing"},
		"both of the server's": {Account{ManagedIdentity: true, WorkloadIdentity: true}, "workloadIdentity: not accepted"},
		"managed, secret":      {with(func(a *Account) { a.ManagedIdentity, a.TenantID = true, "" }), "clientSecret: not accepted"},
		"managed, tenant":      {Account{ManagedIdentity: true, TenantID: id}, "tenantId: not accepted"},
		"managed, authority":   {Account{ManagedIdentity: true, Authority: "https://a"}, "authority: not accepted"},
		"workload, authority":  {Account{WorkloadIdentity: true, Authority: "https://a"}, "authority: not accepted"},
		"tenant with a path":   {with(func(a *Account) { a.TenantID = "a/b" }), `tenantId: "a/b" is not accepted`},
		"tenant of dots":       {with(func(a *Account) { a.TenantID = ".." }), `tenantId: ".." is not accepted`},
		"client with a space":  {with(func(a *Account) { a.ClientID = "a b" }), `clientId: "a b" is not accepted`},
		"secret with a line":   {with(func(a *Account) { a.ClientSecret = "s3cret\n" }), "clientSecret: not accepted"},
		"authority with path":  {with(func(a *Account) { a.Authority = "https://a/b" }), `authority: "https://a/b" is not accepted`},
		"authority, password":  {with(func(a *Account) { a.Authority = "https://u:s3cret@a" }), "authority: not accepted"},
		"authority, no scheme": {with(func(a *Account) { a.Authority = "login.microsoftonline.com" }), "authority: "},
	} {
		t.Run(name, func(t *testing.T) {
			err := test.account.Validate()
			switch {
			case test.want == "":
				if err != nil {
					t.Errorf("refused: %v", err)
				}
			case eventgateway.KindOf(err) != eventgateway.Invalid || !strings.HasPrefix(err.Error(), test.want):
				t.Errorf("got error %v, want %q", err, test.want)
			case strings.Contains(err.Error(), "s3cret"):
				t.Errorf("the error shows a credential: %v", err)
			}
		})
	}
	for resource, ok := range map[string]bool{
		"": true, "api://hello": true, id: true, "https://eventgrid.azure.net/": true,
		"api://hello/.default": false, "a b": false, strings.Repeat("a", 1025): false,
	} {
		if err := ValidateResource("resource", resource); (err == nil) != ok {
			t.Errorf("resource %.40q: got error %v", resource, err)
		}
	}
}

func TestCaddyfileErrors(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"two urls":        {"fn https://a https://b", "wrong argument count"},
		"nothing":         {"fn", "provider fn needs url"},
		"twice":           {"fn https://a {\n\turl https://b\n}", "url is given twice, at Testfile:2"},
		"flag twice":      {"fn https://a {\n\tmanaged_identity\n\tmanaged_identity\n}", "managed_identity is given twice, at Testfile:3"},
		"flag with value": {"fn https://a {\n\tmanaged_identity true\n}", "wrong argument count"},
		"no value":        {"fn https://a {\n\tclient_id\n}", "wrong argument count"},
		"unknown": {
			"fn https://a {\n\ttenant x\n}", `unknown option "tenant" of provider fn: want url, tenant_id, client_id, client_secret, ` +
				"managed_identity, workload_identity or authority, at Testfile:2",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var a Account
			var url string
			err := a.ReadCaddyfile(caddyfile.NewTestDispenser(test.text), "url", &url)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got error %v, want %q in it", err, test.want)
			}
		})
	}
	var a Account
	var url string
	err := a.ReadCaddyfile(caddyfile.NewTestDispenser("fn {\n\turl https://a\n\tmanaged_identity\n\tclient_id x\n}"), "url", &url)
	if want := (Account{ManagedIdentity: true, ClientID: "x"}); err != nil || a != want || url != "https://a" {
		t.Errorf("got %+v for %s, error %v", a, url, err)
	}
}

// A token of the server's own identity goes nowhere unless the server's configuration says so.
func TestServerIdentityStaysHere(t *testing.T) {
	asked := ""
	allowing := func(resource, host string) bool {
		asked = resource + " " + host
		return true
	}
	for name, test := range map[string]struct {
		account  Account
		url      string
		allow    func(resource, host string) bool
		hosts    []string
		shown    bool
		question string
	}{
		"nobody allows":         {Account{ManagedIdentity: true}, "https://app.example/", nil, nil, false, ""},
		"refused":               {Account{WorkloadIdentity: true}, "https://app.example/", func(string, string) bool { return false }, nil, false, ""},
		"allowed":               {Account{ManagedIdentity: true}, "https://App.Example:8443/", allowing, nil, true, "api://hello app.example"},
		"allowed, no TLS":       {Account{ManagedIdentity: true}, "http://app.example/", allowing, nil, false, ""},
		"Azure's own":           {Account{ManagedIdentity: true}, "https://t.grid.example/", nil, []string{"grid.example"}, true, ""},
		"only ends like it":     {Account{ManagedIdentity: true}, "https://evilgrid.example/", nil, []string{"grid.example"}, false, ""},
		"the function's secret": {Account{TenantID: id, ClientID: id, ClientSecret: "s3cret"}, "http://app.example/", nil, nil, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			asked = ""
			target, err := url.Parse(test.url)
			if err != nil {
				t.Fatal(err)
			}
			b := test.account.Bearer(providers.Env{Space: "shop", ServerIdentity: test.allow}, "api://hello", target, test.hosts...)
			defer b.Close()
			b.tokens = newCache(giving("t0ken"))
			header := http.Header{}
			err = b.Authorize(t.Context(), header, nil)
			if got := header.Get("Authorization"); test.shown != (got == "Bearer t0ken") || test.shown != (err == nil) {
				t.Fatalf("got %q, error %v", got, err)
			}
			if asked != test.question {
				t.Errorf("asked for %q, want %q", asked, test.question)
			}
			if err != nil && (providers.FailureOf(err) != providers.Unreachable ||
				!strings.Contains(err.Error(), "server_identity api://hello ") || !strings.Contains(err.Error(), "space shop")) {
				t.Errorf("got error %v", err)
			}
		})
	}
}

// An answer that refuses a token has another asked for, if it is the one in use.
func TestRefusedAnswer(t *testing.T) {
	b := &Bearer{tokens: newCache(giving("old", "new")), denied: func() *providers.Error { return nil }}
	for _, step := range []struct{ refused, want string }{{"", "Bearer old"}, {"Bearer another", "Bearer old"}, {"Bearer old", "Bearer new"}} {
		b.Refused(&http.Response{Request: &http.Request{Header: http.Header{"Authorization": {step.refused}}}})
		header := http.Header{}
		if err := b.Authorize(t.Context(), header, nil); err != nil || header.Get("Authorization") != step.want {
			t.Errorf("after %q was refused: got %v, error %v", step.refused, header, err)
		}
	}
}

func TestNoAccount(t *testing.T) {
	var a Account
	b := a.Bearer(providers.Env{}, "api://hello", &url.URL{Scheme: "https", Host: "app.example"})
	if b != nil {
		t.Fatal("there are tokens for nobody")
	}
	b.Refused(&http.Response{})
	b.Close()
}
