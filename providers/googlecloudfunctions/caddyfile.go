package googlecloudfunctions

import (
	"io"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/eventgateway/eventgateway/internal/caddyblock"
	"github.com/eventgateway/eventgateway/providers"
)

// UnmarshalCaddyfile sets the fields from Caddyfile tokens:
//
//	googlecloudfunctions [<url>] {
//	    url         <url>
//	    audience    <audience>
//	    credentials <json>
//	}
func (p *Provider) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	if err := caddyblock.ReadModule(d, "provider", &p.URL,
		caddyblock.String("url", &p.URL),
		caddyblock.String("audience", &p.Audience),
		caddyblock.String("credentials", &p.Credentials),
	); err != nil {
		return err
	}
	if p.URL == "" {
		return d.Err("provider googlecloudfunctions needs a url")
	}
	return nil
}

var (
	_ caddy.Module          = (*Provider)(nil)
	_ caddyfile.Unmarshaler = (*Provider)(nil)
	_ providers.Provider    = (*Provider)(nil)
	_ providers.Secretive   = (*Provider)(nil)
	_ providers.Invoker     = (*invoker)(nil)
	_ io.Closer             = (*invoker)(nil)
)
