// Package httpprovider calls functions that are HTTP endpoints. It is the Caddy module event_gateway.providers.http.
//
// A call is one request. It is sent a second time only where the first cannot have been processed: when nothing of it was
// written because a pooled connection turned out to be dead, or when an HTTP/2 server said that it did not look at it. For
// the safe methods GET, HEAD and OPTIONS (and for requests with an Idempotency-Key header) net/http also tries again when
// a pooled connection dies before the first byte of the answer; a POST fails then, and whether to try again is decided by
// the subscription's delivery.
package httpprovider

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
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
}

// CaddyModule implements caddy.Module.
func (*Provider) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: providers.Namespace + ".http", New: func() caddy.Module { return new(Provider) }}
}

// Validate implements providers.Provider.
func (p *Provider) Validate() error {
	if _, err := parseURL(p.URL); err != nil {
		return err
	}
	switch p.Method {
	case "", http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
		http.MethodGet, http.MethodHead, http.MethodOptions:
	default:
		return eventgateway.InvalidField("method", p.Method, "POST, PUT, PATCH, DELETE, GET, HEAD or OPTIONS")
	}
	return validateHeaders(p.Headers)
}

// Open implements providers.Provider.
func (p *Provider) Open(env providers.Env) (providers.Invoker, error) {
	target, err := parseURL(p.URL)
	if err != nil {
		return nil, err
	}
	header := http.Header{"User-Agent": {"event-gateway"}}
	request := http.Request{
		Method: p.Method, URL: target, Host: target.Host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
	if request.Method == "" {
		request.Method = http.MethodPost
	}
	if user := target.User; user != nil {
		password, _ := user.Password()
		header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(user.Username()+":"+password)))
		target.User = nil // net/http's transport does not read it, and what it does not hold it cannot tell
	}
	for name, value := range p.Headers {
		if strings.EqualFold(name, "Host") {
			request.Host = value
			continue
		}
		header.Set(name, value)
	}
	return newInvoker(&request, header, env.MaxResponse, shared), nil
}

// parseURL returns the parsed form of a valid provider URL. Its errors show the URL only where it holds no credential.
func parseURL(raw string) (*url.URL, error) {
	const accepted = "an http or https URL with a host, such as https://example.com/hello"
	if raw == "" {
		return nil, refuse("url: missing: want %s", accepted)
	}
	unfit := func(accepted string) (*url.URL, error) {
		if strings.ContainsAny(raw, "@?") {
			return nil, refuse("url: not accepted: want %s", accepted)
		}
		return nil, eventgateway.InvalidField("url", raw, accepted)
	}
	u, err := url.Parse(raw)
	switch {
	case len(raw) > 8<<10:
		return unfit("at most 8 KiB")
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "", !validHost(u.Host):
		return unfit(accepted)
	case u.Fragment != "" || strings.HasSuffix(raw, "#"):
		return unfit("a URL without a #fragment, which is not sent over HTTP")
	}
	return u, nil
}
