package httpprovider

import (
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers/egress"
)

func TestAuthorization(t *testing.T) {
	var got string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		got = r.Header.Get("Authorization")
	}))
	defer server.Close()
	for want, p := range map[string]*Provider{
		"Basic Z2F0ZXdheTpwYTU1OndvcmQ=": {Basic: &Basic{Username: "gateway", Password: "pa55:word"}},
		"Basic dDBrZW46":                 {Basic: &Basic{Username: "t0ken"}},
		"Basic OnQwa2Vu":                 {Basic: &Basic{Password: "t0ken"}},
		"Bearer t0ken":                   {Bearer: "t0ken"},
	} {
		p.URL = server.URL
		answerOf(t, openIn(t, new(egress.Guard), p))
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestCredentialsRefused(t *testing.T) {
	client := func(change func(*OAuth2)) Provider {
		o := &OAuth2{TokenURL: "https://issuer.example/token", ClientID: "c", ClientSecret: "s3cret"}
		change(o)
		return Provider{URL: "http://a", OAuth2: o}
	}
	none := func(*OAuth2) {}
	both := client(none)
	both.Bearer = "s3cret"
	inURL := client(none)
	inURL.URL = "http://u:s3cret@a"
	signed := func(secrets ...string) Provider {
		return Provider{URL: "http://a", Signing: &Signing{Secrets: secrets}}
	}
	forged := signed(vectorSecret)
	forged.Headers = map[string]string{"webhook-id": "s3cret"}
	for name, test := range map[string]struct {
		provider Provider
		want     string
	}{
		"two ways":           {both, "oauth2: not accepted beside bearer: want one way to authorize a call"},
		"user in the URL":    {inURL, "oauth2: not accepted beside a user in url"},
		"header beside":      {Provider{URL: "http://a", Bearer: "s3cret", Headers: map[string]string{"authorization": "x"}}, "bearer: not accepted beside headers.Authorization"},
		"three ways":         {Provider{URL: "http://a", Bearer: "s3cret", Basic: &Basic{Username: "u"}, OAuth2: &OAuth2{}}, "oauth2: not accepted beside basic and bearer"},
		"empty basic":        {Provider{URL: "http://a", Basic: &Basic{}}, "basic.username: missing"},
		"colon in user":      {Provider{URL: "http://a", Basic: &Basic{Username: "s3:cret"}}, "basic.username: not accepted"},
		"line in user":       {Provider{URL: "http://a", Basic: &Basic{Username: "s3cret\n"}}, "basic.username: not accepted"},
		"line in password":   {Provider{URL: "http://a", Basic: &Basic{Password: "s3cret\n"}}, "basic.password: not accepted"},
		"bearer with scheme": {Provider{URL: "http://a", Bearer: "Bearer s3cret"}, "bearer: not accepted: want the token alone"},
		"bearer with line":   {Provider{URL: "http://a", Bearer: "s3cret\r\n"}, "bearer: not accepted"},
		"no token URL":       {client(func(o *OAuth2) { o.TokenURL = "" }), "oauth2.tokenUrl: missing"},
		"relative token URL": {client(func(o *OAuth2) { o.TokenURL = "/token" }), `oauth2.tokenUrl: "/token" is not accepted`},
		"user in token URL":  {client(func(o *OAuth2) { o.TokenURL = "https://u:s3cret@a" }), "oauth2.tokenUrl: a user in it is not accepted"},
		"no client":          {client(func(o *OAuth2) { o.ClientID = "" }), "oauth2.clientId: missing"},
		"no secret":          {client(func(o *OAuth2) { o.ClientSecret = "" }), "oauth2.clientSecret: missing"},
		"line in secret":     {client(func(o *OAuth2) { o.ClientSecret = "s3cret\n" }), "oauth2.clientSecret: not accepted"},
		"scopes in one":      {client(func(o *OAuth2) { o.Scopes = []string{"a", "b c"} }), `oauth2.scopes: "b c" is not accepted`},
		"empty scope":        {client(func(o *OAuth2) { o.Scopes = []string{""} }), `oauth2.scopes: "" is not accepted`},
		"line in audience":   {client(func(o *OAuth2) { o.Audience = "\n" }), "oauth2.audience: not accepted"},
		"other style":        {client(func(o *OAuth2) { o.AuthStyle = "query" }), `oauth2.authStyle: "query" is not accepted: want header or body`},
		"no secrets":         {signed(), "signing.secrets: 0 entries are not accepted"},
		"three secrets":      {signed(vectorSecret, vectorSecret, vectorSecret), "signing.secrets: 3 entries are not accepted"},
		"no prefix":          {signed(strings.TrimPrefix(vectorSecret, "whsec_")), "signing.secrets[0]: not accepted: want whsec_ and 24 to 64 bytes"},
		"short secret":       {signed(vectorSecret, "whsec_czNjcmV0"), "signing.secrets[1]: not accepted"},
		"long secret":        {signed("whsec_" + strings.Repeat("s3cr", 22)), "signing.secrets[0]: not accepted"},
		"no base64":          {signed("whsec_s3cret!s3cret!s3cret!s3cret!s3cret"), "signing.secrets[0]: not accepted"},
		"webhook header":     {forged, "headers.Webhook-Id: not accepted beside signing"},
	} {
		err := test.provider.Validate()
		if eventgateway.KindOf(err) != eventgateway.Invalid || !strings.HasPrefix(err.Error(), test.want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: got error %v, want %q", name, err, test.want)
		}
	}
}

func TestCredentialsCaddyfile(t *testing.T) {
	p := new(Provider)
	err := p.UnmarshalCaddyfile(caddyfile.NewTestDispenser(`http https://a {
		oauth2 https://issuer.example/token {
			client_id gateway
			client_secret {env.SECRET}
			scopes read write
			scopes more
			audience https://a
			auth_style body
		}
		client_certificate {
			certificate {file./run/cert.pem}
			key {file./run/key.pem}
			ca {file./run/ca.pem}
		}
		signing {env.NEW} {env.OLD}
	}`))
	want := &Provider{
		URL: "https://a",
		OAuth2: &OAuth2{
			TokenURL: "https://issuer.example/token", ClientID: "gateway", ClientSecret: "{env.SECRET}", Scopes: []string{"read", "write", "more"},
			Audience: "https://a", AuthStyle: "body",
		},
		ClientCertificate: &ClientCertificate{Certificate: "{file./run/cert.pem}", Key: "{file./run/key.pem}", CA: "{file./run/ca.pem}"},
		Signing:           &Signing{Secrets: []string{"{env.NEW}", "{env.OLD}"}},
	}
	if err != nil || !reflect.DeepEqual(p, want) {
		t.Errorf("got %+v, error %v", p, err)
	}
	for text, want := range map[string]string{
		"basic u":                         "wrong argument count",
		"basic u p\nbasic u p":            "basic is given twice, at Testfile:3",
		"bearer":                          "wrong argument count",
		"bearer a\nbearer b":              "bearer is given twice, at Testfile:3",
		"oauth2 a b":                      "wrong argument count",
		"oauth2 a {\n}\noauth2 b":         "oauth2 is given twice, at Testfile:4",
		"oauth2 a {\n token_url b\n}":     "token_url is given twice, at Testfile:3",
		"oauth2 a {\n scopes\n}":          "wrong argument count",
		"oauth2 a {\n scope b\n}":         `unknown option "scope" of oauth2: want token_url, client_id, client_secret, scopes, audience or auth_style, at Testfile:3`,
		"client_certificate a":            "wrong argument count",
		"client_certificate {\n pem a\n}": `unknown option "pem" of client_certificate: want certificate, key or ca, at Testfile:3`,
		"client_certificate {\n}\nclient_certificate {\n}": "client_certificate is given twice, at Testfile:4",
		"signing":              "wrong argument count",
		"signing a\nsigning b": "signing is given twice, at Testfile:3",
	} {
		err := new(Provider).UnmarshalCaddyfile(caddyfile.NewTestDispenser("http https://a {\n" + text + "\n}"))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got error %v, want %q in it", text, err, want)
		}
	}
}
