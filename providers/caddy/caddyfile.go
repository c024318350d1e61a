package caddyprovider

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/eventgateway/eventgateway/internal/caddyblock"
	"github.com/eventgateway/eventgateway/providers"
)

// UnmarshalCaddyfile sets the fields from Caddyfile tokens:
//
//	caddy [<route>] {
//	    route  <route>
//	    method <method>
//	    uri    <uri>
//	}
func (p *Provider) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	if err := caddyblock.ReadModule(d, "provider", &p.Route,
		caddyblock.String("route", &p.Route),
		caddyblock.String("method", &p.Method),
		caddyblock.String("uri", &p.URI),
	); err != nil {
		return err
	}
	if p.Route == "" {
		return d.Err("provider caddy needs a route")
	}
	return nil
}

var (
	_ caddy.Module          = (*Provider)(nil)
	_ caddyfile.Unmarshaler = (*Provider)(nil)
	_ providers.Provider    = (*Provider)(nil)
	_ providers.Invoker     = (*invoker)(nil)
)
