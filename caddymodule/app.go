package caddymodule

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/configapi"
	"github.com/eventgateway/eventgateway/configapi/etcdstore"
	"github.com/eventgateway/eventgateway/configapi/sealed"
	"github.com/eventgateway/eventgateway/delivery"
	"github.com/eventgateway/eventgateway/plugins"
	"github.com/eventgateway/eventgateway/providers/egress"
	"github.com/eventgateway/eventgateway/snapshot"
	"github.com/eventgateway/eventgateway/systemevents"
)

// App is the Event Gateway: the connection to its configuration store, the functions and subscriptions, and the queue.
// The handlers `event_gateway` and `event_gateway_config` use it; without it in the configuration they are refused.
//
// Nothing in it is required: the empty object keeps its configuration in an etcd server inside the process, with its
// data in Caddy's data directory.
type App struct {
	// The directory for everything the gateway keeps on disk: the embedded etcd server's data, or the copy of an etcd
	// cluster's configuration saved last. Default: `event_gateway` in Caddy's data directory. Placeholders are expanded.
	DataDir string `json:"data_dir,omitempty"`

	// The etcd cluster that holds the configuration. Default: none, a single-node server runs inside the process.
	Etcd *EtcdConfig `json:"etcd,omitempty"`

	// What keeps accepted events until they are delivered. Default: `jetstream`, on disk in the data directory.
	QueueRaw json.RawMessage `json:"queue,omitempty" caddy:"namespace=event_gateway.queues inline_key=type"`

	// How asynchronous deliveries are made where a subscription does not say: attempts, backoff, age, timeout, what is
	// tried again.
	Delivery *eventgateway.Delivery `json:"delivery,omitempty"`

	// How long an event is compared with those accepted before, by its `source` and `id` or its `Idempotency-Key`.
	// Default: 2m.
	DuplicateWindow caddy.Duration `json:"duplicate_window,omitempty"`

	// How many asynchronous deliveries to one function may run at once. Default: 32.
	Concurrency int `json:"concurrency,omitempty"`

	// How long accepted events may take to be delivered when the process exits or the app leaves the configuration. What
	// is left then stays in the queue, or is lost and reported if the queue is in memory. Default: 30s.
	DrainTimeout caddy.Duration `json:"drain_timeout,omitempty"`

	// The largest answer of a function, in bytes. Default: 10485760 (10 MiB).
	MaxResponseSize int64 `json:"max_response_size,omitempty"`

	// Keys that functions are encrypted with in the store, credentials and all. Default: they are not encrypted.
	Encryption *EncryptionConfig `json:"encryption,omitempty"`

	// Where functions may be. Default: anywhere but at link-local addresses and the metadata services of clouds.
	Egress *EgressConfig `json:"egress,omitempty"`

	// Functions that come from this configuration instead of the store. They are merged over the stored ones and are
	// read-only through the Configuration API. Placeholders such as `{env.TOKEN}` are expanded in their provider's fields.
	Functions []*eventgateway.Function `json:"functions,omitempty"`

	// Subscriptions that come from this configuration instead of the store, merged and read-only likewise.
	Subscriptions []*eventgateway.Subscription `json:"subscriptions,omitempty"`

	// Event types and CORS resources that come from this configuration, merged and read-only likewise.
	EventTypes []*eventgateway.EventType    `json:"event_types,omitempty"`
	CORS       []*eventgateway.CORSResource `json:"cors,omitempty"`

	// What is asked of single spaces, by their names.
	Spaces map[string]*SpaceConfig `json:"spaces,omitempty"`

	// How many deliveries may lead to an event, one after the other, before the gateway takes it for a loop. Default: 16.
	MaxDepth int `json:"max_depth,omitempty"`

	// Plugins react to system events, and may stop the event they are about; sync ones in this order.
	PluginsRaw []json.RawMessage `json:"plugins,omitempty" caddy:"namespace=event_gateway.plugins inline_key=plugin"`

	logger *slog.Logger
	// store is the store's settings, resolved once.
	store  etcdstore.Config
	egress egress.Policy
	// secrets are what functions may refer to, keys what they are encrypted with in the store.
	secrets secrets
	keys    *sealed.Keys
	engine  *engine
	queue   delivery.Backend
	host    *queueHost
	view    *configapi.View
	config  *configapi.Handler

	pluginList []plugins.Named
	plugins    *plugins.Host
	pluginsRun atomic.Bool
	stages     *systemevents.Emitter

	// routes are the named routes that the handlers offer to functions, by name.
	routes map[string][]offer

	// users counts the requests at work with this configuration, plus one for the configuration itself: its static
	// functions are let go of when it falls to zero.
	users atomic.Int64
}

const (
	defaultDrainTimeout    = 30 * time.Second
	defaultMaxResponseSize = 10 << 20
)

// CaddyModule returns the Caddy module information.
func (*App) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "event_gateway", New: func() caddy.Module { return new(App) }}
}

// Provision checks the configuration and joins the engine of its store. It neither connects nor starts anything, so that
// `caddy validate` works anywhere.
func (a *App) Provision(ctx caddy.Context) error {
	a.logger = ctx.Slogger()
	if err := a.checkNumbers(); err != nil {
		return err
	}
	var err error
	if a.store, err = a.storeConfig(); err != nil {
		return err
	}
	if a.egress, err = a.egressPolicy(); err != nil {
		return err
	}
	static, err := a.expandStatic()
	if err != nil {
		return err
	}
	if err := errors.Join(a.checkDelivery(), a.checkSpaces()); err != nil {
		return err
	}
	if a.secrets, err = a.readSecrets(); err != nil {
		return err
	}
	if a.keys, err = a.encryptionKeys(); err != nil {
		return err
	}
	if a.queue, err = a.loadQueue(ctx); err != nil {
		return err
	}
	if err := a.loadPlugins(ctx); err != nil {
		return err
	}
	if err := metrics.register(ctx.GetMetricsRegistry()); err != nil {
		return fmt.Errorf("registering metrics: %w", err)
	}
	if a.engine, err = joinEngine(a.store, a.egress, a.logger); err != nil {
		return err
	}
	if a.host, err = joinQueue(a.engine, a.queue, delivery.Env{DataDir: a.store.DataDir, Name: queueName(a.store.Prefix)}); err != nil {
		return err
	}
	a.users.Store(1)
	a.stages = &systemevents.Emitter{
		Snapshot: a.snapshot, Queue: a, Plugins: a.plugins, Observer: metrics, Logger: a.logger, MaxDepth: a.MaxDepth,
	}
	static.Open = a.engine.openWith(a.maxResponseSize(), a.secrets, a.route)
	static.Secrets = a.secrets.lookup
	if a.view, err = a.engine.mirror.NewView(static); err != nil {
		return err
	}
	a.config = &configapi.Handler{
		View:     a.view,
		Mirror:   a.engine.mirror,
		Store:    a.engine,
		Observer: metrics,
		Logger:   a.logger,
		Status:   a.status,
		Strict:   a.strict,
		Secrets:  a.secrets.lookup,
		Outdated: a.engine.vault.Outdated,

		Deliveries: a,
		Metrics:    promhttp.HandlerFor(ctx.GetMetricsRegistry(), promhttp.HandlerOpts{}),
	}
	return nil
}

func (a *App) checkNumbers() error {
	for _, n := range []struct {
		name  string
		value int64
	}{
		{"concurrency", int64(a.Concurrency)},
		{"max_depth", int64(a.MaxDepth)},
		{"drain_timeout", int64(a.DrainTimeout)},
		{"max_response_size", a.MaxResponseSize},
		{"duplicate_window", int64(a.DuplicateWindow)},
	} {
		if n.value < 0 {
			return fmt.Errorf("%s: %d is not accepted: want a positive number, or 0 for the default", n.name, n.value)
		}
	}
	return nil
}

// checkDelivery checks the policy for all subscriptions, which has no subscription's own parts.
func (a *App) checkDelivery() error {
	if a.Delivery == nil {
		return nil
	}
	if a.Delivery.OrderingKey != "" || a.Delivery.DeadLetter != "" {
		return errors.New("delivery: orderingKey and deadLetter belong to one subscription: want them in a subscription's delivery")
	}
	return a.Delivery.Validate()
}

// status is what the app adds to /v1/status.
func (a *App) status() map[string]any {
	status := a.queueStatus()
	if encryption := a.engine.vault.Status(); encryption != nil {
		status["encryption"] = encryption
	}
	if all := a.retreatsInForce(); len(all) > 0 {
		status["retreats"] = all
	}
	return status
}

func (a *App) maxResponseSize() int64 {
	if a.MaxResponseSize > 0 {
		return a.MaxResponseSize
	}
	return defaultMaxResponseSize
}

func (a *App) drainTimeout() time.Duration {
	if a.DrainTimeout > 0 {
		return time.Duration(a.DrainTimeout)
	}
	return defaultDrainTimeout
}

// Start opens the store, or lets one that is open follow this configuration's settings.
func (a *App) Start() error { return a.engine.start(a) }

// Stop does nothing: the HTTP app may go on serving after it, through its shutdown delay. Cleanup ends the work.
func (a *App) Stop() error { return nil }

// Cleanup leaves the engine. The last to leave drains the queue: before it returns if the process exits, else in the
// background.
func (a *App) Cleanup() error {
	switch {
	case a.engine == nil:
		return nil
	case a.host == nil: // Provision failed in between
		return a.engine.release()
	}
	return a.engine.leave(a)
}

// snapshot returns the configuration as it is now.
func (a *App) snapshot() *snapshot.Snapshot { return a.view.Snapshot() }

// use keeps the static functions open until done is called.
func (a *App) use() (done func()) {
	a.users.Add(1)
	return a.done
}

func (a *App) done() {
	if a.users.Add(-1) == 0 && a.view != nil {
		a.view.Close()
		a.stopPlugins()
	}
}

// configuredApp returns the app of this configuration.
func configuredApp(ctx caddy.Context, user string) (*App, error) {
	app, err := ctx.AppIfConfigured("event_gateway")
	if errors.Is(err, caddy.ErrNotConfigured) {
		return nil, fmt.Errorf("%s needs the event_gateway app: put `event_gateway` into the global options of the Caddyfile, "+
			`or "event_gateway": {} under "apps" in JSON`, user)
	}
	if err != nil {
		return nil, err
	}
	return app.(*App), nil
}

// current is the app started last, for the admin endpoint: its handler may belong to a configuration that was rejected.
var current atomic.Pointer[App]

func currentConfigHandler() http.Handler {
	if app := current.Load(); app != nil {
		return app.config
	}
	return nil
}

// Interface guards
var (
	_ caddy.App          = (*App)(nil)
	_ caddy.Provisioner  = (*App)(nil)
	_ caddy.CleanerUpper = (*App)(nil)
)
