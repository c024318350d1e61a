package caddymodule

import (
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// ConfigHandler is the Configuration API: functions and subscriptions, status and metrics. It asks nobody who they are, so
// put it on a loopback address or behind authentication.
type ConfigHandler struct {
	app *App
}

// CaddyModule returns the Caddy module information.
func (ConfigHandler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.event_gateway_config", New: func() caddy.Module { return new(ConfigHandler) }}
}

// Provision finds the app.
func (h *ConfigHandler) Provision(ctx caddy.Context) error {
	app, err := configuredApp(ctx, "the handler event_gateway_config")
	h.app = app
	return err
}

// ServeHTTP implements caddyhttp.MiddlewareHandler.
func (h *ConfigHandler) ServeHTTP(w http.ResponseWriter, r *http.Request, _ caddyhttp.Handler) error {
	defer h.app.use()()
	h.app.config.ServeHTTP(w, r)
	return nil
}

// Interface guards
var (
	_ caddy.Provisioner           = (*ConfigHandler)(nil)
	_ caddyhttp.MiddlewareHandler = (*ConfigHandler)(nil)
)
