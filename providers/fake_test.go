package providers_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2"
	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
)

func init() {
	caddy.RegisterModule(new(fake))
}

// fake is a provider whose behaviour a test chooses by name.
type fake struct {
	fakeShared
	Does    string            `json:"does"`
	Key     string            `json:"key,omitempty"`
	Count   int               `json:"count,omitempty"`
	Ratio   *float64          `json:"ratio,omitempty"`
	On      bool              `json:"on,omitempty"`
	Tags    []string          `json:"tags,omitempty"`
	Labels  map[string]string `json:"labels,omitempty"`
	Nested  struct{ X int }   `json:"nested,omitzero"`
	Ignored string            `json:"-"`
}

type fakeShared struct {
	Region string `json:"region,omitempty"`
}

func (*fake) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: providers.Namespace + ".fake", New: func() caddy.Module { return new(fake) }}
}

func (p *fake) Validate() error {
	switch p.Does {
	case "":
		return eventgateway.Errorf(eventgateway.Invalid, "does: missing: want a behaviour")
	case "refuse plainly":
		return errors.New("does: refused")
	case "panic in validate":
		panic(p.Key)
	}
	return nil
}

func (p *fake) EachSecret(visit func(name, value string) string) {
	if p.Does == "panic over secrets" {
		panic(p.Key)
	}
	if p.Key != "" {
		p.Key = visit("key", p.Key)
	}
}

// behaviours of an opened fake, by fake.Does.
var behaviours = map[string]func(context.Context) (*providers.Result, error){}

// onClose is told about every Close of an opened fake, with the calls then in flight, by fake.Does.
var onClose = map[string]func(inFlight int64){}

func (p *fake) Open(providers.Env) (providers.Invoker, error) {
	switch p.Does {
	case "fail to open":
		return nil, errors.New("it cannot be opened")
	case "panic in open":
		panic(p.Key)
	case "open nothing":
		return nil, nil
	}
	return &fakeInvoker{does: p.Does, onClose: onClose[p.Does]}, nil
}

type fakeInvoker struct {
	does    string
	onClose func(inFlight int64)
	calls   atomic.Int64
}

func (f *fakeInvoker) Invoke(ctx context.Context, _ *providers.Call) (*providers.Result, error) {
	f.calls.Add(1)
	defer f.calls.Add(-1)
	return behaviours[f.does](ctx)
}

func (f *fakeInvoker) Close() error {
	if f.onClose != nil {
		f.onClose(f.calls.Load())
	}
	return nil
}

func function(fields string) *eventgateway.Function {
	return &eventgateway.Function{Space: "default", ID: "fn", Type: "fake", Provider: json.RawMessage(fields)}
}

// opened opens a fake that does what is given.
func opened(does string, invoke func(context.Context) (*providers.Result, error)) (*providers.Handle, *lines) {
	behaviours[does] = invoke
	log := &lines{}
	fields, _ := json.Marshal(map[string]string{"does": does, "key": "s3cret"})
	return providers.Open(function(string(fields)), providers.Env{
		Space: "default", FunctionID: "fn", Logger: slog.New(slog.NewTextHandler(log, nil)), MaxResponse: 10,
	}), log
}

// lines is a log in memory; a test reads it when nothing writes any more.
type lines struct{ bytes.Buffer }

func (l *lines) has(text string) bool { return strings.Contains(l.String(), text) }
