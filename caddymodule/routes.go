package caddymodule

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/eventgateway/eventgateway"
)

// everySpace stands for all spaces where a route is offered.
const everySpace = "*"

// offer is a named route that functions may be.
type offer struct {
	server *caddyhttp.Server
	route  *caddyhttp.Route
	// spaces are those whose functions may be it.
	spaces []string
	logger *slog.Logger
}

// unmarshalRoute reads `route <name> [<spaces...>]`. Caddy gives a server only those named routes that something in it invokes,
// and this is said in the same way as the directive invoke does.
func (h *EventsHandler) unmarshalRoute(helper httpcaddyfile.Helper) error {
	args := helper.RemainingArgs()
	if len(args) == 0 {
		return helper.ArgErr()
	}
	name := args[0]
	if _, ok := h.Routes[name]; ok {
		return helper.Errf("route %s is given twice", name)
	}
	if h.Routes == nil {
		h.Routes = make(map[string][]string)
	}
	h.Routes[name] = args[1:]
	const invoked = "named_route"
	names, _ := helper.State[invoked].(map[string]struct{})
	if names == nil {
		names = make(map[string]struct{})
		helper.State[invoked] = names
	}
	names[name] = struct{}{}
	return nil
}

// offerRoutes lets functions be the named routes that the handler names, those of the server it stands in.
func (h *EventsHandler) offerRoutes(ctx caddy.Context) error {
	if len(h.Routes) == 0 {
		return nil
	}
	server, _ := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	if server == nil {
		return errors.New("routes: the handler stands in no HTTP server, so there are no named routes")
	}
	for _, name := range slices.Sorted(maps.Keys(h.Routes)) {
		route := server.NamedRoutes[name]
		if route == nil {
			return fmt.Errorf("routes: server %s has no named route %s: want one of %v", server.Name(), eventgateway.Quote(name),
				slices.Sorted(maps.Keys(server.NamedRoutes)))
		}
		spaces, err := h.routeSpaces(name)
		if err != nil {
			return err
		}
		h.app.offerRoute(name, offer{server: server, route: route, spaces: spaces, logger: ctx.Slogger()})
	}
	return nil
}

// routeSpaces returns the spaces that a route is offered to.
func (h *EventsHandler) routeSpaces(name string) ([]string, error) {
	spaces := h.Routes[name]
	for _, space := range spaces {
		if space == everySpace {
			continue
		}
		if err := eventgateway.ValidateID("routes."+name, space); err != nil {
			return nil, err
		}
	}
	switch {
	case len(spaces) > 0:
		return spaces, nil
	case h.Space == "":
		return []string{eventgateway.DefaultSpace}, nil
	case strings.Contains(h.Space, "{"):
		return nil, fmt.Errorf("routes.%s: the handler's space is known only for each request: "+
			"want the spaces whose functions may be this route, or * for all", name)
	}
	return []string{h.Space}, nil
}

// offerRoute is called while the configuration is provisioned. Where servers offer routes of the same name to one space, that of
// the server whose name comes first is taken.
func (a *App) offerRoute(name string, o offer) {
	if a.routes == nil {
		a.routes = make(map[string][]offer)
	}
	a.routes[name] = append(a.routes[name], o)
	slices.SortStableFunc(a.routes[name], func(x, y offer) int { return strings.Compare(x.server.Name(), y.server.Name()) })
}

// route returns a named route that functions of the space may be; nil when there is none.
func (a *App) route(space, name string) http.Handler {
	for _, o := range a.routes[name] {
		if slices.Contains(o.spaces, space) || slices.Contains(o.spaces, everySpace) {
			return o
		}
	}
	return nil
}

// ServeHTTP runs the route's handlers as the server would. A handler's error becomes its status; a request that no handler
// answers is answered with 404.
func (o offer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	recorder := caddyhttp.NewResponseRecorder(w, nil, nil)
	r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), recorder, o.server)
	err := o.route.Compile(unanswered).ServeHTTP(recorder, r)
	answered := recorder.Status() >= http.StatusOK
	if err == nil {
		if nobody, _ := caddyhttp.GetVar(r.Context(), "unhandled").(bool); nobody && !answered {
			w.WriteHeader(http.StatusNotFound)
		}
		return
	}
	status, where := http.StatusInternalServerError, ""
	if e, ok := errors.AsType[caddyhttp.HandlerError](err); ok {
		where = e.Trace
		if e.StatusCode >= http.StatusOK {
			status = e.StatusCode
		}
	}
	// What the error says may come from the request or from another server, so only its place in the code is told.
	o.logger.Debug("a handler of a named route failed", "status", status, "in", where)
	if answered {
		panic(http.ErrAbortHandler) // as net/http has it: what was written so far is not the answer
	}
	w.WriteHeader(status)
}

// unanswered stands behind the last handler of a route.
var unanswered caddyhttp.Handler = caddyhttp.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) error {
	caddyhttp.SetVar(r.Context(), "unhandled", true)
	return nil
})
