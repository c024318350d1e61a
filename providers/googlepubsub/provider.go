// Package googlepubsub publishes events to a topic of Google Cloud Pub/Sub. It is the Caddy module
// event_gateway.providers.googlepubsub.
//
// Events that come while a request is in flight go together in the next one. With an ordering key each event is a request of
// its own, and those of one key go one after the other: a request takes one key only.
//
// The tests run against an HTTP edge that checks every request and token and speaks the REST protocol of publishing. What it
// cannot show is what only Google itself decides: whether a policy lets the gateway publish, and which errors its services choose
// in a given state.
package googlepubsub

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/googleaccount"
	"github.com/eventgateway/eventgateway/providers/httpcall"
)

func init() {
	caddy.RegisterModule(new(Provider))
}

// Provider is a topic of Google Cloud Pub/Sub.
type Provider struct {
	// Topic is the topic's full name: projects/my-project/topics/orders. Required.
	Topic string `json:"topic"`
	// Credentials is the JSON text of a service account's key or of a workload identity federation configuration whose token
	// comes from a URL. Default: the server's own application default credentials.
	Credentials string `json:"credentials,omitempty"`
	// OrderingKey is a CEL expression that makes the ordering key of each event, most often a field path such as data.customerId.
	// Default: none.
	OrderingKey string `json:"orderingKey,omitempty"`
	// Endpoint is an http or https URL to call in place of https://pubsub.googleapis.com, such as that of a region or of an
	// emulator. Without Credentials a token goes to Google's own hosts only. Default: none.
	Endpoint string `json:"endpoint,omitempty"`
}

// CaddyModule implements caddy.Module.
func (*Provider) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: providers.Namespace + ".googlepubsub", New: func() caddy.Module { return new(Provider) }}
}

// KeyExpression implements providers.Keyed.
func (p *Provider) KeyExpression() (field, source string) { return "orderingKey", p.OrderingKey }

// EachSecret implements providers.Secretive.
func (p *Provider) EachSecret(visit func(name, value string) string) {
	if p.Credentials != "" {
		p.Credentials = visit("credentials", p.Credentials)
	}
}

// A project's name may have that of its domain before it.
var topicName = regexp.MustCompile(`^projects/[a-z0-9][a-z0-9.:-]{0,126}[a-z0-9]/topics/[A-Za-z][\w.~+%-]{2,254}$`)

// Validate implements providers.Provider.
func (p *Provider) Validate() error {
	const accepted = "the full name of a topic, such as projects/my-project/topics/orders"
	switch {
	case p.Topic == "":
		return eventgateway.Errorf(eventgateway.Invalid, "topic: missing: want %s", accepted)
	case !topicName.MatchString(p.Topic):
		return eventgateway.InvalidField("topic", p.Topic, accepted)
	}
	if err := googleaccount.Validate(p.Credentials, false); err != nil {
		return err
	}
	_, err := p.target()
	return err
}

// target returns the URL that is called.
func (p *Provider) target() (*url.URL, error) {
	const accepted = "an http or https URL without user, path, query or fragment, such as http://localhost:8085"
	target := &url.URL{Scheme: "https", Host: "pubsub.googleapis.com"}
	if p.Endpoint != "" {
		var err error
		if target, err = httpcall.ParseURL("endpoint", p.Endpoint); err != nil {
			return nil, err
		}
		switch {
		case target.User != nil, target.RawQuery != "", target.ForceQuery: // there may be a credential in it
			return nil, eventgateway.Errorf(eventgateway.Invalid, "endpoint: not accepted: want %s", accepted)
		case target.Path != "" && target.Path != "/":
			return nil, eventgateway.InvalidField("endpoint", p.Endpoint, accepted)
		case p.Credentials != "" && !googleaccount.Protected(target):
			return nil, eventgateway.InvalidField("endpoint", p.Endpoint, "an https URL (http only for this machine), since an access token goes with the request")
		}
	}
	target.Path = "/v1/" + p.Topic + ":publish"
	return target, nil
}

// isGoogles reports whether what is sent to target can be read by nobody but Google.
func isGoogles(target *url.URL) bool {
	return target.Scheme == "https" && strings.HasSuffix(strings.ToLower(target.Hostname()), ".googleapis.com")
}

// Open implements providers.Provider. Credentials are looked for at the first call.
func (p *Provider) Open(env providers.Env) (providers.Invoker, error) {
	target, err := p.target()
	if err != nil {
		return nil, err
	}
	f := &invoker{
		topic: p.Topic, host: target.Host, transport: httpcall.Transport(env.Egress),
		template: http.Request{
			Method: http.MethodPost, URL: target, Host: target.Host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		},
	}
	// Who may write functions says where the token goes: one of the server's own, good for all topics it may publish to, is not
	// shown to just anybody.
	if p.Credentials != "" || isGoogles(target) {
		if f.tokens, err = googleaccount.Open(env, p.Credentials, googleaccount.Want{Scope: scope}); err != nil {
			return nil, err
		}
	}
	f.messages = f.sender(p.OrderingKey != "")
	return f, nil
}

// scope is what publishing takes.
const scope = "https://www.googleapis.com/auth/pubsub"
