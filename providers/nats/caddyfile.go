package natsprovider

import (
	"io"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/eventgateway/eventgateway/internal/caddyblock"
	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/clienttls"
)

// UnmarshalCaddyfile sets the fields from Caddyfile tokens:
//
//	nats [<subject>] {
//	    urls        <url...>
//	    subject     <subject>
//	    jetstream
//	    request
//	    credentials <contents of a .creds file>
//	    nkey_seed   <seed>
//	    token       <token>
//	    user        <user>
//	    password    <password>
//	    tls {
//	        ca          <pem>
//	        certificate <pem>
//	        key         <pem>
//	        server_name <name>
//	    }
//	}
func (p *Provider) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	if err := caddyblock.ReadModule(d, "provider", &p.Subject,
		caddyblock.Strings("urls", &p.URLs),
		caddyblock.String("subject", &p.Subject),
		caddyblock.Flag("jetstream", &p.JetStream),
		caddyblock.Flag("request", &p.Request),
		caddyblock.String("credentials", &p.Credentials),
		caddyblock.String("nkey_seed", &p.NkeySeed),
		caddyblock.String("token", &p.Token),
		caddyblock.String("user", &p.User),
		caddyblock.String("password", &p.Password),
		caddyblock.Once("tls", &p.TLS, (*clienttls.Settings).UnmarshalCaddyfile),
	); err != nil {
		return err
	}
	if len(p.URLs) == 0 || p.Subject == "" {
		return d.Err("provider nats needs urls and a subject")
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
