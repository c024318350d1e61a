package kafka

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
)

// patience is how long anything that ought to happen soon may take on a busy machine.
const patience = 30 * time.Second

// function opens a function for the length of a test. fields are those beside brokers.
func function(t *testing.T, address, fields string) *providers.Handle {
	t.Helper()
	h := providers.Open(&eventgateway.Function{
		Space: "test", ID: "fn", Type: "kafka", Provider: json.RawMessage(fmt.Sprintf(`{"brokers":[%q],%s}`, address, fields)),
	}, providers.Env{Space: "test", FunctionID: "fn", Logger: slog.New(slog.DiscardHandler), MaxResponse: 1 << 20})
	t.Cleanup(h.Close)
	return h
}

// call is a small event.
func call() *providers.Call {
	return &providers.Call{
		Payload: []byte(`{"data":"payload-m4rker"}`), ContentType: "application/json", Event: &eventgateway.Event{ID: "1", Type: "made"},
	}
}

// write is a call that has to succeed; it returns what the cluster said.
func write(t *testing.T, h *providers.Handle, c *providers.Call) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	result, err := h.Invoke(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	return string(result.Body)
}

// fail is a call that has to fail.
func fail(t *testing.T, h *providers.Handle, c *providers.Call) *providers.Error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	result, err := h.Invoke(ctx, c)
	e, ok := errors.AsType[*providers.Error](err)
	if !ok {
		t.Fatalf("got %v, error %v, want a *providers.Error", result, err)
	}
	return e
}

// eventually waits for a condition that nothing signals.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !holds(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", patience, what)
		}
	}
}

// noClients waits until no client is kept.
func noClients(t *testing.T) {
	t.Helper()
	eventually(t, "no client is kept for no function", func() bool {
		clients.mu.Lock()
		defer clients.mu.Unlock()
		return len(clients.open) == 0
	})
}

// mute reads and never answers.
func mute(conn net.Conn) {
	buffer := make([]byte, 1<<10)
	for {
		if _, err := conn.Read(buffer); err != nil {
			return
		}
	}
}
