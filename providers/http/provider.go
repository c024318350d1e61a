// Package httpprovider calls functions that are HTTP endpoints. It is the Caddy module event_gateway.providers.http.
// What makes the request is package httpcall, which says when one is sent a second time.
package httpprovider

import (
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/httpcall"
)

func init() {
	caddy.RegisterModule(new(Provider))
}

// Provider is a function that is called with an HTTP request.
type Provider struct {
	// URL is the http or https endpoint that is called. A user and password in it are sent as basic authentication.
	// Required.
	URL string `json:"url"`
	// Method is the request method, in capitals. Default: "POST".
	Method string `json:"method,omitempty"`
	// Headers are sent with every call, besides Content-Type and what the function's format adds; they win over those.
	// "Host" sets the host the function sees.
	Headers map[string]string `json:"headers,omitempty"`
	// Basic, Bearer (a token) or OAuth2 say to the function who calls it, in the Authorization header: at most one of them, and
	// none beside a user in URL or that header among Headers. Default: none.
	Basic  *Basic  `json:"basic,omitempty"`
	Bearer string  `json:"bearer,omitempty"`
	OAuth2 *OAuth2 `json:"oauth2,omitempty"`
	// ClientCertificate is for functions that ask for one in the TLS handshake, or whose own no authority that the system trusts
	// has signed. Default: none.
	ClientCertificate *ClientCertificate `json:"clientCertificate,omitempty"`
	// Signing has every call signed. Default: none is.
	Signing *Signing `json:"signing,omitempty"`
}

// CaddyModule implements caddy.Module.
func (*Provider) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: providers.Namespace + ".http", New: func() caddy.Module { return new(Provider) }}
}

// Validate implements providers.Provider.
func (p *Provider) Validate() error {
	target, err := httpcall.ParseURL("url", p.URL)
	if err != nil {
		return err
	}
	switch p.Method {
	case "", http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
		http.MethodGet, http.MethodHead, http.MethodOptions:
	default:
		return eventgateway.InvalidField("method", p.Method, "POST, PUT, PATCH, DELETE, GET, HEAD or OPTIONS")
	}
	if err := validateHeaders(p.Headers); err != nil {
		return err
	}
	if err := p.validateAuthorization(target.User != nil); err != nil {
		return err
	}
	if p.ClientCertificate != nil {
		if err := p.ClientCertificate.validate(target.Scheme); err != nil {
			return err
		}
	}
	if p.Signing != nil {
		return p.Signing.validate(p)
	}
	return nil
}
