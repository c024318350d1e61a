package openwhisk

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/eventgateway/eventgateway/providers"
)

// UnmarshalCaddyfile sets the fields from Caddyfile tokens:
//
//	openwhisk [<action>] {
//	    api_host  <host or url>
//	    namespace <name>
//	    package   <name>
//	    action    <name>
//	    auth      <id:key>
//	}
func (p *Provider) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	options := map[string]*string{
		"api_host": &p.APIHost, "namespace": &p.Namespace, "package": &p.Package, "action": &p.Action, "auth": &p.Auth,
	}
	d.Next() // the type name
	if d.NextArg() {
		p.Action = d.Val()
	}
	if d.NextArg() {
		return d.ArgErr()
	}
	for d.NextBlock(0) {
		name := d.Val()
		field := options[name]
		switch {
		case field == nil:
			return d.Errf("unknown option %q of provider openwhisk: want api_host, namespace, package, action or auth", name)
		case *field != "":
			return d.Errf("%s is given twice", name)
		case !d.AllArgs(field):
			return d.ArgErr()
		}
	}
	if p.APIHost == "" || p.Namespace == "" || p.Action == "" || p.Auth == "" {
		return d.Err("provider openwhisk needs an api_host, a namespace, an action and an auth")
	}
	return nil
}

var (
	_ caddy.Module          = (*Provider)(nil)
	_ caddyfile.Unmarshaler = (*Provider)(nil)
	_ providers.Provider    = (*Provider)(nil)
	_ providers.Secretive   = (*Provider)(nil)
	_ providers.Invoker     = (*invoker)(nil)
)
