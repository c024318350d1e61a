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
//	}
func (p *Provider) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the type name
	if d.NextArg() {
		p.URL = d.Val()
	}
	if d.NextArg() {
		return d.ArgErr()
	}
	names := make(map[string]bool)
	for d.NextBlock(0) {
		switch option := d.Val(); option {
		case "url":
			if p.URL != "" {
				return d.Err("url is given twice")
			}
			if !d.AllArgs(&p.URL) {
				return d.ArgErr()
			}
		case "method":
			if p.Method != "" {
				return d.Err("method is given twice")
			}
			if !d.AllArgs(&p.Method) {
				return d.ArgErr()
			}
		case "header":
			var name, value string
			if !d.AllArgs(&name, &value) {
				return d.ArgErr()
			}
			if key := http.CanonicalHeaderKey(name); names[key] {
				return d.Errf("header %s is given twice", name)
			} else {
				names[key] = true
			}
			if p.Headers == nil {
				p.Headers = make(map[string]string)
			}
			p.Headers[name] = value
		default:
			return d.Errf("unknown option %q of provider http: want url, method or header", option)
		}
	}
	if p.URL == "" {
		return d.Err("provider http needs a url")
	}
	return nil
}

var (
	_ caddy.Module          = (*Provider)(nil)
	_ caddyfile.Unmarshaler = (*Provider)(nil)
	_ providers.Provider    = (*Provider)(nil)
	_ providers.Secretive   = (*Provider)(nil)
	_ providers.Invoker     = (*invoker)(nil)
)
