// Command guard-go is a plugin of the Event Gateway that is a program of its own. It refuses events whose type begins with the
// value of GUARD_PREFIX, and writes failed calls of functions to the gateway's log.
package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"os"
	"strings"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/plugins/external/sdk"
)

func main() {
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	sdk.Serve(&guard{prefix: os.Getenv("GUARD_PREFIX"), log: log})
}

type guard struct {
	prefix string
	log    *slog.Logger
}

// Subscriptions implements sdk.Plugin.
func (g *guard) Subscriptions() []sdk.Subscription {
	return []sdk.Subscription{
		{Event: eventgateway.EventReceived, Type: eventgateway.Sync},
		{Event: eventgateway.FunctionInvocationFailed, Type: eventgateway.Async},
	}
}

// React implements sdk.Plugin.
func (g *guard) React(_ context.Context, ev *eventgateway.Event) error {
	var data struct {
		Space      string `json:"space"`
		FunctionID string `json:"functionId"`
		Event      struct {
			Type string `json:"event"`
		} `json:"event"`
	}
	if err := json.Unmarshal(ev.Data, &data); err != nil {
		return err
	}
	if ev.Type == eventgateway.FunctionInvocationFailed {
		g.log.Warn("a call has failed", "space", data.Space, "function", data.FunctionID, "event", data.Event.Type)
		return nil
	}
	if g.prefix != "" && strings.HasPrefix(data.Event.Type, g.prefix) {
		return &sdk.Refusal{Status: http.StatusForbidden, Message: "events of type " + data.Event.Type + " are not for you"}
	}
	return nil
}
