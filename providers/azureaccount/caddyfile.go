package azureaccount

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/eventgateway/eventgateway/internal/caddyblock"
)

// ReadCaddyfile reads a provider's Caddyfile form: its type name, perhaps one argument, and a block with the provider's own
// options beside those of the account:
//
//	<type> [<field>] {
//	    <own options>
//	    tenant_id         <id>
//	    client_id         <id>
//	    client_secret     <secret>
//	    managed_identity
//	    workload_identity
//	    authority         <url>
//	}
//
// field is the provider's own that the argument stands for, by the name of its option; it is required.
func (a *Account) ReadCaddyfile(d *caddyfile.Dispenser, name string, field *string, own ...caddyblock.Option) error {
	options := append([]caddyblock.Option{caddyblock.String(name, field)}, own...)
	options = append(options,
		caddyblock.String("tenant_id", &a.TenantID),
		caddyblock.String("client_id", &a.ClientID),
		caddyblock.String("client_secret", &a.ClientSecret),
		caddyblock.Flag("managed_identity", &a.ManagedIdentity),
		caddyblock.Flag("workload_identity", &a.WorkloadIdentity),
		caddyblock.String("authority", &a.Authority),
	)
	d.Next()
	provider := "provider " + d.Val()
	if d.NextArg() {
		*field = d.Val()
	}
	if err := caddyblock.Read(d, provider, options...); err != nil {
		return err
	}
	if *field == "" {
		return d.Errf("%s needs %s", provider, name)
	}
	return nil
}
