package httpprovider

import (
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/eventgateway/eventgateway/internal/caddyblock"
	"github.com/eventgateway/eventgateway/providers"
)

// UnmarshalCaddyfile sets the fields from Caddyfile tokens:
//
//	http [<url>] {
//	    url    <url>
//	    method <method>
//	    header <name> <value>
//	    basic  <username> <password>
//	    bearer <token>
//	    oauth2 [<token_url>] {
//	        token_url     <token_url>
//	        client_id     <id>
//	        client_secret <secret>
//	        scopes        <scopes...>
//	        audience      <audience>
//	        auth_style    header|body
//	    }
//	    client_certificate {
//	        certificate <pem>
//	        key         <pem>
//	        ca          <pem>
//	    }
//	    signing <secret> [<second_secret>]
//	}
func (p *Provider) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	if err := caddyblock.ReadModule(d, "provider", &p.URL,
		caddyblock.String("url", &p.URL),
		caddyblock.String("method", &p.Method),
		caddyblock.Func("header", p.unmarshalHeader),
		caddyblock.Once("basic", &p.Basic, (*Basic).unmarshalCaddyfile),
		caddyblock.String("bearer", &p.Bearer),
		caddyblock.Once("oauth2", &p.OAuth2, (*OAuth2).unmarshalCaddyfile),
		caddyblock.Once("client_certificate", &p.ClientCertificate, (*ClientCertificate).unmarshalCaddyfile),
		caddyblock.Once("signing", &p.Signing, (*Signing).unmarshalCaddyfile),
	); err != nil {
		return err
	}
	if p.URL == "" {
		return d.Err("provider http needs a url")
	}
	return nil
}

func (p *Provider) unmarshalHeader(d *caddyfile.Dispenser) error {
	var name, value string
	if !d.AllArgs(&name, &value) {
		return d.ArgErr()
	}
	for given := range p.Headers {
		if http.CanonicalHeaderKey(given) == http.CanonicalHeaderKey(name) {
			return d.Errf("header %s is given twice", name)
		}
	}
	if p.Headers == nil {
		p.Headers = make(map[string]string)
	}
	p.Headers[name] = value
	return nil
}

func (b *Basic) unmarshalCaddyfile(d *caddyfile.Dispenser) error {
	if !d.AllArgs(&b.Username, &b.Password) {
		return d.ArgErr()
	}
	return nil
}

func (o *OAuth2) unmarshalCaddyfile(d *caddyfile.Dispenser) error {
	if d.NextArg() {
		o.TokenURL = d.Val()
	}
	return caddyblock.Read(d, "oauth2",
		caddyblock.String("token_url", &o.TokenURL),
		caddyblock.String("client_id", &o.ClientID),
		caddyblock.String("client_secret", &o.ClientSecret),
		caddyblock.Strings("scopes", &o.Scopes),
		caddyblock.String("audience", &o.Audience),
		caddyblock.String("auth_style", &o.AuthStyle),
	)
}

func (c *ClientCertificate) unmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return caddyblock.Read(d, "client_certificate",
		caddyblock.String("certificate", &c.Certificate),
		caddyblock.String("key", &c.Key),
		caddyblock.String("ca", &c.CA),
	)
}

func (s *Signing) unmarshalCaddyfile(d *caddyfile.Dispenser) error {
	if s.Secrets = d.RemainingArgs(); len(s.Secrets) == 0 {
		return d.ArgErr()
	}
	return nil
}

var (
	_ caddy.Module          = (*Provider)(nil)
	_ caddyfile.Unmarshaler = (*Provider)(nil)
	_ providers.Provider    = (*Provider)(nil)
	_ providers.Secretive   = (*Provider)(nil)
)
