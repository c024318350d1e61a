package kafka

import (
	"io"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
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
	d.Next() // the type name
	if d.NextArg() {
		p.Topic = d.Val()
	}
	if d.NextArg() {
		return d.ArgErr()
	}
	texts := map[string]*string{"topic": &p.Topic, "key": &p.Key, "client_id": &p.ClientID}
	for d.NextBlock(0) {
		option := d.Val()
		if field := texts[option]; field != nil {
			if *field != "" {
				return d.Errf("%s is given twice", option)
			}
			if !d.AllArgs(field) {
				return d.ArgErr()
			}
			continue
		}
		switch option {
		case "brokers":
			brokers := d.RemainingArgs()
			if len(brokers) == 0 {
				return d.ArgErr()
			}
			p.Brokers = append(p.Brokers, brokers...)
		case "sasl":
			if p.SASL != nil {
				return d.Err("sasl is given twice")
			}
			p.SASL = new(SASL)
			if !d.AllArgs(&p.SASL.Mechanism, &p.SASL.Username, &p.SASL.Password) {
				return d.ArgErr()
			}
		case "tls":
			if p.TLS != nil {
				return d.Err("tls is given twice")
			}
			settings, err := clienttls.ReadCaddyfile(d)
			if err != nil {
				return err
			}
			p.TLS = settings
		default:
			return d.Errf("unknown option %q of provider kafka: want brokers, topic, key, client_id, sasl or tls", option)
		}
	}
	if len(p.Brokers) == 0 || p.Topic == "" {
		return d.Err("provider kafka needs brokers and a topic")
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
