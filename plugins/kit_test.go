package plugins_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/plugins"
)

// patience is how long a test waits for what must happen.
const patience = 30 * time.Second

// fake is a plugin made of functions.
type fake struct {
	subscriptions []plugins.Subscription
	react         func(context.Context, *eventgateway.Event) error
	start, stop   func(context.Context) error
	tuning        plugins.Tuning
}

func (*fake) CaddyModule() caddy.ModuleInfo { return caddy.ModuleInfo{ID: plugins.Namespace + ".fake"} }

func (f *fake) Subscriptions() []plugins.Subscription { return f.subscriptions }

func (f *fake) Tuning() plugins.Tuning { return f.tuning }

func (f *fake) React(ctx context.Context, ev *eventgateway.Event) error {
	if f.react == nil {
		return nil
	}
	return f.react(ctx, ev)
}

func (f *fake) Start(ctx context.Context) error {
	if f.start == nil {
		return nil
	}
	return f.start(ctx)
}

func (f *fake) Stop(ctx context.Context) error {
	if f.stop == nil {
		return nil
	}
	return f.stop(ctx)
}

// onReceived makes a plugin that reacts to EventReceived.
func onReceived(as eventgateway.SubscriptionType, react func(context.Context, *eventgateway.Event) error) *fake {
	return &fake{
		subscriptions: []plugins.Subscription{{Event: eventgateway.EventReceived, Type: as}},
		react:         react,
	}
}

// journal notes what happens, and is an Observer.
type journal struct {
	mu    sync.Mutex
	notes []string
}

func (j *journal) note(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.notes = append(j.notes, fmt.Sprintf(format, args...))
}

func (j *journal) Reacted(plugin, event, outcome string, _ time.Duration) {
	j.note("%s %s %s", plugin, event, outcome)
}

func (j *journal) all() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]string(nil), j.notes...)
}

func (j *journal) count(note string) int {
	n := 0
	for _, other := range j.all() {
		if other == note {
			n++
		}
	}
	return n
}

// startHost starts a host, which is stopped when the test ends.
func startHost(t *testing.T, observer plugins.Observer, list ...plugins.Named) *plugins.Host {
	t.Helper()
	host := plugins.NewHost(list, observer, nil)
	if err := host.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := host.Stop(ctx); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	return host
}

func received() *eventgateway.Event {
	return &eventgateway.Event{Type: eventgateway.EventReceived, ID: "1", DataType: eventgateway.TypeJSON, Data: []byte(`{}`)}
}

// within fails the test unless f returns in time.
func within(t *testing.T, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatalf("%s has not ended", what)
	}
}

// eventually fails the test unless ok becomes true in time.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
