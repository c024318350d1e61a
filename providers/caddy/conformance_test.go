package caddyprovider_test

import (
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/providertest"
)

// TestConformance runs the suite with a route that passes every request on to the suite's edge: the route is called as the edge.
func TestConformance(t *testing.T) {
	transport := new(http.Transport)
	route := func(name string) string { return strings.TrimPrefix(name, "http://") }
	live := ""
	providertest.Run(t, providertest.Config{
		Type: "caddy",
		Fields: func(edge string) string {
			if live == "" {
				live = route(edge) // the suite's edge; others are ones that are gone
			}
			return `{"route":"` + route(edge) + `","method":"PUT","uri":"/orders?page=2"}`
		},
		Caddyfile: func(edge string) string {
			return "caddy " + route(edge) + " {\n\tmethod PUT\n\turi /orders?page=2\n}\n"
		},
		Env: func(env *providers.Env) {
			env.Route = func(name string) http.Handler {
				if name != live {
					return nil
				}
				return passOn(transport, name)
			}
		},
	})
}

// passOn is a proxy that aborts where the other side has no whole answer.
func passOn(transport http.RoundTripper, host string) http.Handler {
	return &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: "http", Host: host}) },
		Transport: transport,
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) {
			panic(http.ErrAbortHandler)
		},
	}
}
