package eventsapi_test

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
)

// observer records what it is told.
type observer struct {
	mu    sync.Mutex
	calls []string
}

func (o *observer) tell(format string, args ...any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.calls = append(o.calls, fmt.Sprintf(format, args...))
}

func (o *observer) Invoked(key eventgateway.FunctionKey, failure providers.Failure, _ time.Duration) {
	o.tell("invoked %s %s", key.ID, failure)
}

func (o *observer) Delivered(space, event string, _ time.Duration) {
	o.tell("delivered %s %s", space, event)
}

func (o *observer) Attempted(key eventgateway.FunctionKey, outcome string) {
	o.tell("attempted %s %s", key.ID, outcome)
}

func (o *observer) CopyDropped(shadow eventgateway.FunctionKey) { o.tell("copy dropped %s", shadow.ID) }

func (o *observer) Deduplicated(space, event string) { o.tell("deduplicated %s %s", space, event) }

func (o *observer) Dropped(space, event, reason string) {
	o.tell("dropped %s %s %s", space, event, reason)
}

func (o *observer) Received(space, event string) { o.tell("received %s %s", space, event) }

func (o *observer) Processed(space, event string) { o.tell("processed %s %s", space, event) }

func (o *observer) Refused(space, event, reason string) {
	o.tell("refused %s %s %s", space, event, reason)
}

func (o *observer) FilterFailed(space, subscriptionID string) {
	o.tell("filter failed %s %s", space, subscriptionID)
}

func (o *observer) OrderingKeyFailed(space, subscriptionID string) {
	o.tell("ordering key failed %s %s", space, subscriptionID)
}

func (o *observer) SchemaViolated(space, event string) { o.tell("violated %s %s", space, event) }

// told returns what the observer was told, and forgets it.
func (g *gateway) told() string {
	g.observer.mu.Lock()
	defer g.observer.mu.Unlock()
	told := strings.Join(g.observer.calls, "; ")
	g.observer.calls = nil
	return told
}

type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}
