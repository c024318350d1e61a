package googlepubsub

import (
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers/googleaccount/googletest"
)

func TestValidate(t *testing.T) {
	google := googletest.Start(t)
	for _, p := range []Provider{
		{Topic: testTopic},
		{Topic: "projects/example.com:shop/topics/a.b_c~d+e%25-f"},
		{Topic: "projects/123456789/topics/abc", OrderingKey: "data.customer"},
		{Topic: testTopic, Endpoint: "http://localhost:8085/", Credentials: google.ServiceAccount()},
		{Topic: testTopic, Endpoint: "http://pubsub:8085"},
		{Topic: testTopic, Credentials: google.Federation(false)},
	} {
		if err := p.Validate(); err != nil {
			t.Errorf("%+v: %v", p, err)
		}
	}
	for name, test := range map[string]struct {
		provider Provider
		want     string
	}{
		"no topic":               {Provider{}, "topic: missing: want the full name of a topic"},
		"short name":             {Provider{Topic: "orders"}, `topic: "orders" is not accepted`},
		"subscription":           {Provider{Topic: "projects/p/subscriptions/s"}, "topic: "},
		"path in it":             {Provider{Topic: "projects/pp/topics/abc/../def"}, "topic: "},
		"query in it":            {Provider{Topic: "projects/pp/topics/abc?x"}, "topic: "},
		"credentials":            {Provider{Topic: testTopic, Credentials: "s3cret"}, "credentials: "},
		"endpoint":               {Provider{Topic: testTopic, Endpoint: "localhost:8085"}, "endpoint: "},
		"endpoint's user":        {Provider{Topic: testTopic, Endpoint: "http://u:s3cret@a"}, "endpoint: not accepted"},
		"endpoint's query":       {Provider{Topic: testTopic, Endpoint: "http://a?key=s3cret"}, "endpoint: not accepted"},
		"endpoint's path":        {Provider{Topic: testTopic, Endpoint: "http://a/v1"}, "endpoint: "},
		"token to a plain place": {Provider{Topic: testTopic, Endpoint: "http://a", Credentials: google.ServiceAccount()}, "endpoint: "},
	} {
		err := test.provider.Validate()
		if eventgateway.KindOf(err) != eventgateway.Invalid || !strings.HasPrefix(err.Error(), test.want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: got error %v, want %q", name, err, test.want)
		}
	}
}

func TestTarget(t *testing.T) {
	for _, test := range []struct{ endpoint, topic, want string }{
		{"", testTopic, "https://pubsub.googleapis.com/v1/" + testTopic + ":publish"},
		{"http://localhost:8085/", testTopic, "http://localhost:8085/v1/" + testTopic + ":publish"},
		{"", "projects/example.com:shop/topics/a%25+b~c", "https://pubsub.googleapis.com/v1/projects/example.com:shop/topics/a%2525+b~c:publish"},
	} {
		target, err := (&Provider{Topic: test.topic, Endpoint: test.endpoint}).target()
		if err != nil || target.String() != test.want {
			t.Errorf("got %s, error %v, want %s", target, err, test.want)
		}
	}
}

func TestCaddyfileErrors(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"no topic":    {"googlepubsub", "needs a topic"},
		"two topics":  {"googlepubsub a b", "wrong argument count"},
		"topic twice": {"googlepubsub a {\n\ttopic b\n}", "topic is given twice, at Testfile:2"},
		"no value":    {"googlepubsub a {\n\tendpoint\n}", "wrong argument count"},
		"unknown":     {"googlepubsub a {\n\tproject x\n}", `unknown option "project" of provider googlepubsub: want topic, credentials, ordering_key or endpoint`},
	} {
		err := new(Provider).UnmarshalCaddyfile(caddyfile.NewTestDispenser(test.text))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got error %v, want %q in it", name, err, test.want)
		}
	}
	p := new(Provider)
	err := p.UnmarshalCaddyfile(caddyfile.NewTestDispenser("googlepubsub a {\n\tordering_key data.customer\n\tendpoint http://b\n}"))
	if err != nil || p.Topic != "a" || p.OrderingKey != "data.customer" || p.Endpoint != "http://b" {
		t.Errorf("got %+v, error %v", p, err)
	}
}
