package httpprovider

import (
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
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
	d.Next() // the type name
	if d.NextArg() {
		p.URL = d.Val()
	}
	if d.NextArg() {
		return d.ArgErr()
	}
	for d.NextBlock(0) {
		var err error
		switch option := d.Val(); option {
		case "url":
			err = setText(d, &p.URL)
		case "method":
			err = setText(d, &p.Method)
		case "header":
			err = p.unmarshalHeader(d)
		case "basic":
			err = p.unmarshalBasic(d)
		case "bearer":
			err = setText(d, &p.Bearer)
		case "oauth2":
			err = p.unmarshalOAuth2(d)
		case "client_certificate":
			err = p.unmarshalClientCertificate(d)
		case "signing":
			err = p.unmarshalSigning(d)
		default:
			err = d.Errf("unknown option %q of provider http: want url, method, header, basic, bearer, oauth2, client_certificate or signing", option)
		}
		if err != nil {
			return err
		}
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

func (p *Provider) unmarshalBasic(d *caddyfile.Dispenser) error {
	if p.Basic != nil {
		return d.Err("basic is given twice")
	}
	p.Basic = new(Basic)
	if !d.AllArgs(&p.Basic.Username, &p.Basic.Password) {
		return d.ArgErr()
	}
	return nil
}

func (p *Provider) unmarshalOAuth2(d *caddyfile.Dispenser) error {
	if p.OAuth2 != nil {
		return d.Err("oauth2 is given twice")
	}
	o := new(OAuth2)
	p.OAuth2 = o
	if d.NextArg() {
		o.TokenURL = d.Val()
	}
	if d.NextArg() {
		return d.ArgErr()
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		var err error
		switch option := d.Val(); option {
		case "token_url":
			err = setText(d, &o.TokenURL)
		case "client_id":
			err = setText(d, &o.ClientID)
		case "client_secret":
			err = setText(d, &o.ClientSecret)
		case "scopes":
			scopes := d.RemainingArgs()
			if len(scopes) == 0 {
				return d.ArgErr()
			}
			o.Scopes = append(o.Scopes, scopes...)
		case "audience":
			err = setText(d, &o.Audience)
		case "auth_style":
			err = setText(d, &o.AuthStyle)
		default:
			err = d.Errf("unknown option %q of oauth2: want token_url, client_id, client_secret, scopes, audience or auth_style", option)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *Provider) unmarshalClientCertificate(d *caddyfile.Dispenser) error {
	if p.ClientCertificate != nil {
		return d.Err("client_certificate is given twice")
	}
	if d.NextArg() {
		return d.ArgErr()
	}
	c := new(ClientCertificate)
	p.ClientCertificate = c
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		var err error
		switch option := d.Val(); option {
		case "certificate":
			err = setText(d, &c.Certificate)
		case "key":
			err = setText(d, &c.Key)
		case "ca":
			err = setText(d, &c.CA)
		default:
			err = d.Errf("unknown option %q of client_certificate: want certificate, key or ca", option)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *Provider) unmarshalSigning(d *caddyfile.Dispenser) error {
	if p.Signing != nil {
		return d.Err("signing is given twice")
	}
	p.Signing = &Signing{Secrets: d.RemainingArgs()}
	if len(p.Signing.Secrets) == 0 {
		return d.ArgErr()
	}
	return nil
}

// setText reads the one argument of an option that is given once.
func setText(d *caddyfile.Dispenser, to *string) error {
	option := d.Val()
	if *to != "" {
		return d.Errf("%s is given twice", option)
	}
	if !d.AllArgs(to) {
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
