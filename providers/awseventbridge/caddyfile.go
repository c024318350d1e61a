package awseventbridge

import (
	"io"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/eventgateway/eventgateway/internal/caddyblock"
	"github.com/eventgateway/eventgateway/providers"
)

// UnmarshalCaddyfile sets the fields from Caddyfile tokens:
//
//	awseventbridge [<bus name>] {
//	    event_bus_name    <name>
//	    source            <source>
//	    region            <region>
//	    access_key_id     <id>
//	    secret_access_key <key>
//	    session_token     <token>
//	    role_arn          <arn>
//	    external_id       <id>
//	    endpoint          <url>
//	}
func (p *Provider) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return p.ReadCaddyfile(d, "event_bus_name", &p.EventBusName,
		caddyblock.String("source", &p.Source),
	)
}

var (
	_ caddy.Module          = (*Provider)(nil)
	_ caddyfile.Unmarshaler = (*Provider)(nil)
	_ providers.Provider    = (*Provider)(nil)
	_ providers.Secretive   = (*Provider)(nil)
	_ providers.Invoker     = (*invoker)(nil)
	_ io.Closer             = (*invoker)(nil)
)
