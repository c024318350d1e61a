package awslambda

import (
	"io"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/eventgateway/eventgateway/providers"
)

// UnmarshalCaddyfile sets the fields from Caddyfile tokens:
//
//	awslambda [<arn>] {
//	    arn               <arn>
//	    region            <region>
//	    access_key_id     <id>
//	    secret_access_key <key>
//	    session_token     <token>
//	    role_arn          <arn>
//	    endpoint          <url>
//	}
func (p *Provider) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	options := map[string]*string{
		"arn":               &p.ARN,
		"region":            &p.Region,
		"access_key_id":     &p.AccessKeyID,
		"secret_access_key": &p.SecretAccessKey,
		"session_token":     &p.SessionToken,
		"role_arn":          &p.RoleARN,
		"endpoint":          &p.Endpoint,
	}
	d.Next() // the type name
	if d.NextArg() {
		p.ARN = d.Val()
	}
	if d.NextArg() {
		return d.ArgErr()
	}
	for d.NextBlock(0) {
		name := d.Val()
		field := options[name]
		switch {
		case field == nil:
			return d.Errf("unknown option %q of provider awslambda: want arn, region, access_key_id, secret_access_key, "+
				"session_token, role_arn or endpoint", name)
		case *field != "":
			return d.Errf("%s is given twice", name)
		case !d.AllArgs(field):
			return d.ArgErr()
		}
	}
	if p.ARN == "" || p.Region == "" {
		return d.Err("provider awslambda needs an arn and a region")
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
