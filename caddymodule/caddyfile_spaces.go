package caddymodule

import (
	"encoding/json"
	"os"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/internal/caddyblock"
	"github.com/eventgateway/eventgateway/plugins"
)

// unmarshalSpace reads what is asked of one space. Syntax:
//
//	space <name> {
//	    strict
//	    secret <name> env|file <variable|path>
//	    server_identity <resource> <hosts...>
//	}
func (a *App) unmarshalSpace(d *caddyfile.Dispenser) error {
	var name string
	if !d.AllArgs(&name) {
		return d.ArgErr()
	}
	if a.Spaces == nil {
		a.Spaces = map[string]*SpaceConfig{}
	}
	if a.Spaces[name] == nil {
		a.Spaces[name] = new(SpaceConfig)
	}
	space := a.Spaces[name]
	return caddyblock.Read(d, "space",
		caddyblock.Flag("strict", &space.Strict),
		caddyblock.Func("secret", space.unmarshalSecret),
		caddyblock.Func("server_identity", space.unmarshalServerIdentity),
	)
}

// unmarshalEventType reads a static event type. Syntax:
//
//	event_type <name> {
//	    space       <name>
//	    authorizer  <function>
//	    schema      <json>|<file>
//	    schema_mode reject|flag|off
//	    metadata    <key> <value>
//	}
func (a *App) unmarshalEventType(d *caddyfile.Dispenser) error {
	t := new(eventgateway.EventType)
	if !d.AllArgs(&t.Name) {
		return d.ArgErr()
	}
	if err := caddyblock.Read(d, "event_type",
		caddyblock.String("space", &t.Space),
		caddyblock.String("authorizer", &t.AuthorizerID),
		caddyblock.Func("schema", func(d *caddyfile.Dispenser) error { return setSchema(d, &t.Schema) }),
		caddyblock.String("schema_mode", &t.SchemaMode),
		pairs("metadata", &t.Metadata),
	); err != nil {
		return err
	}
	a.EventTypes = append(a.EventTypes, t)
	return nil
}

// setSchema reads a JSON Schema that stands there itself, as an object or boolean, or in a file.
func setSchema(d *caddyfile.Dispenser, to *json.RawMessage) error {
	text := ""
	if *to != nil {
		return d.Err("schema is given twice")
	}
	if !d.AllArgs(&text) {
		return d.ArgErr()
	}
	inline := strings.HasPrefix(strings.TrimSpace(text), "{") || text == "true" || text == "false"
	if !inline {
		content, err := os.ReadFile(text)
		if err != nil {
			return d.Errf("schema: %v: want a JSON Schema, or the name of a file that holds one", err)
		}
		text = string(content)
	}
	if !json.Valid([]byte(text)) {
		return d.Err("schema: not accepted: want a JSON Schema, which is JSON")
	}
	*to = json.RawMessage(text)
	return nil
}

// unmarshalCORSResource reads a static CORS resource. Syntax:
//
//	cors <method> <path> {
//	    space   <name>
//	    origins <origins...>
//	    methods <methods...>
//	    headers <headers...>
//	    allow_credentials
//	    metadata <key> <value>
//	}
func (a *App) unmarshalCORSResource(d *caddyfile.Dispenser) error {
	c := new(eventgateway.CORSResource)
	if !d.AllArgs(&c.Method, &c.Path) {
		return d.ArgErr()
	}
	if err := caddyblock.Read(d, "cors",
		caddyblock.String("space", &c.Space),
		caddyblock.Strings("origins", &c.AllowedOrigins),
		caddyblock.Strings("methods", &c.AllowedMethods),
		caddyblock.Strings("headers", &c.AllowedHeaders),
		caddyblock.Flag("allow_credentials", &c.AllowCredentials),
		pairs("metadata", &c.Metadata),
	); err != nil {
		return err
	}
	a.CORS = append(a.CORS, c)
	return nil
}

// unmarshalPlugin reads `plugin <name> {...}`: the rest is the guest's.
func (a *App) unmarshalPlugin(d *caddyfile.Dispenser) error {
	if !d.NextArg() {
		return d.ArgErr()
	}
	name := d.Val()
	if _, err := caddy.GetModule(plugins.Namespace + "." + name); err != nil {
		return d.Errf("unrecognized plugin %q: want one of %v", name, guestNames(plugins.Namespace))
	}
	guest, err := caddyfile.UnmarshalModule(d, plugins.Namespace+"."+name)
	if err != nil {
		return err
	}
	a.PluginsRaw = append(a.PluginsRaw, caddyconfig.JSONModuleObject(guest, "plugin", name, nil))
	return nil
}
