package caddymodule

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/delivery"
	"github.com/eventgateway/eventgateway/providers"
)

// defaultQueue is the queue of an app that names none.
const defaultQueue = "jetstream"

// loadQueue makes the app's queue guest. It starts nothing.
func (a *App) loadQueue(ctx caddy.Context) (delivery.Backend, error) {
	if a.QueueRaw == nil {
		a.QueueRaw = json.RawMessage(`{"type":"` + defaultQueue + `"}`)
	}
	module, err := ctx.LoadModule(a, "QueueRaw")
	if err != nil {
		return nil, fmt.Errorf("queue: %w", err)
	}
	backend, ok := module.(delivery.Backend)
	if !ok {
		return nil, fmt.Errorf("queue: module %T is not a queue", module)
	}
	if err := backend.Validate(); err != nil {
		return nil, fmt.Errorf("queue: %w", err)
	}
	return backend, nil
}

// queueName tells apart the queues of gateways that share a NATS cluster, as the prefix does for etcd.
func queueName(prefix string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_':
			return r
		}
		return '-'
	}, strings.Trim(prefix, "/"))
	if name == "" {
		return "event-gateway-v1"
	}
	return name
}

// queueHost is a queue in use: the log and the dispatcher that works on it. While Caddy changes from one configuration to
// the next, the apps of both use one host, unless they name different queues. A host uses an engine, whose functions it
// calls, until it is drained.
type queueHost struct {
	key    string
	engine *engine
	env    delivery.Env

	dispatcher atomic.Pointer[delivery.Dispatcher]
	log        atomic.Pointer[delivery.Log]
	mu         sync.Mutex
}

// hosts holds every queue in use, by the identity of its engine and of what it is kept in.
var hosts = caddy.NewUsagePool()

// closing holds, for queues that were left and are still being drained, a channel closed when that is over.
var closing sync.Map // string → chan struct{}

// joinQueue returns the host of a queue, made if there is none yet. Nothing in it runs before start.
func joinQueue(e *engine, backend delivery.Backend, env delivery.Env) (*queueHost, error) {
	key := e.key + "\x00" + backend.Identity(env)
	value, _, err := hosts.LoadOrNew(key, func() (caddy.Destructor, error) {
		e.hold()
		env.Logger = e.logger
		return &queueHost{key: key, engine: e, env: env}, nil
	})
	if err != nil {
		return nil, err
	}
	return value.(*queueHost), nil
}

// start opens the queue, or has one that is open follow the app's settings.
func (q *queueHost) start(app *App) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if d := q.dispatcher.Load(); d != nil {
		if err := (*q.log.Load()).Reconfigure(app.queue); err != nil {
			return fmt.Errorf("changing the settings of the queue: %w", err)
		}
		d.SetOptions(app.deliveryOptions())
		return nil
	}
	if before, ok := closing.Load(q.key); ok {
		<-before.(chan struct{})
	}
	log, err := app.queue.Open(q.env)
	if err != nil {
		return fmt.Errorf("opening the queue: %w", err)
	}
	d := delivery.NewDispatcher(log, q.engine, metrics, q.engine.journal, app.deliveryOptions(), q.engine.logger)
	q.log.Store(&log)
	q.dispatcher.Store(d)
	d.Start()
	return nil
}

// Destruct ends the queue when the last app has left: it is drained, before the process exits or else in the background.
func (q *queueHost) Destruct() error {
	d := q.dispatcher.Load()
	if d == nil {
		return q.engine.release()
	}
	done := make(chan struct{})
	closing.Store(q.key, done)
	patience := q.engine.drainTimeout()
	end := func() error {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		lost, left := d.Drain(ctx)
		closing.CompareAndDelete(q.key, done)
		close(done)
		if lost > 0 {
			q.engine.logger.Error("accepted events were not delivered before the drain timeout", "deliveries_lost", lost)
		}
		if left > 0 {
			q.engine.logger.Info("accepted events stay in the queue until it is opened again", "deliveries", left)
		}
		return q.engine.release()
	}
	if caddy.Exiting() {
		return end()
	}
	go func() {
		if err := end(); err != nil {
			q.engine.logger.Error("ending the queue", "error", err)
		}
	}()
	return nil
}

// Put implements delivery.Queue.
func (a *App) Put(ctx context.Context, items []delivery.Item) error {
	d := a.host.dispatcher.Load()
	if d == nil {
		return errNotOpen
	}
	return d.Put(ctx, items)
}

// Event implements configapi.Deliveries.
func (a *App) Event(_ context.Context, space, id string) (delivery.EventTrace, bool) {
	return a.engine.journal.Find(space, id)
}

// Remembers implements configapi.Deliveries.
func (a *App) Remembers() (age time.Duration, events int) {
	return a.engine.journal.Remembers()
}

// deliveryOptions returns what the app says about deliveries, with the queue's own limits.
func (a *App) deliveryOptions() delivery.Options {
	o := delivery.Options{
		Limits: a.queue.Limits(), Policy: delivery.DefaultPolicy().Over(a.Delivery), Stages: a.stages, MaxDepth: a.MaxDepth,
	}
	o.Window = time.Duration(a.DuplicateWindow)
	if a.Concurrency > 0 {
		o.Limits.Concurrency = a.Concurrency
	}
	return o
}

// Function implements delivery.Resources: the function as it is now.
func (e *engine) Function(key eventgateway.FunctionKey) *providers.Handle {
	app := e.inForce.Load()
	if app == nil {
		return nil
	}
	handle, _ := app.snapshot().Functions.Get(key)
	return handle
}

// Subscription implements delivery.Resources.
func (e *engine) Subscription(space, id string) *eventgateway.Subscription {
	app := e.inForce.Load()
	if app == nil {
		return nil
	}
	return app.snapshot().Subscription(space, id)
}

// Loaded implements delivery.Resources.
func (e *engine) Loaded() bool {
	app := e.inForce.Load()
	return app != nil && app.snapshot().Loaded
}

// Interface guards
var (
	_ caddy.Destructor     = (*queueHost)(nil)
	_ delivery.DeadLetters = notOpen{}
	_ delivery.Queue       = (*App)(nil)
	_ delivery.Resources   = (*engine)(nil)
)
