// Package openwhisk calls actions of Apache OpenWhisk. It is the Caddy module event_gateway.providers.openwhisk.
//
// A call is one blocking invocation. Where OpenWhisk's time for those is over before the action ends, which is no failure, the
// gateway asks for the activation until the function's own timeout is over.
package openwhisk

import (
	"net/url"
	"regexp"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/httpcall"
)

func init() {
	caddy.RegisterModule(new(Provider))
}

// Provider is an action of Apache OpenWhisk.
type Provider struct {
	// APIHost is OpenWhisk's host, such as openwhisk.example.com, called over https, or an http or https URL of a host alone.
	// Required.
	APIHost string `json:"apiHost"`
	// Namespace is the action's; "_" is that of the credentials. Required.
	Namespace string `json:"namespace"`
	// Action is the action's name, without its package. Required.
	Action string `json:"action"`
	// Auth is the credentials as OpenWhisk gives them: an id, a colon and a key. Required.
	Auth string `json:"auth"`
	// Package is the package the action is in. Default: the namespace's default package.
	Package string `json:"package,omitempty"`
}

// CaddyModule implements caddy.Module.
func (*Provider) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: providers.Namespace + ".openwhisk", New: func() caddy.Module { return new(Provider) }}
}

// entityName is what OpenWhisk calls things.
var entityName = regexp.MustCompile(`^\w([\w@ .-]{0,254}[\w@.-])?$`)

// Validate implements providers.Provider.
func (p *Provider) Validate() error {
	if _, err := p.base(); err != nil {
		return err
	}
	for _, field := range []struct {
		name, value, accepted string
		required              bool
	}{
		{"namespace", p.Namespace, `the name of a namespace, or "_" for that of the credentials`, true},
		{"action", p.Action, "the name of an action; its namespace and package have fields of their own", true},
		{"package", p.Package, "the name of a package", false},
	} {
		switch {
		case field.value == "" && field.required:
			return missing(field.name, field.accepted)
		case field.value != "" && !entityName.MatchString(field.value):
			return eventgateway.InvalidField(field.name, field.value, field.accepted)
		}
	}
	return p.validateAuth()
}

// base returns the URL of the API's host.
func (p *Provider) base() (*url.URL, error) {
	const accepted = "a host such as openwhisk.example.com, or an http or https URL of a host alone"
	if p.APIHost == "" {
		return nil, missing("apiHost", accepted)
	}
	raw := p.APIHost
	if !strings.Contains(raw, "://") {
		raw = "https://" + raw
	}
	u, err := httpcall.ParseURL("apiHost", raw)
	switch {
	case err == nil && u.User == nil && strings.Trim(u.Path, "/") == "" && !strings.Contains(raw, "?"):
		u.Path = "/" // JoinPath leaves a path relative that was
		return u, nil
	case strings.ContainsAny(raw, "@?"): // there may be a credential in it
		return nil, eventgateway.Errorf(eventgateway.Invalid, "apiHost: not accepted: want %s", accepted)
	}
	return nil, eventgateway.InvalidField("apiHost", p.APIHost, accepted)
}

// validateAuth shows nothing of what it refuses.
func (p *Provider) validateAuth() error {
	const accepted = "an id, a colon and a key, as `wsk property get --auth` shows them"
	if p.Auth == "" {
		return missing("auth", accepted)
	}
	id, key, ok := strings.Cut(p.Auth, ":")
	printable := strings.IndexFunc(p.Auth, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
	if !ok || id == "" || key == "" || !printable || len(p.Auth) > 1024 {
		return eventgateway.Errorf(eventgateway.Invalid, "auth: not accepted: want %s", accepted)
	}
	return nil
}

func missing(field, accepted string) error {
	return eventgateway.Errorf(eventgateway.Invalid, "%s: missing: want %s", field, accepted)
}

// EachSecret implements providers.Secretive.
func (p *Provider) EachSecret(visit func(name, value string) string) {
	if p.Auth != "" {
		p.Auth = visit("auth", p.Auth)
	}
}

// Open implements providers.Provider.
func (p *Provider) Open(env providers.Env) (providers.Invoker, error) {
	base, err := p.base()
	if err != nil {
		return nil, err
	}
	return newInvoker(p, base, env), nil
}
