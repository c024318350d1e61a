package caddymodule

import (
	"encoding/json"
	"strconv"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/dustin/go-humanize"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/delivery"
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
	if d.NextArg() {
		return d.ArgErr()
	}
	for d.NextBlock(0) {
		var err error
		switch name := d.Val(); name {
		case "data_dir":
			err = setString(d, &a.DataDir)
		case "etcd":
			err = a.unmarshalEtcd(d)
		case "queue":
			err = a.unmarshalQueue(d)
		case "delivery":
			if a.Delivery == nil {
				a.Delivery = new(eventgateway.Delivery)
			}
			err = unmarshalDelivery(d, a.Delivery)
		case "duplicate_window":
			err = setDuration(d, &a.DuplicateWindow)
		case "concurrency":
			err = setInt(d, &a.Concurrency)
		case "drain_timeout":
			err = setDuration(d, &a.DrainTimeout)
		case "max_response_size":
			err = setSize(d, &a.MaxResponseSize)
		case "max_depth":
			err = setInt(d, &a.MaxDepth)
		case "egress":
			err = a.unmarshalEgress(d)
		case "encryption":
			err = a.unmarshalEncryption(d)
		case "space":
			err = a.unmarshalSpace(d)
		case "plugin":
			err = a.unmarshalPlugin(d)
		case "function":
			err = a.unmarshalFunction(d)
		case "event_type":
			err = a.unmarshalEventType(d)
		case "cors":
			err = a.unmarshalCORSResource(d)
		case "subscription":
			err = a.unmarshalSubscription(d)
		default:
			err = d.Errf("unrecognized subdirective %q: want data_dir, etcd, queue, delivery, duplicate_window, concurrency, "+
				"drain_timeout, max_response_size, max_depth, egress, encryption, space, plugin, function, event_type, cors or subscription", name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (a *App) unmarshalEtcd(d *caddyfile.Dispenser) error {
	if a.Etcd == nil {
		a.Etcd = new(EtcdConfig)
	}
	e := a.Etcd
	e.Endpoints = append(e.Endpoints, d.RemainingArgs()...)
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		var err error
		switch name := d.Val(); name {
		case "endpoints":
			err = addStrings(d, &e.Endpoints)
		case "prefix":
			err = setString(d, &e.Prefix)
		case "username":
			err = setString(d, &e.Username)
		case "password":
			err = setString(d, &e.Password)
		case "dial_timeout":
			err = setDuration(d, &e.DialTimeout)
		case "tls":
			err = e.unmarshalTLS(d)
		default:
			err = d.Errf("unrecognized etcd subdirective %q: want endpoints, prefix, username, password, dial_timeout or tls", name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (e *EtcdConfig) unmarshalTLS(d *caddyfile.Dispenser) error {
	if d.NextArg() {
		return d.ArgErr()
	}
	if e.TLS == nil {
		e.TLS = new(EtcdTLS)
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		var err error
		switch name := d.Val(); name {
		case "ca":
			err = addStrings(d, &e.TLS.CAFiles)
		case "cert":
			args := d.RemainingArgs()
			if len(args) != 2 || e.TLS.CertFile != "" {
				return d.ArgErr()
			}
			e.TLS.CertFile, e.TLS.KeyFile = args[0], args[1]
		case "server_name":
			err = setString(d, &e.TLS.ServerName)
		default:
			err = d.Errf("unrecognized tls subdirective %q: want ca, cert or server_name", name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// unmarshalQueue reads `queue <name> {...}`: the rest is the guest's.
func (a *App) unmarshalQueue(d *caddyfile.Dispenser) error {
	if err := once(d, a.QueueRaw == nil); err != nil {
		return err
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
	if d.NextArg() {
		return nil, d.ArgErr()
	}
	for d.NextBlock(0) {
		var err error
		switch name := d.Val(); name {
		case "space":
			err = setString(d, &handler.Space)
		case "strict":
			err = setFlag(d, &handler.Strict)
		case "max_body_size":
			err = setSize(d, &handler.MaxBodySize)
		case "read_timeout":
			err = setDuration(d, &handler.ReadTimeout)
		case "route":
			err = handler.unmarshalRoute(h)
		default:
			err = d.Errf("unrecognized subdirective %q: want space, strict, max_body_size, read_timeout or route", name)
		}
		if err != nil {
			return nil, err
		}
	}
	return handler, nil
}

// parseConfigHandler sets up the Configuration API. Syntax:
//
//	event_gateway_config [<matcher>]
func parseConfigHandler(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	d := h.Dispenser
	d.Next() // consume the directive
	if d.NextArg() {
		return nil, d.ArgErr()
	}
	for d.NextBlock(0) {
		return nil, d.Errf("unrecognized subdirective %q: event_gateway_config has none", d.Val())
	}
	return new(ConfigHandler), nil
}

// once reports an error if the setting in the dispenser's current line stands for the second time.
func once(d *caddyfile.Dispenser, unset bool) error {
	if !unset {
		return d.Errf("%s is set twice", d.Val())
	}
	return nil
}

func setString(d *caddyfile.Dispenser, to *string) error {
	if err := once(d, *to == ""); err != nil {
		return err
	}
	if !d.AllArgs(to) {
		return d.ArgErr()
	}
	return nil
}

func addStrings(d *caddyfile.Dispenser, to *[]string) error {
	args := d.RemainingArgs()
	if len(args) == 0 {
		return d.ArgErr()
	}
	*to = append(*to, args...)
	return nil
}

func setInt(d *caddyfile.Dispenser, to *int) error {
	name, text := d.Val(), ""
	if err := once(d, *to == 0); err != nil {
		return err
	}
	if !d.AllArgs(&text) {
		return d.ArgErr()
	}
	n, err := strconv.Atoi(text)
	if err != nil || n <= 0 {
		return d.Errf("%s: %q is not accepted: want a positive number", name, text)
	}
	*to = n
	return nil
}

func setSize(d *caddyfile.Dispenser, to *int64) error {
	name, text := d.Val(), ""
	if err := once(d, *to == 0); err != nil {
		return err
	}
	if !d.AllArgs(&text) {
		return d.ArgErr()
	}
	n, err := humanize.ParseBytes(text)
	if err != nil || n == 0 || n > 1<<40 {
		return d.Errf("%s: %q is not accepted: want a size such as 512KiB or 10MiB", name, text)
	}
	*to = int64(n)
	return nil
}

func setDuration(d *caddyfile.Dispenser, to *caddy.Duration) error {
	name, text := d.Val(), ""
	if err := once(d, *to == 0); err != nil {
		return err
	}
	if !d.AllArgs(&text) {
		return d.ArgErr()
	}
	v, err := caddy.ParseDuration(text)
	if err != nil || v <= 0 {
		return d.Errf("%s: %q is not accepted: want a positive duration such as 30s", name, text)
	}
	*to = caddy.Duration(v)
	return nil
}

// Interface guards
var _ caddyfile.Unmarshaler = (*App)(nil)
