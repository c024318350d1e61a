package natsprovider

import (
	"io"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
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
	d.Next() // the type name
	if d.NextArg() {
		p.Subject = d.Val()
	}
	if d.NextArg() {
		return d.ArgErr()
	}
	texts := map[string]*string{
		"subject": &p.Subject, "credentials": &p.Credentials, "nkey_seed": &p.NkeySeed, "token": &p.Token,
		"user": &p.User, "password": &p.Password,
	}
	flags := map[string]*bool{"jetstream": &p.JetStream, "request": &p.Request}
	for d.NextBlock(0) {
		option := d.Val()
		text, flag := texts[option], flags[option]
		switch {
		case text != nil && *text != "", flag != nil && *flag, option == "tls" && p.TLS != nil:
			return d.Errf("%s is given twice", option)
		case text != nil:
			if !d.AllArgs(text) {
				return d.ArgErr()
			}
		case flag != nil:
			if d.NextArg() {
				return d.ArgErr()
			}
			*flag = true
		case option == "urls":
			urls := d.RemainingArgs()
			if len(urls) == 0 {
				return d.ArgErr()
			}
			p.URLs = append(p.URLs, urls...)
		case option == "tls":
			settings, err := clienttls.ReadCaddyfile(d)
			if err != nil {
				return err
			}
			p.TLS = settings
		default:
			return d.Errf("unknown option %q of provider nats: want urls, subject, jetstream, request, credentials, nkey_seed, token, "+
				"user, password or tls", option)
		}
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
