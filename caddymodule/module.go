// Package caddymodule wires the Event Gateway to Caddy: the app, the two HTTP handlers, the admin routes, the Caddyfile
// and the metrics. Importing it registers all of them, and the queues, plugins and providers the project ships.
package caddymodule

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

	// The queues, plugins and providers that every build has.
	_ "github.com/eventgateway/eventgateway/delivery/jetstream"
	_ "github.com/eventgateway/eventgateway/delivery/memory"
	_ "github.com/eventgateway/eventgateway/plugins/archive"
	_ "github.com/eventgateway/eventgateway/plugins/external"
	_ "github.com/eventgateway/eventgateway/providers/awseventbridge"
	_ "github.com/eventgateway/eventgateway/providers/awsfirehose"
	_ "github.com/eventgateway/eventgateway/providers/awskinesis"
	_ "github.com/eventgateway/eventgateway/providers/awslambda"
	_ "github.com/eventgateway/eventgateway/providers/awssns"
	_ "github.com/eventgateway/eventgateway/providers/awssqs"
	_ "github.com/eventgateway/eventgateway/providers/awsstepfunctions"
	_ "github.com/eventgateway/eventgateway/providers/azureeventgrid"
	_ "github.com/eventgateway/eventgateway/providers/azurefunctions"
	_ "github.com/eventgateway/eventgateway/providers/caddy"
	_ "github.com/eventgateway/eventgateway/providers/googlecloudfunctions"
	_ "github.com/eventgateway/eventgateway/providers/googlepubsub"
	_ "github.com/eventgateway/eventgateway/providers/http"
	_ "github.com/eventgateway/eventgateway/providers/kafka"
	_ "github.com/eventgateway/eventgateway/providers/nats"
	_ "github.com/eventgateway/eventgateway/providers/openwhisk"
	_ "github.com/eventgateway/eventgateway/providers/weighted"
)

func init() {
	caddy.RegisterModule(new(App))
	caddy.RegisterModule(EventsHandler{})
	caddy.RegisterModule(ConfigHandler{})
	caddy.RegisterModule(adminAPI{})

	httpcaddyfile.RegisterGlobalOption("event_gateway", parseGlobalOption)
	httpcaddyfile.RegisterHandlerDirective("event_gateway", parseEventsHandler)
	httpcaddyfile.RegisterHandlerDirective("event_gateway_config", parseConfigHandler)

	// Both stand after authentication, headers and rewrites, and before whatever answers every request, so that what no
	// subscription wants can go on to it.
	httpcaddyfile.RegisterDirectiveOrder("event_gateway_config", httpcaddyfile.Before, "respond")
	httpcaddyfile.RegisterDirectiveOrder("event_gateway", httpcaddyfile.Before, "respond")
}
