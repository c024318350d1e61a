package azureeventgrid

import (
	"io"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/eventgateway/eventgateway/internal/caddyblock"
	"github.com/eventgateway/eventgateway/providers"
)

// UnmarshalCaddyfile sets the fields from Caddyfile tokens:
//
//	azureeventgrid [<endpoint>] {
//	    endpoint          <url>
//	    access_key        <key>
//	    tenant_id         <id>
//	    client_id         <id>
//	    client_secret     <secret>
//	    managed_identity
//	    workload_identity
//	    authority         <url>
//	}
func (p *Provider) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return p.ReadCaddyfile(d, "endpoint", &p.Endpoint,
		caddyblock.String("access_key", &p.AccessKey),
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
