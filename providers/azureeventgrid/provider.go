// Package azureeventgrid publishes events to topics of Azure Event Grid. It is the Caddy module
// event_gateway.providers.azureeventgrid.
//
// A call is one request with one CloudEvent 1.0 in structured JSON, whatever the function's format.
package azureeventgrid

import (
	"net/url"
	"strings"

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

// Provider is a topic, domain or partner namespace of Azure Event Grid that takes CloudEvents.
type Provider struct {
	// Endpoint is the topic's http or https address, such as https://orders.westeurope-1.eventgrid.azure.net/api/events. Where it
	// has no api-version, 2018-01-01 is added. Required.
	Endpoint string `json:"endpoint"`
	// AccessKey is one of the topic's two keys. Required, unless there is an identity.
	AccessKey string `json:"accessKey,omitempty"`
	// Account is whom tokens are for. Required, unless there is a key.
	azureaccount.Account
}

// CaddyModule implements caddy.Module.
func (*Provider) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: providers.Namespace + ".azureeventgrid", New: func() caddy.Module { return new(Provider) }}
}

// Validate implements providers.Provider.
func (p *Provider) Validate() error {
	target, err := httpcall.ParseURL("endpoint", p.Endpoint)
	switch {
	case err != nil:
		return err
	case target.User != nil:
		return refuse("endpoint: not accepted: want a URL without a user: credentials have fields of their own")
	case target.Query().Has("aeg-sas-key"), target.Query().Has("aeg-sas-token"):
		return refuse("endpoint: not accepted: want a URL without a key: it belongs in accessKey")
	case p.Account.IsServers() && target.Scheme != "https":
		return eventgateway.InvalidField("endpoint", target.Scheme+"://"+target.Host, "https with managedIdentity and workloadIdentity")
	case len(p.AccessKey) > 1024 || !httpguts.ValidHeaderFieldValue(p.AccessKey):
		return refuse("accessKey: not accepted: want an access key of at most 1024 characters")
	}
	if err := p.Account.Validate(); err != nil {
		return err
	}
	switch {
	case p.AccessKey == "" && !p.Account.IsSet():
		return refuse("accessKey: missing: want an access key of the topic, or tenantId, clientId and clientSecret, " +
			"managedIdentity or workloadIdentity")
	case p.AccessKey != "" && p.Account.IsSet():
		return refuse("accessKey: not accepted: want it or an identity, not both")
	}
	return nil
}

func refuse(message string) error { return eventgateway.Errorf(eventgateway.Invalid, "%s", message) }

// EachSecret implements providers.Secretive. Beside the fields of their own, parameters of the URL that sound like a
// credential are one.
func (p *Provider) EachSecret(visit func(name, value string) string) {
	p.Endpoint = httpcall.EachURLSecret(p.Endpoint, func(name, value string) string {
		return visit("endpoint"+strings.TrimPrefix(name, "url"), value)
	})
	if p.AccessKey != "" {
		p.AccessKey = visit("accessKey", p.AccessKey)
	}
	p.Account.EachSecret(visit)
}

// Open implements providers.Provider. Tokens are asked for at the first call.
func (p *Provider) Open(env providers.Env) (providers.Invoker, error) {
	target, err := httpcall.ParseURL("endpoint", p.Endpoint)
	if err != nil {
		return nil, err
	}
	return newInvoker(p, withVersion(target), env), nil
}

// withVersion adds the version of the API where there is none.
func withVersion(target *url.URL) *url.URL {
	query := target.Query()
	if !query.Has("api-version") {
		query.Set("api-version", "2018-01-01")
		target.RawQuery = query.Encode()
	}
	return target
}
