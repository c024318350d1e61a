package natsprovider

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
	"github.com/nats-io/nkeys"
)

func TestValidate(t *testing.T) {
	seed, _ := newUser(t)
	account, err := nkeys.CreateAccount()
	accountSeed, _ := seedOf(t, account, err)
	const at = `"urls":["nats://a"],"subject":"s"`
	for name, test := range map[string]struct{ fields, want string }{
		"no urls":                {`"subject":"s"`, "provider.urls: missing"},
		"too many urls":          {`"urls":["nats://a"` + strings.Repeat(`,"nats://a"`, 64) + `],"subject":"s"`, "provider.urls: 65 are not accepted: want at most 64"},
		"no scheme":              {`"urls":["a:4222"],"subject":"s"`, `provider.urls: "a:4222" is not accepted: want nats://host:port`},
		"another scheme":         {`"urls":["ws://a:4222"],"subject":"s"`, `provider.urls: "ws://a:4222"`},
		"a path":                 {`"urls":["nats://a/b"],"subject":"s"`, `provider.urls: "nats://a/b"`},
		"no host":                {`"urls":["nats://a","nats://:4222"],"subject":"s"`, `provider.urls: "nats://:4222"`},
		"port":                   {`"urls":["nats://a:65536"],"subject":"s"`, `provider.urls: "nats://a:65536"`},
		"port 0":                 {`"urls":["nats://a:0"],"subject":"s"`, `provider.urls: "nats://a:0"`},
		"empty port":             {`"urls":["nats://a:"],"subject":"s"`, `provider.urls: "nats://a:"`},
		"a password in it":       {`"urls":["nats://u:s3cret@a"],"subject":"s"`, `provider.urls: not accepted: want nats://host:port`},
		"two in one":             {`"urls":["nats://a,nats://b"],"subject":"s"`, `provider.urls: "nats://a,nats://b"`},
		"no subject":             {`"urls":["nats://[::1]:4222"]`, `provider.subject: missing`},
		"wildcard":               {`"urls":["nats://a"],"subject":"a.*"`, `provider.subject: "a.*"`},
		"full wildcard":          {`"urls":["nats://a"],"subject":"a.>"`, `provider.subject: "a.>"`},
		"empty name":             {`"urls":["nats://a"],"subject":"a..b"`, `provider.subject: "a..b"`},
		"space":                  {`"urls":["nats://a"],"subject":"a b"`, `provider.subject: "a b"`},
		"line":                   {`"urls":["nats://a"],"subject":"a\r\nPUB b 0"`, `provider.subject: `},
		"both modes":             {at + `,"jetStream":true,"request":true`, `provider.request: not accepted beside jetStream`},
		"two logins":             {at + `,"token":"s3cret","user":"u","password":"s3cret"`, `provider.user: not accepted beside token`},
		"no password":            {at + `,"user":"u"`, `provider.password: missing`},
		"no user":                {at + `,"password":"s3cret"`, `provider.user: missing`},
		"credentials":            {at + `,"credentials":"s3cret"`, `provider.credentials: not accepted`},
		"seed":                   {at + `,"nkeySeed":"s3cret"`, `provider.nkeySeed: not accepted`},
		"seed of another's":      {at + `,"nkeySeed":"` + accountSeed + `"`, `provider.nkeySeed: not accepted`},
		"seed and token":         {at + `,"nkeySeed":"` + seed + `","token":"s3cret"`, `provider.token: not accepted beside nkeySeed`},
		"endless token":          {at + `,"token":"` + strings.Repeat("s3cret", 20_000) + `"`, `provider.token: not accepted: want at most 64 KiB`},
		"TLS not enabled":        {at + `,"tls":{"serverName":"a"}`, `provider.tls.enabled: missing`},
		"unknown field in tls":   {at + `,"tls":{"enabled":true,"insecure":true}`, `provider: unknown field "insecure"`},
		"queue group, not known": {at + `,"queue":"q"`, `provider: unknown field "queue"`},
	} {
		t.Run(name, func(t *testing.T) {
			fn := &eventgateway.Function{Space: "test", ID: "fn", Type: "nats", Provider: json.RawMessage("{" + test.fields + "}")}
			_, err := providers.Check(fn, nil, nil)
			if eventgateway.KindOf(err) != eventgateway.Invalid || !strings.HasPrefix(err.Error(), test.want) {
				t.Fatalf("got error %v, want %s", err, test.want)
			}
			for _, private := range []string{"s3cret", seed, accountSeed} {
				if strings.Contains(err.Error(), private) {
					t.Errorf("the error shows a credential: %v", err)
				}
			}
		})
	}
}

// Every kind of credential is shown as such, and kept.
func TestSecrets(t *testing.T) {
	seed, _ := newUser(t)
	account, err := nkeys.CreateAccount()
	if err != nil {
		t.Fatal(err)
	}
	for _, field := range []struct{ name, value string }{
		{"token", "token-s3cret"}, {"nkeySeed", seed}, {"credentials", creds(t, account, time.Time{})},
	} {
		stored := &eventgateway.Function{
			Space: "test", ID: "fn", Type: "nats",
			Provider: json.RawMessage(`{"urls":["nats://a"],"subject":"s","` + field.name + `":` + quote(field.value) + `}`),
		}
		shown := string(providers.Mask(stored))
		if want := `{"urls":["nats://a"],"subject":"s","` + field.name + `":"***"}`; shown != want {
			t.Errorf("got %s, want %s", shown, want)
		}
		again := *stored
		again.Provider = json.RawMessage(shown)
		if kept, err := providers.Check(&again, stored, nil); err != nil || !strings.Contains(string(kept), quote(field.value)) {
			t.Errorf("%s is not kept: error %v", field.name, err)
		}
	}
}

func TestCaddyfileErrors(t *testing.T) {
	for text, want := range map[string]string{
		"nats a b":                             "Wrong argument count",
		"nats a":                               "needs urls and a subject",
		"nats {\nurls nats://a\n}":             "needs urls and a subject",
		"nats a {\nurls\n}":                    "Wrong argument count",
		"nats a {\nsubject b\n}":               "subject is given twice",
		"nats a {\njetstream on\n}":            "Wrong argument count",
		"nats a {\nrequest\nrequest\n}":        "request is given twice",
		"nats a {\ntoken\n}":                   "Wrong argument count",
		"nats a {\ntls\ntls\n}":                "tls is given twice",
		"nats a {\ntls {\ninsecure\n}\n}":      `unknown option "insecure" of tls`,
		"nats a {\nuser u\nqueue_group all\n}": `unknown option "queue_group" of provider nats: want urls, subject`,
	} {
		err := new(Provider).UnmarshalCaddyfile(caddyfile.NewTestDispenser(text))
		if err == nil || !strings.Contains(strings.ToLower(err.Error()), strings.ToLower(want)) {
			t.Errorf("%q: got error %v, want %s", text, err, want)
		}
	}
	p := new(Provider)
	err := p.UnmarshalCaddyfile(caddyfile.NewTestDispenser("nats a {\nurls nats://a nats://b\nrequest\nnkey_seed n\ncredentials c\n}"))
	if err != nil || len(p.URLs) != 2 || !p.Request || p.NkeySeed != "n" || p.Credentials != "c" {
		t.Errorf("got %+v, error %v", p, err)
	}
}
