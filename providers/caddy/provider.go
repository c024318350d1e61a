// Package caddyprovider calls functions that are named routes of the Caddy that the gateway runs in: a request goes through the
// route's handlers in this process, without a connection. It is the Caddy module event_gateway.providers.caddy.
//
// Which routes functions may be, and those of which spaces, is for the server's configuration to say.
package caddyprovider

import (
	"net/http"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/caddyserver/caddy/v2"
	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
)

func init() {
	caddy.RegisterModule(new(Provider))
}

// Provider is a function that is a named route of this Caddy.
type Provider struct {
	// Route is the name of the route. Required.
	Route string `json:"route"`
	// Method is the request method, in capitals. Default: "POST".
	Method string `json:"method,omitempty"`
	// URI is the path, and perhaps the query, of the request. Default: "/".
	URI string `json:"uri,omitempty"`
}

// CaddyModule implements caddy.Module.
func (*Provider) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: providers.Namespace + ".caddy", New: func() caddy.Module { return new(Provider) }}
}

const (
	maxRoute = 256
	maxURI   = 8 << 10
)

// Validate implements providers.Provider.
func (p *Provider) Validate() error {
	unfit := func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }
	switch {
	case p.Route == "":
		return eventgateway.Errorf(eventgateway.Invalid, "route: missing: want the name of a named route")
	case len(p.Route) > maxRoute || !utf8.ValidString(p.Route) || strings.ContainsFunc(p.Route, unfit):
		return eventgateway.InvalidField("route", p.Route, "the name of a named route: at most 256 bytes without spaces")
	}
	switch p.Method {
	case "", http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
		http.MethodGet, http.MethodHead, http.MethodOptions:
	default:
		return eventgateway.InvalidField("method", p.Method, "POST, PUT, PATCH, DELETE, GET, HEAD or OPTIONS")
	}
	_, err := parseURI(p.URI)
	return err
}

// parseURI returns where a request for a valid URI goes.
func parseURI(uri string) (*url.URL, error) {
	if uri == "" {
		uri = "/"
	}
	u, err := url.ParseRequestURI(uri)
	if err != nil || uri[0] != '/' || len(uri) > maxURI || strings.ContainsAny(uri, "# ") {
		return nil, eventgateway.InvalidField("uri", uri, "a path that begins with /, perhaps with a ?query, of at most 8 KiB")
	}
	return u, nil
}

// Open implements providers.Provider. The route is looked for at each call.
func (p *Provider) Open(env providers.Env) (providers.Invoker, error) {
	target, err := parseURI(p.URI)
	if err != nil {
		return nil, err
	}
	f := &invoker{
		name: p.Route, space: env.Space, find: env.Route, method: p.Method, target: target,
		maxResponse: env.MaxResponse, logger: env.Logger.With("space", env.Space, "function", env.FunctionID),
	}
	if f.method == "" {
		f.method = http.MethodPost
	}
	return f, nil
}
