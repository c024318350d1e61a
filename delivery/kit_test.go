package delivery_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/delivery"
	"github.com/eventgateway/eventgateway/providers"
)

// invokerFunc is a function written in the test itself.
type invokerFunc func(ctx context.Context, call *providers.Call) (*providers.Result, error)

func (f invokerFunc) Invoke(ctx context.Context, call *providers.Call) (*providers.Result, error) {
	return f(ctx, call)
}

func succeed(context.Context, *providers.Call) (*providers.Result, error) {
	return &providers.Result{ContentType: "text/plain", Body: []byte("done")}, nil
}

func fail(failure providers.Failure) invokerFunc {
	return func(context.Context, *providers.Call) (*providers.Result, error) {
		return nil, providers.Errorf(failure, "it went wrong")
	}
}

// testProvider is the provider of functions written in tests, found by their number.
type testProvider struct {
	Number int `json:"number"`
}

var testInvokers struct {
	sync.Mutex
	all []invokerFunc
}

func init() { caddy.RegisterModule(&testProvider{}) }

func (*testProvider) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  providers.Namespace + ".deliverytest",
		New: func() caddy.Module { return new(testProvider) },
	}
}

func (*testProvider) Validate() error { return nil }

func (p *testProvider) Open(providers.Env) (providers.Invoker, error) {
	testInvokers.Lock()
	defer testInvokers.Unlock()
	return testInvokers.all[p.Number], nil
}

// open returns a handle of fn, whose provider calls f.
func open(fn eventgateway.Function, f invokerFunc) *providers.Handle {
	testInvokers.Lock()
	number := len(testInvokers.all)
	testInvokers.all = append(testInvokers.all, f)
	testInvokers.Unlock()
	fn.Type, fn.Provider = "deliverytest", json.RawMessage(fmt.Sprintf(`{"number":%d}`, number))
	return providers.Open(&fn, providers.Env{
		Space: fn.Space, FunctionID: fn.ID, Logger: slog.New(slog.DiscardHandler), MaxResponse: 1 << 20,
	})
}

// openFunction returns a handle of a function in space "s" that calls f.
func openFunction(id string, format eventgateway.Format, f invokerFunc) *providers.Handle {
	return open(eventgateway.Function{Space: "s", ID: id, Format: format}, f)
}

func key(id string) eventgateway.FunctionKey { return eventgateway.FunctionKey{Space: "s", ID: id} }

// record is an observer that counts.
type record struct {
	mu           sync.Mutex
	delivered    int
	dropped      map[string]int
	invoked      map[providers.Failure]int
	attempted    map[string]int
	deduplicated int
	copyDropped  map[string]int
	oldest       time.Duration
}

func newRecord() *record {
	return &record{dropped: map[string]int{}, invoked: map[providers.Failure]int{}, attempted: map[string]int{}}
}

func (r *record) Invoked(_ eventgateway.FunctionKey, failure providers.Failure, _ time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.invoked[failure]++
}

func (r *record) Delivered(_, _ string, age time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.delivered++
	r.oldest = max(r.oldest, age)
}

func (r *record) Attempted(_ eventgateway.FunctionKey, outcome string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.attempted[outcome]++
}

func (r *record) Dropped(_, _, reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dropped[reason]++
}

func (r *record) Deduplicated(_, _ string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.deduplicated++
}

func (r *record) CopyDropped(shadow eventgateway.FunctionKey) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.copyDropped == nil {
		r.copyDropped = map[string]int{}
	}
	r.copyDropped[shadow.ID]++
}

// want checks the counts of deliveries; nil means that none was dropped.
func (r *record) want(t *testing.T, delivered int, dropped map[string]int) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.delivered != delivered {
		t.Errorf("delivered %d, want %d", r.delivered, delivered)
	}
	if len(r.dropped)+len(dropped) > 0 && !maps.Equal(r.dropped, dropped) {
		t.Errorf("dropped %v, want %v", r.dropped, dropped)
	}
}

// wantAttempts checks how many attempts came to each end.
func (r *record) wantAttempts(t *testing.T, delivered, retried, dead int) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	got := [3]int{r.attempted[delivery.AttemptDelivered], r.attempted[delivery.AttemptRetried], r.attempted[delivery.AttemptDead]}
	if want := [3]int{delivered, retried, dead}; got != want {
		t.Errorf("attempts delivered, retried and dead: %v, want %v", got, want)
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// lines decodes what was logged.
func (b *lockedBuffer) lines(t *testing.T) (all []map[string]any) {
	t.Helper()
	for line := range strings.Lines(b.String()) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		all = append(all, m)
	}
	return all
}

func newEvent(data string) *eventgateway.Event {
	return &eventgateway.Event{
		Type: "user.created", ID: "id-1", ReceivedAt: time.Now(), DataType: "text/plain", Data: []byte(data),
	}
}

// item is an event for functions.
func item(ids ...string) delivery.Item {
	it := delivery.Item{Event: newEvent("data")}
	for _, id := range ids {
		it.Targets = append(it.Targets, delivery.Target{Space: "s", SubscriptionID: "sub-" + id, FunctionID: id})
	}
	return it
}

// named is an event with an ID, which its data is as well.
func named(id string, functions ...string) delivery.Item {
	it := item(functions...)
	it.Event.ID, it.Event.Data = id, []byte(id)
	return it
}

// gate is a function whose calls wait until the test lets them go, unless they are canceled.
type gate struct {
	open    chan error
	mu      sync.Mutex
	calls   int
	running int
	most    int
}

func newGate() *gate { return &gate{open: make(chan error)} }

func (g *gate) invoke(ctx context.Context, _ *providers.Call) (*providers.Result, error) {
	g.mu.Lock()
	g.calls++
	g.running++
	g.most = max(g.most, g.running)
	g.mu.Unlock()
	defer func() {
		g.mu.Lock()
		g.running--
		g.mu.Unlock()
	}()
	select {
	case err := <-g.open:
		return &providers.Result{}, err
	case <-ctx.Done():
		return nil, &providers.Error{Failure: providers.Canceled, Message: "canceled", Err: ctx.Err()}
	}
}

// counts returns how many calls began, how many run, and how many ran at most at once.
func (g *gate) counts() (calls, running, most int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.calls, g.running, g.most
}

// recorder is a function that notes its calls, and then waits at a gate. Only one at a time may run.
type recorder struct {
	calls *string
	name  string
	gate  *gate
}

func newRecorder(calls *string, space, id string, g *gate) *recorder {
	return &recorder{calls: calls, name: space + id + " ", gate: g}
}

func (r *recorder) invoke(ctx context.Context, call *providers.Call) (*providers.Result, error) {
	*r.calls += r.name
	return r.gate.invoke(ctx, call)
}
