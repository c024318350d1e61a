package systemevents_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/delivery"
	"github.com/eventgateway/eventgateway/matcher"
	"github.com/eventgateway/eventgateway/plugins"
	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/snapshot"
	"github.com/eventgateway/eventgateway/systemevents"
)

// rig is an Emitter with everything around it replaced by what a test can look into.
type rig struct {
	*systemevents.Emitter
	queue    *queue
	observer *observer
	log      *lockedLog
}

// newRig returns an emitter in a configuration with these subscriptions, written as "type event function" in the space "s",
// or in another that stands before the function and a slash; and with these plugins.
func newRig(t testing.TB, subscriptions []string, list ...plugins.Plugin) *rig {
	t.Helper()
	var table *matcher.Table
	for _, spec := range subscriptions {
		part := strings.Fields(spec)
		sub := &eventgateway.Subscription{Space: "s", Type: eventgateway.SubscriptionType(part[0]), Event: part[1], FunctionID: part[2]}
		if space, id, ok := strings.Cut(part[2], "/"); ok {
			sub.Space, sub.FunctionID = space, id
		}
		if len(part) > 3 {
			sub.Filter = strings.Join(part[3:], " ")
		}
		sub.Normalize()
		table = table.Insert(sub)
	}
	r := &rig{queue: &queue{}, observer: &observer{}, log: &lockedLog{}}
	snap := &snapshot.Snapshot{Loaded: true, Table: table}
	r.Emitter = &systemevents.Emitter{
		Snapshot: func() *snapshot.Snapshot { return snap }, Queue: r.queue, Observer: r.observer,
		Logger: slog.New(slog.NewTextHandler(r.log, nil)),
	}
	if len(list) > 0 {
		var named []plugins.Named
		for i, p := range list {
			named = append(named, plugins.Named{Name: fmt.Sprint("plugin-", i), Plugin: p})
		}
		r.Plugins = plugins.NewHost(named, nil, nil)
		if err := r.Plugins.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = r.Plugins.Stop(context.Background()) })
	}
	return r
}

// emit goes through all stages of an event with a function that answers, and one that fails.
func (r *rig) emit(ctx context.Context, ev *eventgateway.Event) {
	f := eventgateway.FunctionKey{Space: "s", ID: "f"}
	header := http.Header{"X-Two": {"a", "b"}, "Authorization": {"Bearer token"}}
	_ = r.Received(ctx, "s", ev, "/users/ü", header)
	_ = r.Invoking(ctx, delivery.Invocation{Function: f, Event: ev})
	_ = r.Invoked(ctx, delivery.Invocation{Function: f, Event: ev}, &providers.Result{ContentType: "application/json", Body: []byte(`{"ok": true}`)})
	r.InvocationFailed(ctx, delivery.Invocation{Function: f, Event: ev}, &providers.Error{Failure: providers.TimedOut, Message: "no whole answer in time", Status: 504})
}

var receivedAt = time.Date(2026, 1, 2, 15, 4, 5, 678_000_000, time.UTC)

func custom() *eventgateway.Event {
	return &eventgateway.Event{
		Type: "user.created", ID: "id 1", ReceivedAt: receivedAt, DataType: eventgateway.TypeJSON, Data: []byte(`{"n": 1.0}`),
	}
}

// queue keeps what is put, or fails.
type queue struct {
	err error

	mu    sync.Mutex
	items []delivery.Item
}

func (q *queue) Put(_ context.Context, items []delivery.Item) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err != nil {
		return q.err
	}
	q.items = append(q.items, items...)
	return nil
}

// got returns the events put, as "type→function,function", in order.
func (q *queue) got() (all []string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, it := range q.items {
		var to []string
		for _, t := range it.Targets {
			to = append(to, t.FunctionID)
		}
		slices.Sort(to)
		all = append(all, it.Event.Type+"→"+strings.Join(to, ","))
	}
	return all
}

// observer notes what it is told.
type observer struct {
	mu   sync.Mutex
	told []string
}

func (o *observer) note(format string, args ...any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.told = append(o.told, fmt.Sprintf(format, args...))
}

func (o *observer) Emitted(space, eventType string) { o.note("emitted %s %s", space, eventType) }

func (o *observer) Dropped(space, eventType, reason string) {
	o.note("dropped %s %s %s", space, eventType, reason)
}
func (o *observer) FilterFailed(space, id string) { o.note("filter failed %s", space) }

func (o *observer) OrderingKeyFailed(space, id string) { o.note("ordering key failed %s", space) }

func (o *observer) want(t *testing.T, want ...string) {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	if !slices.Equal(o.told, want) {
		t.Errorf("observed %q, want %q", o.told, want)
	}
}

type lockedLog struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedLog) lines() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Split(strings.TrimSuffix(l.b.String(), "\n"), "\n")
}

// plugin is one that reacts as a test says.
type plugin struct {
	to    []string
	react func(ctx context.Context, ev *eventgateway.Event) error
}

func (*plugin) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: plugins.Namespace + ".systemeventstest", New: func() caddy.Module { return new(plugin) }}
}

func (p *plugin) Subscriptions() (all []plugins.Subscription) {
	for _, event := range p.to {
		all = append(all, plugins.Subscription{Event: event, Type: eventgateway.Sync})
	}
	return all
}

func (p *plugin) React(ctx context.Context, ev *eventgateway.Event) error { return p.react(ctx, ev) }
