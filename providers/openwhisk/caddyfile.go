package openwhisk

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/eventgateway/eventgateway/internal/caddyblock"
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
	if err := caddyblock.ReadModule(d, "provider", &p.Action,
		caddyblock.String("api_host", &p.APIHost),
		caddyblock.String("namespace", &p.Namespace),
		caddyblock.String("package", &p.Package),
		caddyblock.String("action", &p.Action),
		caddyblock.String("auth", &p.Auth),
	); err != nil {
		return err
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
