package azureaccount

import (
	"maps"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// UnmarshalBlock sets the account's fields, and those of the provider given as texts, from the block of a provider in a
// Caddyfile:
//
//	<type> [<first>] {
//	    <name of texts>   <value>
//	    tenant_id         <id>
//	    client_id         <id>
//	    client_secret     <secret>
//	    managed_identity
//	    workload_identity
//	    authority         <url>
//	}
//
// first is the field that may also stand behind the type, and is required.
func (a *Account) UnmarshalBlock(d *caddyfile.Dispenser, first string, texts map[string]*string) error {
	texts = maps.Clone(texts)
	texts["tenant_id"], texts["client_id"] = &a.TenantID, &a.ClientID
	texts["client_secret"], texts["authority"] = &a.ClientSecret, &a.Authority
	flags := map[string]*bool{"managed_identity": &a.ManagedIdentity, "workload_identity": &a.WorkloadIdentity}
	d.Next()
	typ := d.Val()
	if d.NextArg() {
		*texts[first] = d.Val()
	}
	if d.NextArg() {
		return d.ArgErr()
	}
	for d.NextBlock(0) {
		name := d.Val()
		text, flag := texts[name], flags[name]
		switch {
		case text == nil && flag == nil:
			names := slices.AppendSeq(slices.Collect(maps.Keys(texts)), maps.Keys(flags))
			slices.Sort(names)
			return d.Errf("unknown option %q of provider %s: want %s", name, typ, strings.Join(names, ", "))
		case text != nil && *text != "" || flag != nil && *flag:
			return d.Errf("%s is given twice", name)
		case text != nil:
			if !d.AllArgs(text) {
				return d.ArgErr()
			}
		default:
			if *flag = true; d.NextArg() {
				return d.ArgErr()
			}
		}
	}
	if *texts[first] == "" {
		return d.Errf("provider %s needs %s", typ, first)
	}
	return nil
}
