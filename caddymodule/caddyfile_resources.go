package caddymodule

import (
	"encoding/json"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
)

// unmarshalFunction reads a static function. Syntax:
//
//	function <id> {
//	    space       <name>
//	    timeout     <duration>
//	    concurrency <number>
//	    format      event|cloudevents|cloudevents-binary|raw|apigateway-v1|apigateway-v2
//	    metadata    <key> <value>
//	    <provider> ...
//	}
func (a *App) unmarshalFunction(d *caddyfile.Dispenser) error {
	fn := new(eventgateway.Function)
	if !d.AllArgs(&fn.ID) {
		return d.ArgErr()
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		var err error
		switch name := d.Val(); name {
		case "space":
			err = setString(d, &fn.Space)
		case "timeout":
			err = setDuration(d, (*caddy.Duration)(&fn.Timeout))
		case "concurrency":
			err = setInt(d, &fn.Concurrency)
		case "format":
			err = setString(d, (*string)(&fn.Format))
		case "metadata":
			err = setPair(d, &fn.Metadata)
		default:
			if fn.Type != "" {
				return d.Errf("function %s has a provider already (%s): %q is not accepted beside it", fn.ID, fn.Type, name)
			}
			fn.Type = name
			fn.Provider, err = unmarshalProvider(d, name)
		}
		if err != nil {
			return err
		}
	}
	if fn.Type == "" {
		return d.Errf("function %s has no provider: want one of %v", fn.ID, providers.Types())
	}
	a.Functions = append(a.Functions, fn)
	return nil
}

func unmarshalProvider(d *caddyfile.Dispenser, name string) (json.RawMessage, error) {
	id := providers.Namespace + "." + name
	if _, err := caddy.GetModule(id); err != nil {
		return nil, d.Errf("unrecognized subdirective %q: want space, timeout, concurrency, format, metadata, or a provider: %v",
			name, providers.Types())
	}
	module, err := caddyfile.UnmarshalModule(d, id)
	if err != nil {
		return nil, err
	}
	return caddyconfig.JSON(module, nil), nil
}

// unmarshalSubscription reads a static subscription. Syntax:
//
//	subscription [<event>] {
//	    event              <type>
//	    function           <id>
//	    space              <name>
//	    type               sync|async
//	    method             <method>
//	    path               <path>
//	    filter             <expression>
//	    pattern            <json>
//	    transform          <expression>
//	    response_transform <expression>
//	    header             <name> <expression>
//	    metadata           <key> <value>
//	    paused
//	    delivery {...}
//	    cors {
//	        origins <origins...>
//	        methods <methods...>
//	        headers <headers...>
//	        allow_credentials
//	    }
//	}
func (a *App) unmarshalSubscription(d *caddyfile.Dispenser) error {
	sub := new(eventgateway.Subscription)
	if d.NextArg() {
		sub.Event = d.Val()
	}
	if d.NextArg() {
		return d.ArgErr()
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		var err error
		switch name := d.Val(); name {
		case "event":
			err = setString(d, &sub.Event)
		case "function":
			err = setString(d, &sub.FunctionID)
		case "space":
			err = setString(d, &sub.Space)
		case "type":
			err = setString(d, (*string)(&sub.Type))
		case "method":
			err = setString(d, &sub.Method)
		case "path":
			err = setString(d, &sub.Path)
		case "filter":
			err = setString(d, &sub.Filter)
		case "pattern":
			err = setObject(d, &sub.Pattern)
		case "transform":
			err = setString(d, &sub.Transform)
		case "response_transform":
			err = setString(d, &sub.ResponseTransform)
		case "header":
			err = setPair(d, &sub.Headers)
		case "metadata":
			err = setPair(d, &sub.Metadata)
		case "cors":
			sub.CORS, err = unmarshalCORS(d, sub.CORS)
		case "delivery":
			if err = once(d, sub.Delivery == nil); err == nil {
				sub.Delivery = new(eventgateway.Delivery)
				err = unmarshalDelivery(d, sub.Delivery)
			}
		case "paused":
			err = setFlag(d, &sub.Paused)
		default:
			err = d.Errf("unrecognized subdirective %q: want event, function, space, type, method, path, filter, pattern, "+
				"transform, response_transform, header, metadata, cors, delivery or paused", name)
		}
		if err != nil {
			return err
		}
	}
	a.Subscriptions = append(a.Subscriptions, sub)
	return nil
}

func unmarshalCORS(d *caddyfile.Dispenser, previous *eventgateway.CORS) (*eventgateway.CORS, error) {
	if err := once(d, previous == nil); err != nil {
		return nil, err
	}
	if d.NextArg() {
		return nil, d.ArgErr()
	}
	cors := new(eventgateway.CORS)
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		var err error
		switch name := d.Val(); name {
		case "origins":
			err = addStrings(d, &cors.Origins)
		case "methods":
			err = addStrings(d, &cors.Methods)
		case "headers":
			err = addStrings(d, &cors.Headers)
		case "allow_credentials":
			err = setFlag(d, &cors.AllowCredentials)
		default:
			err = d.Errf("unrecognized cors subdirective %q: want origins, methods, headers or allow_credentials", name)
		}
		if err != nil {
			return nil, err
		}
	}
	return cors, nil
}

// setFlag sets what needs no value.
func setFlag(d *caddyfile.Dispenser, to *bool) error {
	if err := once(d, !*to); err != nil {
		return err
	}
	if d.NextArg() {
		return d.ArgErr()
	}
	*to = true
	return nil
}

// setPair adds a name and its value.
func setPair(d *caddyfile.Dispenser, to *map[string]string) error {
	setting, args := d.Val(), d.RemainingArgs()
	if len(args) != 2 {
		return d.ArgErr()
	}
	if *to == nil {
		*to = map[string]string{}
	}
	if _, ok := (*to)[args[0]]; ok {
		return d.Errf("%s %s is set twice", setting, args[0])
	}
	(*to)[args[0]] = args[1]
	return nil
}

func setObject(d *caddyfile.Dispenser, to *json.RawMessage) error {
	setting, text := d.Val(), ""
	if err := once(d, *to == nil); err != nil {
		return err
	}
	if !d.AllArgs(&text) {
		return d.ArgErr()
	}
	if !json.Valid([]byte(text)) || !strings.HasPrefix(strings.TrimSpace(text), "{") {
		return d.Errf("%s: not accepted: want a JSON object", setting)
	}
	*to = json.RawMessage(text)
	return nil
}
