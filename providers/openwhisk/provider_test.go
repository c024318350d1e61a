package openwhisk

import (
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/eventgateway/eventgateway"
)

func TestValidate(t *testing.T) {
	valid := Provider{APIHost: "openwhisk.example.com", Namespace: "_", Action: "hello", Auth: "id:s3cret"}
	with := func(change func(*Provider)) Provider {
		p := valid
		change(&p)
		return p
	}
	for name, test := range map[string]struct {
		provider Provider
		want     string
	}{
		"host":              {valid, ""},
		"host and port":     {with(func(p *Provider) { p.APIHost = "localhost:3233" }), ""},
		"URL":               {with(func(p *Provider) { p.APIHost = "http://localhost:3233/" }), ""},
		"names":             {with(func(p *Provider) { p.Namespace, p.Package, p.Action = "john@example.com_dev", "a.b", "c-d e" }), ""},
		"no host":           {with(func(p *Provider) { p.APIHost = "" }), "apiHost: missing"},
		"path":              {with(func(p *Provider) { p.APIHost = "https://a/api/v1" }), `apiHost: "https://a/api/v1" is not accepted`},
		"no host at all":    {with(func(p *Provider) { p.APIHost = "a b" }), `apiHost: "a b" is not accepted`},
		"user":              {with(func(p *Provider) { p.APIHost = "https://u:s3cret@a" }), "apiHost: not accepted"},
		"query":             {with(func(p *Provider) { p.APIHost = "https://a?key=s3cret" }), "apiHost: not accepted"},
		"no namespace":      {with(func(p *Provider) { p.Namespace = "" }), "namespace: missing"},
		"no action":         {with(func(p *Provider) { p.Action = "" }), "action: missing"},
		"package in action": {with(func(p *Provider) { p.Action = "demo/hello" }), `action: "demo/hello" is not accepted: want the name of an action; its namespace`},
		"dots":              {with(func(p *Provider) { p.Package = ".." }), `package: ".." is not accepted`},
		"space at the end":  {with(func(p *Provider) { p.Action = "hello " }), `action: "hello " is not accepted`},
		"no auth":           {with(func(p *Provider) { p.Auth = "" }), "auth: missing"},
		"no colon":          {with(func(p *Provider) { p.Auth = "s3cret" }), "auth: not accepted: want an id, a colon and a key"},
		"no key":            {with(func(p *Provider) { p.Auth = "s3cret:" }), "auth: not accepted"},
		"auth with a line":  {with(func(p *Provider) { p.Auth = "id:s3cret\n" }), "auth: not accepted"},
	} {
		t.Run(name, func(t *testing.T) {
			err := test.provider.Validate()
			switch {
			case test.want == "":
				if err != nil {
					t.Errorf("refused: %v", err)
				}
			case eventgateway.KindOf(err) != eventgateway.Invalid || !strings.HasPrefix(err.Error(), test.want) ||
				strings.Contains(err.Error(), "s3cret"):
				t.Errorf("got error %v, want %q", err, test.want)
			}
		})
	}
	if base, err := valid.base(); err != nil || base.String() != "https://openwhisk.example.com/" {
		t.Errorf("a host is called at %v, error %v", base, err)
	}
}

func TestCaddyfileErrors(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"two actions": {"openwhisk a b", "wrong argument count"},
		"nothing":     {"openwhisk", "needs an api_host, a namespace, an action and an auth"},
		"twice":       {"openwhisk hello {\n\taction hi\n}", "action is given twice, at Testfile:2"},
		"no value":    {"openwhisk hello {\n\tnamespace\n}", "wrong argument count"},
		"unknown": {
			"openwhisk hello {\n\n\thost a\n}",
			`unknown option "host" of provider openwhisk: want api_host, namespace, package, action or auth, at Testfile:3`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			err := new(Provider).UnmarshalCaddyfile(caddyfile.NewTestDispenser(test.text))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got error %v, want %q in it", err, test.want)
			}
		})
	}
}
