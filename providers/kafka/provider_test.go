package kafka

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
)

func TestValidate(t *testing.T) {
	certs := newCertificates(t)
	other := newCertificates(t)
	pem := func(name, text string) string {
		quoted, _ := json.Marshal(text)
		return `"` + name + `":` + string(quoted)
	}
	const at = `"brokers":["a:9092"],"topic":"t"`
	for name, test := range map[string]struct{ fields, want string }{
		"no brokers":            {`"topic":"t"`, "provider.brokers: missing"},
		"too many brokers":      {`"brokers":["a:1"` + strings.Repeat(`,"a:1"`, 64) + `],"topic":"t"`, "provider.brokers: 65 are not accepted: want at most 64"},
		"no port":               {`"brokers":["a"],"topic":"t"`, `provider.brokers: "a" is not accepted: want host:port`},
		"port 0":                {`"brokers":["a:0"],"topic":"t"`, `provider.brokers: "a:0"`},
		"large port":            {`"brokers":["a:65536"],"topic":"t"`, `provider.brokers: "a:65536"`},
		"no host":               {`"brokers":["a:1",":9092"],"topic":"t"`, `provider.brokers: ":9092"`},
		"a URL":                 {`"brokers":["kafka://a:9092"],"topic":"t"`, `provider.brokers: "kafka://a:9092"`},
		"a password":            {`"brokers":["u:s3cret@a:9092"],"topic":"t"`, `provider.brokers: not accepted: want host:port`},
		"two in one":            {`"brokers":["a:9092,b:9092"],"topic":"t"`, `provider.brokers: "a:9092,b:9092"`},
		"no topic":              {`"brokers":["[::1]:9092"]`, `provider.topic: missing`},
		"a pattern":             {`"brokers":["a:9092"],"topic":"orders.*"`, `provider.topic: "orders.*"`},
		"dots":                  {`"brokers":["a:9092"],"topic":".."`, `provider.topic: ".."`},
		"client id":             {at + `,"clientId":"a b"`, `provider.clientId: "a b"`},
		"no mechanism":          {at + `,"sasl":{"username":"u","password":"s3cret"}`, `provider.sasl.mechanism: missing: want PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512`},
		"unknown mechanism":     {at + `,"sasl":{"mechanism":"GSSAPI","username":"u","password":"s3cret"}`, `provider.sasl.mechanism: "GSSAPI"`},
		"no user":               {at + `,"sasl":{"mechanism":"PLAIN","password":"s3cret"}`, `provider.sasl.username: missing`},
		"no password":           {at + `,"sasl":{"mechanism":"PLAIN","username":"u"}`, `provider.sasl.password: missing`},
		"NUL":                   {at + `,"sasl":{"mechanism":"PLAIN","username":"u","password":"s3cret\u0000"}`, `provider.sasl.password: not accepted`},
		"TLS not enabled":       {at + `,"tls":{"serverName":"a"}`, `provider.tls.enabled: missing`},
		"no certificates":       {at + `,"tls":{"enabled":true,"ca":"s3cret"}`, `provider.tls.ca: not accepted`},
		"no key":                {at + `,"tls":{"enabled":true,` + pem("certificate", certs.certificate) + `}`, `provider.tls.key: missing`},
		"no certificate":        {at + `,"tls":{"enabled":true,` + pem("key", certs.key) + `}`, `provider.tls.certificate: missing`},
		"another key":           {at + `,"tls":{"enabled":true,` + pem("certificate", certs.certificate) + `,` + pem("key", other.key) + `}`, `provider.tls.certificate: not accepted`},
		"server name":           {at + `,"tls":{"enabled":true,"serverName":"a:9092"}`, `provider.tls.serverName: "a:9092"`},
		"unknown field in tls":  {at + `,"tls":{"enabled":true,"insecure":true}`, `provider: unknown field "insecure"`},
		"unknown field in sasl": {at + `,"sasl":{"mechanism":"PLAIN","user":"u"}`, `provider: unknown field "user"`},
	} {
		t.Run(name, func(t *testing.T) {
			fn := &eventgateway.Function{Space: "test", ID: "fn", Type: "kafka", Provider: json.RawMessage("{" + test.fields + "}")}
			_, err := providers.Check(fn, nil, nil)
			if eventgateway.KindOf(err) != eventgateway.Invalid || !strings.HasPrefix(err.Error(), test.want) {
				t.Fatalf("got error %v, want %s", err, test.want)
			}
			for _, private := range []string{"s3cret", certs.secret(), other.secret()} {
				if strings.Contains(err.Error(), private) {
					t.Errorf("the error shows a credential: %v", err)
				}
			}
		})
	}
}

func TestCaddyfileErrors(t *testing.T) {
	for text, want := range map[string]string{
		"kafka a b":                               "Wrong argument count",
		"kafka a":                                 "needs brokers and a topic",
		"kafka {\nbrokers a:1\n}":                 "needs brokers and a topic",
		"kafka a {\nbrokers\n}":                   "Wrong argument count",
		"kafka a {\ntopic b\n}":                   "topic is given twice",
		"kafka {\ntopic\n}":                       "Wrong argument count",
		"kafka a {\nsasl PLAIN u\n}":              "Wrong argument count",
		"kafka a {\nsasl P u p\nsasl P u p\n}":    "sasl is given twice",
		"kafka a {\ntls\ntls\n}":                  "tls is given twice",
		"kafka a {\ntls on\n}":                    "Wrong argument count",
		"kafka a {\ntls {\nca\n}\n}":              "Wrong argument count",
		"kafka a {\ntls {\nca x\nca x\n}\n}":      "ca is given twice",
		"kafka a {\ntls {\ninsecure\n}\n}":        `unknown option "insecure" of tls: want ca, certificate, key or server_name`,
		"kafka a {\ntls {\nkey x\n}\nacks all\n}": `unknown option "acks" of provider kafka: want brokers, topic`,
	} {
		err := new(Provider).UnmarshalCaddyfile(caddyfile.NewTestDispenser(text))
		if err == nil || !strings.Contains(strings.ToLower(err.Error()), strings.ToLower(want)) {
			t.Errorf("%q: got error %v, want %s", text, err, want)
		}
	}
}
