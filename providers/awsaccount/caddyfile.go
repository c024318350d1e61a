package awsaccount

import (
	"maps"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/eventgateway/eventgateway/providers"
)

var _ providers.Secretive = (*Account)(nil)

// CaddyfileOptions returns the account's Caddyfile options, by name, with the fields they set.
func (a *Account) CaddyfileOptions() map[string]*string {
	return map[string]*string{
		"region":            &a.Region,
		"access_key_id":     &a.AccessKeyID,
		"secret_access_key": &a.SecretAccessKey,
		"session_token":     &a.SessionToken,
		"role_arn":          &a.RoleARN,
		"external_id":       &a.ExternalID,
		"endpoint":          &a.Endpoint,
	}
}

// ReadCaddyfile reads a provider's Caddyfile form: its type name, perhaps one argument, and a block with the provider's own
// options beside those of the account. argument names the own option that may also stand as the argument; it and region
// are required.
func (a *Account) ReadCaddyfile(d *caddyfile.Dispenser, argument string, own map[string]*string) error {
	options := a.CaddyfileOptions()
	maps.Copy(options, own)
	d.Next()
	provider := d.Val()
	if d.NextArg() {
		*own[argument] = d.Val()
	}
	if d.NextArg() {
		return d.ArgErr()
	}
	for d.NextBlock(0) {
		name := d.Val()
		field := options[name]
		switch {
		case field == nil:
			return d.Errf("unknown option %q of provider %s: want one of %s", name, provider,
				strings.Join(slices.Sorted(maps.Keys(options)), ", "))
		case *field != "":
			return d.Errf("%s is given twice", name)
		case !d.AllArgs(field):
			return d.ArgErr()
		}
	}
	if *own[argument] == "" || a.Region == "" {
		return d.Errf("provider %s needs %s and region", provider, argument)
	}
	return nil
}
