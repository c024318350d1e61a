package caddymodule

import (
	"encoding/json"
	"os"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/eventgateway/eventgateway"
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
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		var err error
		switch option := d.Val(); option {
		case "strict":
			err = setFlag(d, &a.Spaces[name].Strict)
		case "secret":
			err = a.Spaces[name].unmarshalSecret(d)
		case "server_identity":
			err = a.Spaces[name].unmarshalServerIdentity(d)
		default:
			err = d.Errf("unrecognized space subdirective %q: want strict, secret or server_identity", option)
		}
		if err != nil {
			return err
		}
	}
	return nil
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
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		var err error
		switch name := d.Val(); name {
		case "space":
			err = setString(d, &t.Space)
		case "authorizer":
			err = setString(d, &t.AuthorizerID)
		case "schema":
			err = setSchema(d, &t.Schema)
		case "schema_mode":
			err = setString(d, (*string)(&t.SchemaMode))
		case "metadata":
			err = setPair(d, &t.Metadata)
		default:
			err = d.Errf("unrecognized event_type subdirective %q: want space, authorizer, schema, schema_mode or metadata", name)
		}
		if err != nil {
			return err
		}
	}
	a.EventTypes = append(a.EventTypes, t)
	return nil
}

// setSchema reads a JSON Schema that stands there itself, as an object or boolean, or in a file.
func setSchema(d *caddyfile.Dispenser, to *json.RawMessage) error {
	text := ""
	if err := once(d, *to == nil); err != nil {
		return err
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
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		var err error
		switch name := d.Val(); name {
		case "space":
			err = setString(d, &c.Space)
		case "origins":
			err = addStrings(d, &c.AllowedOrigins)
		case "methods":
			err = addStrings(d, &c.AllowedMethods)
		case "headers":
			err = addStrings(d, &c.AllowedHeaders)
		case "allow_credentials":
			err = setFlag(d, &c.AllowCredentials)
		case "metadata":
			err = setPair(d, &c.Metadata)
		default:
			err = d.Errf("unrecognized cors subdirective %q: want space, origins, methods, headers, allow_credentials or metadata",
				name)
		}
		if err != nil {
			return err
		}
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
