package awsstepfunctions

import (
	"io"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/eventgateway/eventgateway/internal/caddyblock"
	"github.com/eventgateway/eventgateway/providers"
)

// UnmarshalCaddyfile sets the fields from Caddyfile tokens:
//
//	awsstepfunctions [<state machine ARN>] {
//	    state_machine_arn <arn>
//	    mode              sync|async
//	    region            <region>
//	    access_key_id     <id>
//	    secret_access_key <key>
//	    session_token     <token>
//	    role_arn          <arn>
//	    external_id       <id>
//	    endpoint          <url>
//	}
func (p *Provider) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return p.ReadCaddyfile(d, "state_machine_arn", &p.StateMachineARN,
		caddyblock.String("mode", &p.Mode),
	)
}

var (
	_ caddy.Module          = (*Provider)(nil)
	_ caddyfile.Unmarshaler = (*Provider)(nil)
	_ providers.Provider    = (*Provider)(nil)
	_ providers.Secretive   = (*Provider)(nil)
	_ providers.Invoker     = (*invoker)(nil)
	_ providers.Invoker     = (*syncInvoker)(nil)
	_ io.Closer             = (*invoker)(nil)
	_ io.Closer             = (*syncInvoker)(nil)
)
