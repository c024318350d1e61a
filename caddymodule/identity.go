package caddymodule

import (
	"fmt"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// unmarshalServerIdentity reads what functions of a space may use the server's own identity in a cloud for. Syntax:
//
//	server_identity <resource> <hosts...>
func (s *SpaceConfig) unmarshalServerIdentity(d *caddyfile.Dispenser) error {
	var resource string
	if !d.Args(&resource) {
		return d.ArgErr()
	}
	hosts := d.RemainingArgs()
	if len(hosts) == 0 {
		return d.Errf("server_identity %s: missing: want the hosts that may see tokens for it, such as orders.azurewebsites.net", resource)
	}
	if s.ServerIdentity == nil {
		s.ServerIdentity = map[string][]string{}
	}
	s.ServerIdentity[resource] = append(s.ServerIdentity[resource], hosts...)
	return nil
}

// checkServerIdentity checks what functions of the space of that name may use the server's own identity for.
func (s *SpaceConfig) checkServerIdentity(space string) error {
	for resource, hosts := range s.ServerIdentity {
		if resource == "" || strings.ContainsAny(resource, " {}") {
			return fmt.Errorf("spaces.%s.server_identity: %q is not accepted: want what tokens are for, such as "+
				"api://6731de76-14a6-49ae-97bc-6eba6914391e; placeholders are not expanded here", space, resource)
		}
		for _, host := range hosts {
			if name := strings.TrimPrefix(host, "*."); name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789.-:_") != "" {
				return fmt.Errorf("spaces.%s.server_identity.%s: %q is not accepted: want a host in lower case without a port, "+
					"such as orders.azurewebsites.net, or *.example.com for all below one", space, resource, host)
			}
		}
	}
	return nil
}

// showsIdentity reports whether a function of a space at host may get tokens of the server's own identity for resource.
func (a *App) showsIdentity(space, resource, host string) bool {
	config := a.Spaces[space]
	if config == nil {
		return false
	}
	for _, allowed := range config.ServerIdentity[resource] {
		below, isPattern := strings.CutPrefix(allowed, "*")
		if allowed == host || isPattern && strings.HasSuffix(host, below) {
			return true
		}
	}
	return false
}

// showsIdentity asks the configuration in force.
func (e *engine) showsIdentity(space, resource, host string) bool {
	app := e.inForce.Load()
	return app != nil && app.showsIdentity(space, resource, host)
}
