package caddyprovider

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
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
	d.Next() // the type name
	if d.NextArg() {
		p.Route = d.Val()
	}
	if d.NextArg() {
		return d.ArgErr()
	}
	options := map[string]*string{"route": &p.Route, "method": &p.Method, "uri": &p.URI}
	for d.NextBlock(0) {
		name := d.Val()
		field := options[name]
		switch {
		case field == nil:
			return d.Errf("unknown option %q of provider caddy: want route, method or uri", name)
		case *field != "":
			return d.Errf("%s is given twice", name)
		case !d.AllArgs(field):
			return d.ArgErr()
		}
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
