package caddymodule

import (
	"encoding/json"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/eventgateway/eventgateway/delivery"
	"github.com/eventgateway/eventgateway/internal/caddyblock"
)

// parseGlobalOption reads the global option block. Several blocks are merged: lists add up, and a setting that stands
// twice is an error.
func parseGlobalOption(d *caddyfile.Dispenser, existing any) (any, error) {
	app := new(App)
	if previous, ok := existing.(httpcaddyfile.App); ok {
		if err := json.Unmarshal(previous.Value, app); err != nil {
			return nil, err
		}
	}
	if err := app.UnmarshalCaddyfile(d); err != nil {
		return nil, err
	}
	return httpcaddyfile.App{Name: "event_gateway", Value: caddyconfig.JSON(app, nil)}, nil
}

// UnmarshalCaddyfile sets up the app from the global options. Syntax:
//
//	event_gateway {
//	    data_dir          <path>
//	    etcd              [<endpoints...>] {
//	        endpoints    <endpoints...>
//	        prefix       <prefix>
//	        username     <name>
//	        password     <password>
//	        dial_timeout <duration>
//	        tls {
//	            ca          <pem_files...>
//	            cert        <cert_file> <key_file>
//	            server_name <name>
//	        }
//	    }
//	    queue <name> {...}
//	    delivery {...}
//	    duplicate_window  <duration>
//	    concurrency       <number>
//	    drain_timeout     <duration>
//	    max_response_size <size>
//	    max_depth         <number>
//	    egress {
//	        allow <hosts|networks...>
//	        deny  <hosts|networks...>
//	        only_allowed
//	    }
//	    encryption {
//	        key <id> env|file <variable|path>
//	    }
//	    space             <name> {...}
//	    plugin            <name> {...}
//	    function          <id> {...}
//	    event_type        <name> {...}
//	    cors              <method> <path> {...}
//	    subscription      [<event>] {...}
//	}
func (a *App) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the option name
	return caddyblock.Read(d, "event_gateway",
		caddyblock.String("data_dir", &a.DataDir),
		caddyblock.Merged("etcd", &a.Etcd, (*EtcdConfig).unmarshalCaddyfile),
		caddyblock.Func("queue", a.unmarshalQueue),
		caddyblock.Merged("delivery", &a.Delivery, unmarshalDelivery),
		caddyblock.Duration("duplicate_window", &a.DuplicateWindow),
		caddyblock.Int("concurrency", &a.Concurrency),
		caddyblock.Duration("drain_timeout", &a.DrainTimeout),
		caddyblock.Size("max_response_size", &a.MaxResponseSize),
		caddyblock.Int("max_depth", &a.MaxDepth),
		caddyblock.Merged("egress", &a.Egress, (*EgressConfig).unmarshalCaddyfile),
		caddyblock.Merged("encryption", &a.Encryption, (*EncryptionConfig).unmarshalCaddyfile),
		caddyblock.Func("space", a.unmarshalSpace),
		caddyblock.Func("plugin", a.unmarshalPlugin),
		caddyblock.Func("function", a.unmarshalFunction),
		caddyblock.Func("event_type", a.unmarshalEventType),
		caddyblock.Func("cors", a.unmarshalCORSResource),
		caddyblock.Func("subscription", a.unmarshalSubscription),
	)
}

func (e *EtcdConfig) unmarshalCaddyfile(d *caddyfile.Dispenser) error {
	e.Endpoints = append(e.Endpoints, d.RemainingArgs()...)
	return caddyblock.Read(d, "etcd",
		caddyblock.Strings("endpoints", &e.Endpoints),
		caddyblock.String("prefix", &e.Prefix),
		caddyblock.String("username", &e.Username),
		caddyblock.String("password", &e.Password),
		caddyblock.Duration("dial_timeout", &e.DialTimeout),
		caddyblock.Merged("tls", &e.TLS, (*EtcdTLS).unmarshalCaddyfile),
	)
}

func (t *EtcdTLS) unmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return caddyblock.Read(d, "tls",
		caddyblock.Strings("ca", &t.CAFiles),
		caddyblock.Args("cert", &t.CertFile, &t.KeyFile),
		caddyblock.String("server_name", &t.ServerName),
	)
}

// unmarshalQueue reads `queue <name> {...}`: the rest is the guest's.
func (a *App) unmarshalQueue(d *caddyfile.Dispenser) error {
	if a.QueueRaw != nil {
		return d.Err("queue is given twice")
	}
	if !d.NextArg() {
		return d.ArgErr()
	}
	name := d.Val()
	if _, err := caddy.GetModule(delivery.Namespace + "." + name); err != nil {
		return d.Errf("unrecognized queue %q: want one of %v", name, guestNames(delivery.Namespace))
	}
	guest, err := caddyfile.UnmarshalModule(d, delivery.Namespace+"."+name)
	if err != nil {
		return err
	}
	a.QueueRaw = caddyconfig.JSONModuleObject(guest, "type", name, nil)
	return nil
}

// guestNames returns the names of the modules in a namespace.
func guestNames(namespace string) []string {
	var names []string
	for _, m := range caddy.GetModules(namespace) {
		names = append(names, m.ID.Name())
	}
	return names
}

// parseEventsHandler sets up the Events API. Syntax:
//
//	event_gateway [<matcher>] {
//	    space         <name>
//	    strict
//	    max_body_size <size>
//	    read_timeout  <duration>
//	    route         <name> [<spaces...>]
//	}
func parseEventsHandler(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	handler := new(EventsHandler)
	d := h.Dispenser
	d.Next() // consume the directive
	return handler, caddyblock.Read(d, "event_gateway",
		caddyblock.String("space", &handler.Space),
		caddyblock.Flag("strict", &handler.Strict),
		caddyblock.Size("max_body_size", &handler.MaxBodySize),
		caddyblock.Duration("read_timeout", &handler.ReadTimeout),
		caddyblock.Func("route", func(*caddyfile.Dispenser) error { return handler.unmarshalRoute(h) }),
	)
}

// parseConfigHandler sets up the Configuration API. Syntax:
//
//	event_gateway_config [<matcher>]
func parseConfigHandler(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	d := h.Dispenser
	d.Next() // consume the directive
	return new(ConfigHandler), caddyblock.Read(d, "event_gateway_config")
}

// Interface guards
var _ caddyfile.Unmarshaler = (*App)(nil)
