// Package redisprovider is a provider from outside the Event Gateway: functions of type redis are lists in a Redis server, or in
// another that speaks its protocol. Every event is pushed to the end of the list, for whoever takes it from there. It is the Caddy
// module event_gateway.providers.redis.
package redisprovider

import (
	"net"
	"strconv"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
)

func init() {
	caddy.RegisterModule(new(Provider))
}

// Provider is a list that events are pushed to.
type Provider struct {
	// Address is the server's, host:port. Required.
	Address string `json:"address"`
	// List is the key of the list. Required.
	List string `json:"list"`
	// Username and Password log in. Default: no login; with a password alone, as the server's default user.
	Username string `json:"username,omitempty"`
	Password string `json:"password,omitempty"`
}

// CaddyModule implements caddy.Module.
func (*Provider) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: providers.Namespace + ".redis", New: func() caddy.Module { return new(Provider) }}
}

// Validate implements providers.Provider.
func (p *Provider) Validate() error {
	host, port, err := net.SplitHostPort(p.Address)
	if n, portErr := strconv.ParseUint(port, 10, 16); err != nil || host == "" || portErr != nil || n == 0 {
		return eventgateway.InvalidField("address", p.Address, "host:port, such as localhost:6379")
	}
	switch {
	case p.List == "" || len(p.List) > 1024:
		return eventgateway.InvalidField("list", p.List, "the key of a list, 1 to 1024 bytes")
	case p.Username != "" && p.Password == "":
		return eventgateway.Errorf(eventgateway.Invalid, "password: missing: want it beside username")
	}
	return nil
}

// EachSecret implements providers.Secretive.
func (p *Provider) EachSecret(visit func(name, value string) string) {
	if p.Password != "" {
		p.Password = visit("password", p.Password)
	}
}

// Open implements providers.Provider. It connects to nothing yet.
func (p *Provider) Open(env providers.Env) (providers.Invoker, error) {
	return &invoker{provider: *p, dial: env.Egress.DialContext}, nil
}

// UnmarshalCaddyfile sets the fields from Caddyfile tokens:
//
//	redis [<address>] {
//	    address  <address>
//	    list     <key>
//	    username <name>
//	    password <password>
//	}
func (p *Provider) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the type name
	if d.NextArg() {
		p.Address = d.Val()
	}
	if d.NextArg() {
		return d.ArgErr()
	}
	options := map[string]*string{
		"address": &p.Address, "list": &p.List, "username": &p.Username, "password": &p.Password,
	}
	for d.NextBlock(0) {
		option := d.Val()
		field := options[option]
		switch {
		case field == nil:
			return d.Errf("unknown option %q of provider redis: want address, list, username or password", option)
		case *field != "":
			return d.Errf("%s is given twice", option)
		case !d.AllArgs(field):
			return d.ArgErr()
		}
	}
	return nil
}

var (
	_ caddy.Module          = (*Provider)(nil)
	_ caddyfile.Unmarshaler = (*Provider)(nil)
	_ providers.Provider    = (*Provider)(nil)
	_ providers.Secretive   = (*Provider)(nil)
)
