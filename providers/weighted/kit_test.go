package weighted

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
)

// answerFunc is a member written in the test itself.
type answerFunc func(ctx context.Context) (*providers.Result, error)

// testProvider is the provider of members, found by their space and ID.
type testProvider struct{ answer answerFunc }

var testAnswers sync.Map // eventgateway.FunctionKey → answerFunc

func init() { caddy.RegisterModule(new(testProvider)) }

func (*testProvider) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: providers.Namespace + ".weightedtest", New: func() caddy.Module { return new(testProvider) }}
}

func (*testProvider) Validate() error { return nil }

func (p *testProvider) Open(env providers.Env) (providers.Invoker, error) {
	answer, _ := testAnswers.Load(eventgateway.FunctionKey{Space: env.Space, ID: env.FunctionID})
	return &testProvider{answer.(answerFunc)}, nil
}

func (p *testProvider) Invoke(ctx context.Context, _ *providers.Call) (*providers.Result, error) {
	return p.answer(ctx)
}

// rig is a space with members and weighted functions.
type rig struct {
	t       testing.TB
	space   string
	mu      sync.Mutex
	handles map[string]*providers.Handle
	// calls counts the calls of members, retreats are those told of.
	calls    map[string]int
	retreats []*eventgateway.Retreat
	// retreat is what functions that are opened have retreated from.
	retreat *eventgateway.Retreat
}

func newRig(t testing.TB) *rig {
	return &rig{t: t, space: t.Name(), handles: map[string]*providers.Handle{}, calls: map[string]int{}}
}

func (r *rig) env(id string) providers.Env {
	return providers.Env{
		Space: r.space, FunctionID: id, Logger: slog.New(slog.DiscardHandler), MaxResponse: 1 << 20, Retreat: r.retreat,
		Function: func(id string) *providers.Handle {
			r.mu.Lock()
			defer r.mu.Unlock()
			return r.handles[id]
		},
		Retreated: func(made *eventgateway.Retreat) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.retreats = append(r.retreats, made)
		},
	}
}

// member makes a function, in the place of one of that name. answer may be nil: it succeeds.
func (r *rig) member(id string, answer func(ctx context.Context) error) *providers.Handle {
	testAnswers.Store(eventgateway.FunctionKey{Space: r.space, ID: id}, answerFunc(func(ctx context.Context) (*providers.Result, error) {
		r.mu.Lock()
		r.calls[id]++
		r.mu.Unlock()
		if answer != nil {
			if err := answer(ctx); err != nil {
				return nil, err
			}
		}
		return &providers.Result{Body: []byte(id)}, nil
	}))
	return r.open(id, "weightedtest", "{}")
}

// weighted makes a weighted function of provider fields.
func (r *rig) weighted(fields string) *providers.Handle { return r.open("w", "weighted", fields) }

func (r *rig) open(id, typ, fields string) *providers.Handle {
	h := providers.Open(&eventgateway.Function{Space: r.space, ID: id, Type: typ, Provider: json.RawMessage(fields)}, r.env(id))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.handles[id] = h
	return h
}

// called returns how often a member was called.
func (r *rig) called(id string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.calls[id]
}

// call calls a weighted function with a key, which may be empty.
func call(t testing.TB, h *providers.Handle, key string) (answer string, err error) {
	result, err := h.Invoke(t.Context(), &providers.Call{
		Payload: []byte("{}"), ContentType: "application/json", Event: &eventgateway.Event{Type: "e"}, Key: key,
	})
	if err != nil {
		return "", err
	}
	return string(result.Body), nil
}

// fails is a member that always fails.
func fails(failure providers.Failure) func(context.Context) error {
	return func(context.Context) error { return providers.Errorf(failure, "it went wrong") }
}

// takes is a member that answers after a time.
func takes(d time.Duration) func(context.Context) error {
	return func(ctx context.Context) error {
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
