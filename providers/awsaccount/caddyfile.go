package awsaccount

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/eventgateway/eventgateway/internal/caddyblock"
	"github.com/eventgateway/eventgateway/providers"
)

var _ providers.Secretive = (*Account)(nil)

// ReadCaddyfile reads a provider's Caddyfile form: its type name, perhaps one argument, and a block with the provider's own
// options beside those of the account. field is the provider's own that the argument stands for, by the name of its option; it
// and region are required.
func (a *Account) ReadCaddyfile(d *caddyfile.Dispenser, name string, field *string, own ...caddyblock.Option) error {
	options := append([]caddyblock.Option{caddyblock.String(name, field)}, own...)
	options = append(options,
		caddyblock.String("region", &a.Region),
		caddyblock.String("access_key_id", &a.AccessKeyID),
		caddyblock.String("secret_access_key", &a.SecretAccessKey),
		caddyblock.String("session_token", &a.SessionToken),
		caddyblock.String("role_arn", &a.RoleARN),
		caddyblock.String("external_id", &a.ExternalID),
		caddyblock.String("endpoint", &a.Endpoint),
	)
	d.Next()
	provider := "provider " + d.Val()
	if d.NextArg() {
		*field = d.Val()
	}
	if err := caddyblock.Read(d, provider, options...); err != nil {
		return err
	}
	if *field == "" || a.Region == "" {
		return d.Errf("%s needs %s and region", provider, name)
	}
	return nil
}
