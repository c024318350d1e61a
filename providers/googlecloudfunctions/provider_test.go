package googlecloudfunctions

import (
	"net/url"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/eventgateway/eventgateway"
)

func TestValidate(t *testing.T) {
	for _, p := range []Provider{
		{URL: "https://hello-abc-uc.a.run.app"},
		{URL: "https://europe-west1-p.cloudfunctions.net/hello/x?y=1"},
		{URL: "http://localhost:8080/hello"},
		{URL: "http://127.0.0.1:8080"},
		{URL: "http://[::1]:8080"},
		{URL: "https://api.example.com/hello", Audience: "32555940559.apps.googleusercontent.com"},
	} {
		if err := p.Validate(); err != nil {
			t.Errorf("%+v: %v", p, err)
		}
	}
	for name, test := range map[string]struct {
		provider Provider
		want     string
	}{
		"no url":          {Provider{}, "url: missing"},
		"no scheme":       {Provider{URL: "hello.run.app"}, "url: "},
		"http":            {Provider{URL: "http://hello.example/x?key=s3cret"}, `url: "http://hello.example" is not accepted: want an https URL`},
		"http, lookalike": {Provider{URL: "http://localhost.example"}, "url: "},
		"user":            {Provider{URL: "https://u:s3cret@hello.run.app"}, "url: not accepted: want a URL without user and password"},
		"spaces":          {Provider{URL: "https://a", Audience: "a b"}, "audience: "},
		"long":            {Provider{URL: "https://a", Audience: strings.Repeat("a", 2049)}, "audience: "},
		"credentials":     {Provider{URL: "https://a", Credentials: "s3cret"}, "credentials: not accepted"},
	} {
		err := test.provider.Validate()
		if eventgateway.KindOf(err) != eventgateway.Invalid || !strings.HasPrefix(err.Error(), test.want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: got error %v, want %q", name, err, test.want)
		}
	}
}

func TestDefaultAudience(t *testing.T) {
	for target, want := range map[string]string{
		"https://hello-abc-uc.a.run.app":                        "https://hello-abc-uc.a.run.app",
		"https://hello-abc-uc.a.run.app/x/y?z=1":                "https://hello-abc-uc.a.run.app",
		"https://europe-west1-p.cloudfunctions.net/hello":       "https://europe-west1-p.cloudfunctions.net/hello",
		"https://europe-west1-p.cloudfunctions.net/hello/x?y=1": "https://europe-west1-p.cloudfunctions.net/hello",
		"https://europe-west1-p.cloudfunctions.net/":            "https://europe-west1-p.cloudfunctions.net",
		"https://api.example.com:8443/hello":                    "https://api.example.com:8443",
		"https://cloudfunctions.net.example.com/hello":          "https://cloudfunctions.net.example.com",
		"https://Europe-West1-P.CloudFunctions.net/Hello/x":     "https://Europe-West1-P.CloudFunctions.net/Hello",
		"http://127.0.0.1:8080/hello":                           "http://127.0.0.1:8080",
	} {
		u, err := url.Parse(target)
		if err != nil {
			t.Fatal(err)
		}
		if got := defaultAudience(u); got != want || !isFor(got, u) {
			t.Errorf("%s: got %s, want %s", target, got, want)
		}
	}
}

// Who may have a token of the server's own without being named in its configuration.
func TestIsFor(t *testing.T) {
	for _, test := range []struct {
		audience, target string
		want             bool
	}{
		{"https://a.run.app/", "https://a.run.app/x", true},
		{"https://A.run.app", "https://a.run.app", true},
		{"https://b.run.app", "https://a.run.app", false},
		{"https://b.run.app@a.run.app", "https://a.run.app", false},
		{"https://a.run.app.evil.example", "https://a.run.app", false},
		{"https://a.run.app:444", "https://a.run.app", false},
		{"http://a.run.app", "https://a.run.app", false},
		{"1.apps.googleusercontent.com", "https://a.run.app", false},
		{"https://r-p.cloudfunctions.net/other", "https://r-p.cloudfunctions.net/mine", false},
		{"https://r-p.cloudfunctions.net/mine", "https://r-p.cloudfunctions.net/mine/x", true},
	} {
		u, err := url.Parse(test.target)
		if err != nil {
			t.Fatal(err)
		}
		if got := isFor(test.audience, u); got != test.want {
			t.Errorf("%s at %s: got %t", test.audience, test.target, got)
		}
	}
}

func TestCaddyfileErrors(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"no url":    {"googlecloudfunctions", "needs a url"},
		"two urls":  {"googlecloudfunctions https://a https://b", "wrong argument count"},
		"url twice": {"googlecloudfunctions https://a {\n\turl https://b\n}", "url is given twice, at Testfile:2"},
		"no value":  {"googlecloudfunctions https://a {\n\taudience\n}", "wrong argument count"},
		"unknown": {
			"googlecloudfunctions https://a {\n\tregion x\n}",
			`unknown option "region" of provider googlecloudfunctions: want url, audience or credentials, at Testfile:2`,
		},
	} {
		err := new(Provider).UnmarshalCaddyfile(caddyfile.NewTestDispenser(test.text))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got error %v, want %q in it", name, err, test.want)
		}
	}
}
