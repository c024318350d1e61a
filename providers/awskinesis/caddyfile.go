package awskinesis

import (
	"io"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/eventgateway/eventgateway/internal/caddyblock"
	"github.com/eventgateway/eventgateway/providers"
)

// UnmarshalCaddyfile sets the fields from Caddyfile tokens:
//
//	awskinesis [<stream name>] {
//	    stream_name       <name>
//	    partition_key     <CEL expression>
//	    region            <region>
//	    access_key_id     <id>
//	    secret_access_key <key>
//	    session_token     <token>
//	    role_arn          <arn>
//	    external_id       <id>
//	    endpoint          <url>
//	}
func (p *Provider) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return p.ReadCaddyfile(d, "stream_name", &p.StreamName,
		caddyblock.String("partition_key", &p.PartitionKey),
	)
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
