package caddymodule

import (
	"fmt"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/eventsapi"
)

// EventsHandler is the Events API: it takes requests and events in, has functions answer or receive them, and leaves to
// the next handler the plain HTTP requests that no subscription wants. Where there is no next handler, those are answered
// with 404.
type EventsHandler struct {
	// The only space that can be reached through this handler. Placeholders are expanded for every request, so
	// `{labels.2}` gives a space per subdomain; a request for which they give no valid name is answered with 404.
	// Default: the `Space` request header chooses; without it, subscriptions of all spaces take part.
	Space string `json:"space,omitempty"`

	// Accept only events of types that are registered in their space, in every space. Default: false: only in spaces that are
	// strict themselves.
	Strict bool `json:"strict,omitempty"`

	// The largest request body, in bytes. Default: 1048576 (1 MiB).
	MaxBodySize int64 `json:"max_body_size,omitempty"`

	// How long a request body may take to arrive. Default: 30s.
	ReadTimeout caddy.Duration `json:"read_timeout,omitempty"`

	// The named routes of this server that functions of the type `caddy` may be, each with the spaces whose functions may; `*`
	// is every space. Without any, it is the handler's own space, or `default` where the handler has none. Default: no routes.
	Routes map[string][]string `json:"routes,omitempty"`

	app *App
	api *eventsapi.Handler
}

// CaddyModule returns the Caddy module information.
func (EventsHandler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.event_gateway", New: func() caddy.Module { return new(EventsHandler) }}
}

// Provision finds the app.
func (h *EventsHandler) Provision(ctx caddy.Context) error {
	app, err := configuredApp(ctx, "the handler event_gateway")
	if err != nil {
		return err
	}
	if h.MaxBodySize < 0 {
		return fmt.Errorf("max_body_size: %d is not accepted: want a positive number of bytes, or 0 for the default", h.MaxBodySize)
	}
	if h.ReadTimeout < 0 {
		return fmt.Errorf("read_timeout: %s is not accepted: want a positive duration, or 0 for the default",
			time.Duration(h.ReadTimeout))
	}
	h.app = app
	if err := h.offerRoutes(ctx); err != nil {
		return err
	}
	h.api = &eventsapi.Handler{
		Snapshot:    app.snapshot,
		Queue:       app,
		Stages:      app.stages,
		Strict:      h.strict,
		Client:      client,
		MaxDepth:    app.MaxDepth,
		Journal:     app.engine.journal,
		Observer:    metrics,
		Logger:      ctx.Slogger(),
		MaxBody:     h.MaxBodySize,
		ReadTimeout: time.Duration(h.ReadTimeout),
	}
	return nil
}

// client returns the address of the client as Caddy knows it, and whether a trusted proxy is in between.
func client(r *http.Request) (ip string, trusted bool) {
	ip, _ = caddyhttp.GetVar(r.Context(), caddyhttp.ClientIPVarKey).(string)
	trusted, _ = caddyhttp.GetVar(r.Context(), caddyhttp.TrustedProxyVarKey).(bool)
	return ip, trusted
}

// strict reports whether a space accepts only registered event types through this handler.
func (h *EventsHandler) strict(space string) bool { return h.Strict || h.app.strict(space) }

// ServeHTTP implements caddyhttp.MiddlewareHandler.
func (h *EventsHandler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	defer h.app.use()()
	space := h.Space
	if space != "" {
		repl, _ := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
		space = repl.ReplaceAll(space, "")
		if eventgateway.ValidateID("space", space) != nil {
			// Falling back to "all spaces" here would undo the isolation that the configuration asks for.
			h.api.NotFound(w, r)
			return nil
		}
	}
	if h.api.Serve(w, r, space) {
		return nil
	}
	if err := next.ServeHTTP(w, r); err != nil {
		return err
	}
	if unhandled, _ := caddyhttp.GetVar(r.Context(), "unhandled").(bool); unhandled {
		h.api.NotFound(w, r)
	}
	return nil
}

// Interface guards
var (
	_ caddy.Provisioner           = (*EventsHandler)(nil)
	_ caddyhttp.MiddlewareHandler = (*EventsHandler)(nil)
)
