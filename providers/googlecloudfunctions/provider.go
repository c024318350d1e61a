// Package googlecloudfunctions calls functions on Google Cloud Functions and services on Cloud Run, with an ID token that says
// who the gateway is. It is the Caddy module event_gateway.providers.googlecloudfunctions.
//
// A call is one POST of the event. What makes the request is package httpcall, which says when one is sent a second time; where
// the tokens come from is package googleaccount.
//
// The tests run against token endpoints of their own that check what is asked and signed, and against functions built with
// Google's frameworks. What they cannot show is what only Google itself decides: whether a policy lets the gateway in, and
// which audiences a service takes.
package googlecloudfunctions

import (
	"net/http"
	"net/url"
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

// Provider is a function on Google Cloud Functions or a service on Cloud Run.
type Provider struct {
	// URL is the https endpoint that is called. http is taken for this machine only, since the token goes with the request.
	// Required.
	URL string `json:"url"`
	// Audience is who the ID token is for. Default: of a function under cloudfunctions.net its URL with the function's name,
	// else the scheme and host of URL. With the server's own credentials any other is used only where the server's configuration
	// allows it, so that a function cannot be used to take tokens for another.
	Audience string `json:"audience,omitempty"`
	// Credentials is the JSON text of a service account's key or of a workload identity federation configuration whose token
	// comes from a URL. Default: the server's own application default credentials.
	Credentials string `json:"credentials,omitempty"`
}

// CaddyModule implements caddy.Module.
func (*Provider) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID: providers.Namespace + ".googlecloudfunctions", New: func() caddy.Module { return new(Provider) },
	}
}

// Validate implements providers.Provider.
func (p *Provider) Validate() error {
	if _, err := p.target(); err != nil {
		return err
	}
	if err := googleaccount.Validate(p.Credentials, true); err != nil {
		return err
	}
	const maxAudience = 2048
	if len(p.Audience) > maxAudience || strings.IndexFunc(p.Audience, func(r rune) bool { return r <= ' ' || r > '~' }) >= 0 {
		return eventgateway.InvalidField("audience", p.Audience, "up to 2048 printable ASCII characters, mostly a URL")
	}
	return nil
}

func (p *Provider) target() (*url.URL, error) {
	target, err := httpcall.ParseURL("url", p.URL)
	switch {
	case err != nil:
		return nil, err
	case target.User != nil:
		return nil, eventgateway.Errorf(eventgateway.Invalid, "url: not accepted: want a URL without user and password, in whose place an ID token is sent")
	case !googleaccount.Protected(target):
		return nil, eventgateway.InvalidField("url", origin(target), "an https URL (http only for this machine), since an ID token goes with the request")
	}
	return target, nil
}

func origin(u *url.URL) string { return u.Scheme + "://" + u.Host }

// isFor reports whether a token for audience is good at target alone, so that whoever is there may have it.
func isFor(audience string, target *url.URL) bool {
	if audience == defaultAudience(target) {
		return true
	}
	u, err := url.Parse(audience)
	return err == nil && u.User == nil && !isShared(target) &&
		strings.EqualFold(u.Scheme, target.Scheme) && strings.EqualFold(u.Host, target.Host)
}

// defaultAudience returns who a token for target is for, as Google documents it: a service by its host, a function under
// cloudfunctions.net, which many share, by its name too.
func defaultAudience(target *url.URL) string {
	audience := origin(target)
	if isShared(target) {
		name, _, _ := strings.Cut(strings.TrimPrefix(target.EscapedPath(), "/"), "/")
		if name != "" {
			audience += "/" + name
		}
	}
	return audience
}

func isShared(target *url.URL) bool {
	return strings.HasSuffix(strings.ToLower(target.Hostname()), ".cloudfunctions.net")
}

// EachSecret implements providers.Secretive: the credentials as a whole, and what sounds like one in the URL's query.
func (p *Provider) EachSecret(visit func(name, value string) string) {
	p.URL = httpcall.EachURLSecret(p.URL, visit)
	if p.Credentials != "" {
		p.Credentials = visit("credentials", p.Credentials)
	}
}

// Open implements providers.Provider. Credentials are looked for at the first call.
func (p *Provider) Open(env providers.Env) (providers.Invoker, error) {
	target, err := p.target()
	if err != nil {
		return nil, err
	}
	audience := p.Audience
	if audience == "" {
		audience = defaultAudience(target)
	}
	tokens, err := googleaccount.Open(env, p.Credentials, googleaccount.Want{Audience: audience})
	if err != nil {
		return nil, err
	}
	f := &invoker{tokens: tokens, roles: roles(target)}
	if p.Credentials == "" && !isFor(audience, target) {
		f.denied = func() *providers.Error { return denied(env, audience, target) }
	}
	f.Caller = httpcall.New(httpcall.Config{
		URL: target, Header: http.Header{"User-Agent": {"event-gateway"}},
		Authorize: f.authorize, Explain: f.explain,
		MaxResponse: env.MaxResponse, Transport: httpcall.Transport(env.Egress),
	})
	return f, nil
}
