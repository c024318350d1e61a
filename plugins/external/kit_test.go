package external_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/eventgateway/eventgateway/plugins"
	"github.com/eventgateway/eventgateway/plugins/external"
)

// patience is how long a test waits for what must happen.
const patience = 60 * time.Second

// program makes a plugin that runs the test binary in one of its modes.
func program(t *testing.T, mode string) *external.Plugin {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return &external.Plugin{
		Command:        []string{self},
		Env:            []string{programMode + "=" + mode},
		Timeout:        caddy.Duration(patience),
		RestartBackoff: caddy.Duration(10 * time.Millisecond),
		RestartMaximum: caddy.Duration(100 * time.Millisecond),
	}
}

// provision does what Caddy does with a module before it starts.
func provision(t *testing.T, p *external.Plugin) error {
	t.Helper()
	ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
	t.Cleanup(cancel)
	if err := p.Provision(ctx); err != nil {
		return err
	}
	return p.Validate()
}

// start starts a plugin in a host, which is stopped when the test ends.
func start(t *testing.T, p *external.Plugin) *plugins.Host {
	t.Helper()
	host, _ := startLogged(t, p)
	return host
}

// startLogged does so, and returns what is logged.
func startLogged(t *testing.T, p *external.Plugin) (*plugins.Host, *logbook) {
	t.Helper()
	if err := provision(t, p); err != nil {
		t.Fatal(err)
	}
	log := new(logbook)
	p.SetLogger(log.logger())
	host := plugins.NewHost([]plugins.Named{{Name: plugins.NameOf(p), Plugin: p}}, nil, nil)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := host.Start(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, host) })
	return host, log
}

func stop(t *testing.T, host *plugins.Host) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := host.Stop(ctx); err != nil {
		t.Errorf("stop: %v", err)
	}
}

// ask has the program tell something, and reads it.
func ask[T any](t *testing.T, host *plugins.Host, do string) T {
	t.Helper()
	value, err := answer[T](host.Emit(t.Context(), ordering(do)))
	if err != nil {
		t.Fatalf("%s: %v", do, err)
	}
	return value
}

func answer[T any](err error) (value T, _ error) {
	var refusal *plugins.Refusal
	if !errors.As(err, &refusal) || refusal.Status != 499 {
		return value, fmt.Errorf("no answer: %w", err)
	}
	return value, json.Unmarshal([]byte(refusal.Message), &value)
}

// eventually fails the test unless ok becomes true in time.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// logbook is a log that can be read while it is written.
type logbook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *logbook) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}
