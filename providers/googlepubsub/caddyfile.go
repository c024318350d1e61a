package googlepubsub

import (
	"io"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
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
	options := map[string]*string{
		"topic":        &p.Topic,
		"credentials":  &p.Credentials,
		"ordering_key": &p.OrderingKey,
		"endpoint":     &p.Endpoint,
	}
	d.Next() // the type name
	if d.NextArg() {
		p.Topic = d.Val()
	}
	if d.NextArg() {
		return d.ArgErr()
	}
	for d.NextBlock(0) {
		name := d.Val()
		field := options[name]
		switch {
		case field == nil:
			return d.Errf("unknown option %q of provider googlepubsub: want topic, credentials, ordering_key or endpoint", name)
		case *field != "":
			return d.Errf("%s is given twice", name)
		case !d.AllArgs(field):
			return d.ArgErr()
		}
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
