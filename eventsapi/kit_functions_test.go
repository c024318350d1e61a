package eventsapi_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2"
	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
)

func init() { caddy.RegisterModule(new(scripted)) }

// scripted is a provider whose functions are Go functions of a test, found by name.
type scripted struct {
	Script string `json:"script"`
}

type script func(ctx context.Context, call *providers.Call) (*providers.Result, error)

var (
	scripts    sync.Map
	scriptName atomic.Int64
)

func (*scripted) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: providers.Namespace + ".scripted", New: func() caddy.Module { return new(scripted) }}
}

func (*scripted) Validate() error { return nil }

func (s *scripted) Open(providers.Env) (providers.Invoker, error) {
	found, ok := scripts.Load(s.Script)
	if !ok {
		return nil, errors.New("no such script")
	}
	return found.(script), nil
}

func (s script) Invoke(ctx context.Context, call *providers.Call) (*providers.Result, error) {
	return s(ctx, call)
}

// says is a script that answers always the same.
func says(body string) script {
	return func(context.Context, *providers.Call) (*providers.Result, error) {
		return &providers.Result{Body: []byte(body)}, nil
	}
}

// failsWith is a script that fails.
func failsWith(err error) script {
	return func(context.Context, *providers.Call) (*providers.Result, error) { return nil, err }
}

// echo answers an http event with the event itself as the body.
func echo(_ context.Context, call *providers.Call) (*providers.Result, error) {
	body := append([]byte(`{"headers":{"Content-Type":"application/json"},"body":`),
		eventgateway.AppendJSONString(nil, call.Payload)...)
	return &providers.Result{Body: append(body, '}')}, nil
}

// same answers with what it was sent.
func same(_ context.Context, call *providers.Call) (*providers.Result, error) {
	return &providers.Result{Body: call.Payload, ContentType: call.ContentType}, nil
}
