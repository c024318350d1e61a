// Package deny is a plugin that refuses events of one type.
package deny

import (
	"context"
	"encoding/json"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/plugins"
)

func init() { caddy.RegisterModule(new(Deny)) }

// Deny refuses events of one type.
type Deny struct {
	Type string `json:"type"`
}

// CaddyModule returns the Caddy module information.
func (*Deny) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: plugins.Namespace + ".deny", New: func() caddy.Module { return new(Deny) }}
}

// Subscriptions implements plugins.Plugin.
func (*Deny) Subscriptions() []plugins.Subscription {
	return []plugins.Subscription{{Event: eventgateway.EventReceived, Type: eventgateway.Sync}}
}

// React implements plugins.Plugin.
func (d *Deny) React(_ context.Context, ev *eventgateway.Event) error {
	var data struct{ Event struct{ Event string } }
	if err := json.Unmarshal(ev.Data, &data); err != nil {
		return err
	}
	if data.Event.Event == d.Type {
		return &plugins.Refusal{Status: 403, Message: "events of this type are denied"}
	}
	return nil
}

// UnmarshalCaddyfile reads "plugin deny <type>".
func (d *Deny) UnmarshalCaddyfile(text *caddyfile.Dispenser) error {
	text.Next()
	if !text.AllArgs(&d.Type) {
		return text.ArgErr()
	}
	return nil
}
