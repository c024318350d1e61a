package caddymodule

import (
	"encoding/json"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/internal/caddyblock"
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
	if err := caddyblock.Read(d, "function",
		caddyblock.String("space", &fn.Space),
		caddyblock.Duration("timeout", &fn.Timeout),
		caddyblock.Int("concurrency", &fn.Concurrency),
		caddyblock.String("format", &fn.Format),
		pairs("metadata", &fn.Metadata),
		caddyblock.Else(func(d *caddyfile.Dispenser) (err error) {
			name := d.Val()
			if fn.Type != "" {
				return d.Errf("function %s has a provider already (%s): %q is not accepted beside it", fn.ID, fn.Type, name)
			}
			fn.Type = name
			fn.Provider, err = unmarshalProvider(d, name)
			return err
		}),
	); err != nil {
		return err
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
		return nil, d.Errf("unknown option %q of function: want space, timeout, concurrency, format, metadata, or a provider: %v",
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
	if err := caddyblock.Read(d, "subscription",
		caddyblock.String("event", &sub.Event),
		caddyblock.String("function", &sub.FunctionID),
		caddyblock.String("space", &sub.Space),
		caddyblock.String("type", &sub.Type),
		caddyblock.String("method", &sub.Method),
		caddyblock.String("path", &sub.Path),
		caddyblock.String("filter", &sub.Filter),
		caddyblock.Func("pattern", func(d *caddyfile.Dispenser) error { return setObject(d, &sub.Pattern) }),
		caddyblock.String("transform", &sub.Transform),
		caddyblock.String("response_transform", &sub.ResponseTransform),
		pairs("header", &sub.Headers),
		pairs("metadata", &sub.Metadata),
		caddyblock.Flag("paused", &sub.Paused),
		caddyblock.Once("delivery", &sub.Delivery, unmarshalDelivery),
		caddyblock.Once("cors", &sub.CORS, unmarshalCORS),
	); err != nil {
		return err
	}
	a.Subscriptions = append(a.Subscriptions, sub)
	return nil
}

func unmarshalCORS(cors *eventgateway.CORS, d *caddyfile.Dispenser) error {
	return caddyblock.Read(d, "cors",
		caddyblock.Strings("origins", &cors.Origins),
		caddyblock.Strings("methods", &cors.Methods),
		caddyblock.Strings("headers", &cors.Headers),
		caddyblock.Flag("allow_credentials", &cors.AllowCredentials),
	)
}

// pairs returns an option that adds a name and its value.
func pairs(option string, to *map[string]string) caddyblock.Option {
	return caddyblock.Func(option, func(d *caddyfile.Dispenser) error {
		var name, value string
		if !d.AllArgs(&name, &value) {
			return d.ArgErr()
		}
		if _, ok := (*to)[name]; ok {
			return d.Errf("%s %s is given twice", option, name)
		}
		if *to == nil {
			*to = map[string]string{}
		}
		(*to)[name] = value
		return nil
	})
}

func setObject(d *caddyfile.Dispenser, to *json.RawMessage) error {
	setting, text := d.Val(), ""
	if *to != nil {
		return d.Errf("%s is given twice", setting)
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
