package delivery_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/delivery"
	"github.com/eventgateway/eventgateway/expression"
	"github.com/eventgateway/eventgateway/providers"
	_ "github.com/eventgateway/eventgateway/providers/weighted"
)

// weightedOf returns a weighted function "w" of these provider fields, whose members lookup finds.
func weightedOf(fields string, lookup func(eventgateway.FunctionKey) *providers.Handle) *providers.Handle {
	fn := &eventgateway.Function{Space: "s", ID: "w", Type: "weighted", Provider: json.RawMessage(fields)}
	return providers.Open(fn, providers.Env{
		Space: "s", FunctionID: "w", Logger: slog.New(slog.DiscardHandler), MaxResponse: 1 << 20,
		Function: func(id string) *providers.Handle { return lookup(key(id)) },
	})
}

// calls notes who was called with what.
type calls struct {
	mu  sync.Mutex
	all []string
}

func (c *calls) of(id string, err error) invokerFunc {
	return func(_ context.Context, call *providers.Call) (*providers.Result, error) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.all = append(c.all, fmt.Sprintf("%s %s %q", id, call.Payload, call.Key))
		return &providers.Result{Body: []byte(id)}, err
	}
}

func (c *calls) want(t *testing.T, want ...string) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	slices.Sort(c.all)
	if !slices.Equal(c.all, want) {
		t.Errorf("called %q, want %q", c.all, want)
	}
}

const withFailover = `{"functions":[{"functionId":"a","weight":1000000},{"functionId":"b","weight":1}],"key":"event.type","failover":["b"]}`

// TestCallOfWeighted writes the event for each member that is tried, and tells of each of them.
func TestCallOfWeighted(t *testing.T) {
	var r resources
	var c calls
	r.setFormat("a", eventgateway.FormatRaw, c.of("a", providers.Errorf(providers.Unreachable, "gone")))
	r.setFunction(eventgateway.Function{Space: "s", ID: "b", Format: eventgateway.FormatCloudEventsBinary}, c.of("b", nil))
	rec, s := newRecord(), &stages{}
	result, err := delivery.Call(t.Context(), weightedOf(withFailover, r.Function), expression.NewInput(newEvent("data")),
		eventgateway.Route{}, &eventgateway.Transforms{Transform: "'made'"}, rec, s)
	if err != nil || string(result.Body) != "b" || result.Format != eventgateway.FormatCloudEventsBinary {
		t.Errorf("got %+v, %v", result, err)
	}
	c.want(t, `a made ""`, `b made ""`)
	s.want(t, "invoking a id-1", "failed a id-1 unreachable", "invoking b id-1", "invoked b id-1 b")
	// One for each member, and one for the whole.
	if fmt.Sprint(rec.invoked) != "map[:2 unreachable:1]" {
		t.Errorf("invoked %v", rec.invoked)
	}
}

// TestCallOfWeightedStopped ends with what is not of the member's making.
func TestCallOfWeightedStopped(t *testing.T) {
	var r resources
	var c calls
	r.set("a", c.of("a", nil))
	r.set("b", c.of("b", nil))
	h, rec := weightedOf(withFailover, r.Function), newRecord()
	_, err := call(t.Context(), h, rec, &eventgateway.Transforms{Transform: "data.x.y"})
	if !errors.As(err, new(*expression.TransformError)) {
		t.Errorf("a transform that fails: %v", err)
	}
	_, err = delivery.Call(t.Context(), h, expression.NewInput(newEvent("data")), eventgateway.Route{}, nil, rec,
		&stages{onInvoking: func() error { return errors.New("no") }})
	if !errors.As(err, new(*delivery.StoppedError)) {
		t.Errorf("stages that stop it: %v", err)
	}
	h.Close()
	if _, err = call(t.Context(), h, rec, nil); !errors.Is(err, providers.ErrClosed) {
		t.Errorf("a closed function: %v", err)
	}
	c.want(t)
	if len(rec.invoked) > 0 {
		t.Errorf("invoked %v", rec.invoked)
	}
}

// TestDeliveryToWeighted delivers through the queue: one attempt tries members until one can be called.
func TestDeliveryToWeighted(t *testing.T) {
	r := newRig(t, delivery.Limits{})
	var c calls
	r.setFormat("a", eventgateway.FormatRaw, c.of("a", providers.Errorf(providers.Throttled, "later")))
	r.setFormat("b", eventgateway.FormatRaw, c.of("b", nil))
	r.functions.Store(key("w"), weightedOf(withFailover, r.resources.Function))
	r.mustPut(t, item("w"))
	r.drain(t)
	r.record.want(t, 1, nil)
	r.record.wantAttempts(t, 1, 0, 0)
	c.want(t, `a data ""`, `b data ""`)
	if fmt.Sprint(r.record.invoked) != "map[:2 throttled:1]" {
		t.Errorf("invoked %v", r.record.invoked)
	}
}

const withShadow = `{"functions":[{"functionId":"a","weight":1},{"functionId":"copy","shadow":true}]}`

// TestShadowsNeverDelay has a shadow that does not answer: calls are over at once all the same, and copies beyond those that
// it may have are dropped and counted.
func TestShadowsNeverDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r resources
		var c calls
		r.set("a", c.of("a", nil))
		g := newGate()
		r.setFunction(functionOf("copy", 3), g.invoke)
		h, rec := weightedOf(withShadow, r.Function), newRecord()
		start := time.Now()
		for range 10 {
			if result, err := call(t.Context(), h, rec, nil); err != nil || string(result.Body) != "a" {
				t.Fatalf("got %v, %v", result, err)
			}
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("ten calls took %v", took)
		}
		synctest.Wait()
		if calls, running, _ := g.counts(); calls != 3 || running != 3 {
			t.Errorf("%d copies, of which %d are on their way", calls, running)
		}
		if rec.copyDropped["copy"] != 7 {
			t.Errorf("dropped %v", rec.copyDropped)
		}
		// The copies end with the shadow's own timeout, and then there is room again.
		time.Sleep(eventgateway.DefaultTimeout)
		synctest.Wait()
		if _, running, _ := g.counts(); running != 0 {
			t.Errorf("%d copies are on their way after the timeout", running)
		}
		if _, err := call(t.Context(), h, rec, nil); err != nil || rec.copyDropped["copy"] != 7 {
			t.Errorf("then %v, dropped %v", err, rec.copyDropped)
		}
		g.open <- nil
	})
}

// TestShadowsOutliveTheCall gets the whole event, in the shadow's own format, also when the sender has gone; what it answers
// changes nothing.
func TestShadowsOutliveTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r resources
		var c calls
		r.set("a", c.of("a", nil))
		r.setFormat("copy", eventgateway.FormatRaw, func(ctx context.Context, call *providers.Call) (*providers.Result, error) {
			time.Sleep(time.Second)
			if ctx.Err() != nil {
				t.Errorf("the copy was given up: %v", ctx.Err())
			}
			return c.of("copy", providers.Errorf(providers.FunctionFailed, "no"))(ctx, call)
		})
		h, s := weightedOf(withShadow, r.Function), &stages{}
		ctx, cancel := context.WithCancel(t.Context())
		result, err := delivery.Call(ctx, h, expression.NewInput(newEvent("data")), eventgateway.Route{}, nil, newRecord(), nil)
		cancel()
		if err != nil || string(result.Body) != "a" {
			t.Errorf("got %v, %v", result, err)
		}
		time.Sleep(2 * time.Second)
		c.mu.Lock()
		copied := slices.Contains(c.all, `copy data ""`)
		c.mu.Unlock()
		if !copied {
			t.Errorf("called %q", c.all)
		}
		// Stages are told of copies, and may keep an event from a shadow.
		s.onInvoking = func() error { return errors.New("no") }
		_, _ = delivery.Call(t.Context(), h, expression.NewInput(newEvent("kept")), eventgateway.Route{}, nil, newRecord(), s)
		time.Sleep(2 * time.Second)
		c.mu.Lock()
		defer c.mu.Unlock()
		if len(c.all) != 2 {
			t.Errorf("called %q", c.all)
		}
	})
}

// TestShadowsKeepTheEvent has the server change a request that is answered while its copy is on its way.
func TestShadowsKeepTheEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r resources
		var c calls
		got := make(chan string, 1)
		r.set("a", c.of("a", nil))
		r.set("copy", func(_ context.Context, call *providers.Call) (*providers.Result, error) {
			time.Sleep(time.Second)
			got <- call.Event.HTTP.Header.Get("X-Tenant")
			return &providers.Result{}, nil
		})
		ev := newEvent("data")
		ev.Type = eventgateway.EventHTTP
		ev.HTTP = &eventgateway.HTTPRequest{Method: "GET", Path: "/", Header: http.Header{"X-Tenant": {"one"}}}
		h := weightedOf(withShadow, r.Function)
		if _, err := delivery.Call(t.Context(), h, expression.NewInput(ev), eventgateway.Route{}, nil, newRecord(), nil); err != nil {
			t.Fatal(err)
		}
		ev.HTTP.Header.Set("X-Tenant", "another")
		if tenant := <-got; tenant != "one" {
			t.Errorf("the copy is of a request of tenant %s", tenant)
		}
	})
}

// TestShadowsOfDeliveries get one copy of a delivery, however many attempts it takes.
func TestShadowsOfDeliveries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRigOf(t, newVolatileLog(), delivery.Options{Policy: regular(3)})
		var c calls
		r.setFormat("a", eventgateway.FormatRaw, c.of("a", providers.Errorf(providers.FunctionFailed, "no")))
		r.setFormat("copy", eventgateway.FormatRaw, c.of("copy", nil))
		r.functions.Store(key("w"), weightedOf(withShadow, r.resources.Function))
		r.mustPut(t, item("w"))
		time.Sleep(time.Minute)
		r.record.wantAttempts(t, 0, 2, 1)
		c.want(t, `a data ""`, `a data ""`, `a data ""`, `copy data ""`)
	})
}

// BenchmarkCallOfWeighted compares a call of a function through a weighted one with a call of the function itself, which
// returns at once. Both take turns, and of each the fastest turn counts: what else the machine does falls on few of them.
func BenchmarkCallOfWeighted(b *testing.B) {
	const turn = 100
	var r resources
	r.set("a", succeed)
	r.set("b", succeed)
	const members = `{"functions":[{"functionId":"a","weight":90},{"functionId":"b","weight":10}]`
	in := expression.NewInput(newEvent("data"))
	timeTurn := func(b *testing.B, h *providers.Handle) float64 {
		start := time.Now()
		for range turn {
			if _, err := delivery.Call(context.Background(), h, in, eventgateway.Route{}, nil, nobody{}, nil); err != nil {
				b.Fatal(err)
			}
		}
		return float64(time.Since(start).Nanoseconds()) / turn
	}
	for _, bench := range []struct{ name, fields string }{
		{"random", members + `}`},
		{"key", members + `,"key":"event.id"}`},
		{"failover", members + `,"failover":true}`},
		{"retreat", members + `,"retreat":{"errorRate":0.5,"latency":"1s","to":[{"functionId":"b","weight":1}]}}`},
	} {
		b.Run(bench.name, func(b *testing.B) {
			direct, weighted := math.Inf(1), math.Inf(1)
			a, w := r.Function(key("a")), weightedOf(bench.fields, r.Function)
			for b.Loop() {
				direct = min(direct, timeTurn(b, a))
				weighted = min(weighted, timeTurn(b, w))
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(direct, "ns-direct")
			b.ReportMetric(weighted-direct, "ns-added")
			b.ReportMetric(weighted/direct, "×direct")
		})
	}
}
