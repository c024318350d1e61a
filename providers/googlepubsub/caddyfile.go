package googlepubsub

import (
	"io"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/eventgateway/eventgateway/internal/caddyblock"
	"github.com/eventgateway/eventgateway/providers"
)

// UnmarshalCaddyfile sets the fields from Caddyfile tokens:
//
//	googlepubsub [<topic>] {
//	    topic        <topic>
//	    credentials  <json>
//	    ordering_key <expression>
//	    endpoint     <url>
//	}
func (p *Provider) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	if err := caddyblock.ReadModule(d, "provider", &p.Topic,
		caddyblock.String("topic", &p.Topic),
		caddyblock.String("credentials", &p.Credentials),
		caddyblock.String("ordering_key", &p.OrderingKey),
		caddyblock.String("endpoint", &p.Endpoint),
	); err != nil {
		return err
	}
	if p.Topic == "" {
		return d.Err("provider googlepubsub needs a topic")
	}
	return nil
}

var (
	_ caddy.Module          = (*Provider)(nil)
	_ caddyfile.Unmarshaler = (*Provider)(nil)
	_ providers.Provider    = (*Provider)(nil)
	_ providers.Secretive   = (*Provider)(nil)
	_ providers.Keyed       = (*Provider)(nil)
	_ providers.Invoker     = (*invoker)(nil)
	_ io.Closer             = (*invoker)(nil)
)
