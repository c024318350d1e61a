package caddymodule

import (
	"errors"
	"net/http"

	"github.com/caddyserver/caddy/v2"
)

// adminAPI mounts the Configuration API on Caddy's admin endpoint, under /event_gateway/.
type adminAPI struct{}

// CaddyModule returns the Caddy module information.
func (adminAPI) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "admin.api.event_gateway", New: func() caddy.Module { return new(adminAPI) }}
}

const adminPrefix = "/event_gateway"

// Routes implements caddy.AdminRouter.
func (adminAPI) Routes() []caddy.AdminRoute {
	return []caddy.AdminRoute{{Pattern: adminPrefix + "/", Handler: caddy.AdminHandlerFunc(serveAdmin)}}
}

// serveAdmin looks for the app in force at every request: the admin endpoint is set up before the apps, and stays set up
// with a configuration that is rejected afterwards.
func serveAdmin(w http.ResponseWriter, r *http.Request) error {
	handler := currentConfigHandler()
	if handler == nil {
		return caddy.APIError{
			HTTPStatus: http.StatusNotFound,
			Err:        errors.New("the event_gateway app is not in the configuration"),
		}
	}
	http.StripPrefix(adminPrefix, handler).ServeHTTP(w, r)
	return nil
}

// Interface guards
var _ caddy.AdminRouter = (*adminAPI)(nil)
