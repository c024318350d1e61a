// Package azurefunctions calls Azure Functions over HTTP. It is the Caddy module event_gateway.providers.azurefunctions.
//
// A call is one request to an HTTP trigger, with a function key, a token of Microsoft Entra ID, both, or neither.
package azurefunctions

import (
	"net/url"

	"github.com/caddyserver/caddy/v2"
	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/azureaccount"
	"github.com/eventgateway/eventgateway/providers/httpcall"
	"golang.org/x/net/http/httpguts"
)

func init() {
	caddy.RegisterModule(new(Provider))
}

// Provider is a function on Azure Functions with an HTTP trigger.
type Provider struct {
	// URL is the http or https address of the function, such as https://myapp.azurewebsites.net/api/hello. Required.
	URL string `json:"url"`
	// FunctionKey is a key of the function, or a host key of its app. Default: none, for functions that want none.
	FunctionKey string `json:"functionKey,omitempty"`
	// Resource is what tokens are for: the application ID URI that the app's authentication accepts. Required with an identity.
	Resource string `json:"resource,omitempty"`
	// Account is whom tokens are for. Default: nobody, no token is sent.
	azureaccount.Account
}

// CaddyModule implements caddy.Module.
func (*Provider) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: providers.Namespace + ".azurefunctions", New: func() caddy.Module { return new(Provider) }}
}

// Validate implements providers.Provider.
func (p *Provider) Validate() error {
	target, err := httpcall.ParseURL("url", p.URL)
	if err != nil {
		return err
	}
	if err := p.validateURL(target); err != nil {
		return err
	}
	if len(p.FunctionKey) > 1024 || !httpguts.ValidHeaderFieldValue(p.FunctionKey) {
		return refuse("functionKey: not accepted: want a function key of at most 1024 characters")
	}
	if err := p.Account.Validate(); err != nil {
		return err
	}
	switch {
	case p.Account.IsSet() && p.Resource == "":
		return refuse("resource: missing: want the application ID URI that the function's authentication accepts, " +
			"such as api://6731de76-14a6-49ae-97bc-6eba6914391e")
	case !p.Account.IsSet() && p.Resource != "":
		return refuse("resource: not accepted: want it beside clientSecret, managedIdentity or workloadIdentity")
	}
	return azureaccount.ValidateResource("resource", p.Resource)
}

// validateURL wants credentials in fields of their own, where they are known as such.
func (p *Provider) validateURL(target *url.URL) error {
	switch {
	case target.User != nil:
		return refuse("url: not accepted: want a URL without a user: credentials have fields of their own")
	case target.Query().Has("code"):
		return refuse("url: not accepted: want a URL without ?code=: the key belongs in functionKey")
	case p.Account.IsServers() && target.Scheme != "https":
		return eventgateway.InvalidField("url", target.Scheme+"://"+target.Host, "https with managedIdentity and workloadIdentity")
	}
	return nil
}

func refuse(message string) error { return eventgateway.Errorf(eventgateway.Invalid, "%s", message) }

// EachSecret implements providers.Secretive. Beside the fields of their own, parameters of the URL that sound like a
// credential are one.
func (p *Provider) EachSecret(visit func(name, value string) string) {
	p.URL = httpcall.EachURLSecret(p.URL, visit)
	if p.FunctionKey != "" {
		p.FunctionKey = visit("functionKey", p.FunctionKey)
	}
	p.Account.EachSecret(visit)
}

// Open implements providers.Provider. Tokens are asked for at the first call.
func (p *Provider) Open(env providers.Env) (providers.Invoker, error) {
	target, err := httpcall.ParseURL("url", p.URL)
	if err != nil {
		return nil, err
	}
	return newInvoker(p, target, env), nil
}
