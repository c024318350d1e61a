package kafka

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
//	kafka [<topic>] {
//	    brokers   <host:port...>
//	    topic     <topic>
//	    key       <expression>
//	    client_id <id>
//	    sasl      <mechanism> <username> <password>
//	    tls {
//	        ca          <pem>
//	        certificate <pem>
//	        key         <pem>
//	        server_name <name>
//	    }
//	}
func (p *Provider) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	if err := caddyblock.ReadModule(d, "provider", &p.Topic,
		caddyblock.Strings("brokers", &p.Brokers),
		caddyblock.String("topic", &p.Topic),
		caddyblock.String("key", &p.Key),
		caddyblock.String("client_id", &p.ClientID),
		caddyblock.Once("sasl", &p.SASL, (*SASL).unmarshalCaddyfile),
		caddyblock.Once("tls", &p.TLS, (*clienttls.Settings).UnmarshalCaddyfile),
	); err != nil {
		return err
	}
	if len(p.Brokers) == 0 || p.Topic == "" {
		return d.Err("provider kafka needs brokers and a topic")
	}
	return nil
}

func (s *SASL) unmarshalCaddyfile(d *caddyfile.Dispenser) error {
	if !d.AllArgs(&s.Mechanism, &s.Username, &s.Password) {
		return d.ArgErr()
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
