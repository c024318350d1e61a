package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/configapi"
	"github.com/eventgateway/eventgateway/configapi/etcdstore"
	"github.com/eventgateway/eventgateway/configapi/sealed"
	"github.com/eventgateway/eventgateway/delivery"
	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/egress"
)

// engine is what outlives a configuration: the store, its mirror and what is remembered of events. While Caddy changes from
// one configuration to the next, the apps of both use one engine; a queue that is being drained uses it too.
type engine struct {
	key    string
	mirror *configapi.Mirror
	// journal remembers what happened to events.
	journal *delivery.Journal
	logs    *switchHandler
	logger  *slog.Logger
	// egress makes the connections to functions, under the rules of the app in force.
	egress *egress.Guard
	// vault encrypts functions in the store, under the keys of the app in force.
	vault *sealed.Vault
	store atomic.Pointer[etcdstore.Store]

	maxResponse atomic.Int64
	// retreats are those of weighted functions that are not in the store.
	retreats retreats
	// secrets are what functions of the store may refer to.
	secrets atomic.Pointer[secrets]

	// inForce is the app whose functions the queue calls: the one started last.
	inForce atomic.Pointer[App]

	mu      sync.Mutex
	started []*App
	left    []*App
	drain   time.Duration
}

// engines holds every engine in use, by the identity of its store: which etcd and what in it, however it is reached.
var engines = caddy.NewUsagePool()

// joinEngine returns the engine of a store, made if there is none yet, with these egress rules then. Nothing in it runs before
// start.
func joinEngine(cfg etcdstore.Config, rules egress.Policy, logger *slog.Logger) (*engine, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	key := cfg.Identity()
	value, _, err := engines.LoadOrNew(key, func() (caddy.Destructor, error) {
		e := &engine{key: key, logs: newSwitchHandler(logger.Handler())}
		e.logger = slog.New(e.logs)
		e.egress = egress.New(rules)
		e.egress.OnRefused = (&refusals{logger: e.logger}).log
		e.mirror = configapi.NewMirror(e.open, e.logger)
		e.vault = sealed.NewVault(e.mirror, e.logger)
		e.secrets.Store(new(secrets))
		e.journal = delivery.NewJournal(0, 0)
		return e, nil
	})
	if err != nil {
		return nil, err
	}
	return value.(*engine), nil
}

// open makes a stored function callable, with the settings in force.
func (e *engine) open(fn *eventgateway.Function) *providers.Handle {
	return e.openWith(e.maxResponse.Load(), *e.secrets.Load(), e.route)(fn)
}

// openWith makes functions callable that may answer with so many bytes, refer to secrets, and be the routes that route has for their
// space.
func (e *engine) openWith(maxResponse int64, known secrets, route func(space, name string) http.Handler) configapi.Opener {
	return func(fn *eventgateway.Function) *providers.Handle {
		return providers.Open(fn, providers.Env{
			Space: fn.Space, FunctionID: fn.ID, Logger: e.logger, MaxResponse: maxResponse, Egress: e.egress,
			Secrets:   known.lookup,
			Retreat:   e.retreats.of(fn),
			Retreated: e.retreated,
			Function: func(id string) *providers.Handle {
				return e.Function(eventgateway.FunctionKey{Space: fn.Space, ID: id})
			},
			Route:          func(name string) http.Handler { return route(fn.Space, name) },
			ServerIdentity: func(resource, host string) bool { return e.showsIdentity(fn.Space, resource, host) },
		})
	}
}

// route returns a named route of the configuration in force that functions of the space may be; nil when there is none.
func (e *engine) route(space, name string) http.Handler {
	if app := e.inForce.Load(); app != nil {
		return app.route(space, name)
	}
	return nil
}

// startWait bounds how long a start waits for the first list from the store. A store that is away does not keep Caddy
// from starting.
const startWait = 5 * time.Second

// start puts app in force: the store is opened or follows its settings, and so does the queue. If that fails all follow those
// of the app that is in force.
func (e *engine) start(app *App) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	err := e.tryStart(app)
	if n := len(e.started); err != nil && n > 0 {
		e.goBackTo(e.started[n-1])
	}
	return err
}

// tryStart is called with mu held.
func (e *engine) tryStart(app *App) error {
	e.logs.use(app.logger.Handler())
	store := e.store.Load()
	if store == nil {
		e.vault.Use(app.keys)
		e.secrets.Store(&app.secrets)
		e.maxResponse.Store(app.maxResponseSize())
		var err error
		if store, err = etcdstore.Open(app.store, e.vault, e.logger); err != nil {
			return fmt.Errorf("opening the configuration store: %w", err)
		}
		e.store.Store(store)
	} else if err := store.Reconfigure(app.store); err != nil {
		return fmt.Errorf("changing the settings of the configuration store: %w", err)
	}
	if err := app.startPlugins(); err != nil {
		return fmt.Errorf("starting the plugins: %w", err)
	}
	previous := e.inForce.Swap(app) // a queue that is opened begins to deliver at once
	e.egress.Set(app.egress)
	if err := app.host.start(app); err != nil {
		e.inForce.Store(previous)
		return err
	}
	e.started = append(e.started, app)
	e.putInForce(app)
	if app.snapshot().Loaded {
		return nil
	}
	select {
	case <-store.Ready():
	case <-time.After(startWait):
		e.logger.Warn("configuration store not reached yet; events are answered with 503 until it is", "waited", startWait)
	}
	return nil
}

// putInForce is called with mu held.
func (e *engine) putInForce(app *App) {
	e.inForce.Store(app)
	current.Store(app)
	e.egress.Set(app.egress)
	e.vault.Use(app.keys)
	size := app.maxResponseSize()
	sizeBefore, secretsBefore := e.maxResponse.Swap(size), e.secrets.Swap(&app.secrets)
	switch {
	case size != sizeBefore:
		e.mirror.Reopen(nil)
	case !maps.Equal(app.secrets, *secretsBefore): // the others keep their connections
		e.mirror.Reopen(providers.RefersToSecrets)
	}
	e.drain = app.drainTimeout()
}

// goBackTo has logs, store and connections to functions follow an app that has started before. It is called with mu held.
func (e *engine) goBackTo(app *App) {
	e.logs.use(app.logger.Handler())
	e.egress.Set(app.egress)
	if err := e.store.Load().Reconfigure(app.store); err != nil {
		e.logger.Error("going back to the previous settings of the configuration store", "error", err)
	}
}

// leave takes app out. If it was in force, as after a failed change of configuration, the one started before it is again.
func (e *engine) leave(app *App) error {
	e.mu.Lock()
	e.left = append(e.left, app)
	wasInForce := e.inForce.Load() == app
	e.started = slices.DeleteFunc(e.started, func(a *App) bool { return a == app })
	if n := len(e.started); wasInForce && n > 0 {
		previous := e.started[n-1]
		e.goBackTo(previous)
		e.putInForce(previous)
		if err := previous.host.start(previous); err != nil {
			e.logger.Error("going back to the previous settings of the queue", "error", err)
		}
	}
	e.mu.Unlock()

	_, err := hosts.Delete(app.host.key)
	err = errors.Join(err, e.release())
	e.letGo(app)
	return err
}

// hold has the engine used once more, until release.
func (e *engine) hold() {
	_, _, _ = engines.LoadOrNew(e.key, func() (caddy.Destructor, error) { return e, nil })
}

// release ends one use of the engine; the last one ends the engine.
func (e *engine) release() error {
	_, err := engines.Delete(e.key)
	return err
}

// letGo gives up an app's hold on its static functions, unless the queue may still call them.
func (e *engine) letGo(app *App) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.inForce.Load() == app {
		return
	}
	e.left = slices.DeleteFunc(e.left, func(a *App) bool {
		if a == app {
			a.done()
			return true
		}
		return false
	})
}

// Destruct ends the engine when nobody uses it any more.
func (e *engine) Destruct() error {
	var err error
	if store := e.store.Swap(nil); store != nil {
		err = store.Close()
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, app := range e.left {
		current.CompareAndSwap(app, nil)
		app.done()
	}
	e.left = nil
	e.mirror.Close()
	e.egress.CloseIdleConnections()
	return err
}

func (e *engine) drainTimeout() time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.drain == 0 {
		return defaultDrainTimeout
	}
	return e.drain
}

// Commit implements configapi.Store.
func (e *engine) Commit(ctx context.Context, w configapi.Write) (int64, error) {
	store := e.store.Load()
	if store == nil {
		return 0, eventgateway.Errorf(eventgateway.Unavailable, "the configuration store is not open; nothing was written")
	}
	encrypted, err := e.vault.Seal(w)
	if err != nil {
		return 0, err
	}
	return store.Commit(ctx, encrypted)
}

// Status implements configapi.Store.
func (e *engine) Status() configapi.StoreStatus {
	store := e.store.Load()
	if store == nil {
		return configapi.StoreStatus{State: "connecting"}
	}
	return store.Status()
}

// Interface guards
var (
	_ caddy.Destructor = (*engine)(nil)
	_ configapi.Store  = (*engine)(nil)
)
