package delivery_test

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/delivery"
	"github.com/eventgateway/eventgateway/providers"
)

func TestFunctionChangesWhileEventsWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, delivery.Limits{Concurrency: 1})
		g := newGate()
		r.set("f", g.invoke)
		r.mustPut(t, item("f"), item("f"), item("f"))
		synctest.Wait()

		var payloads []string
		r.setFormat("f", eventgateway.FormatRaw, func(_ context.Context, c *providers.Call) (*providers.Result, error) {
			payloads = append(payloads, string(c.Payload))
			r.remove("f")
			return &providers.Result{}, nil
		})
		g.open <- nil
		synctest.Wait()
		if !slices.Equal(payloads, []string{"data"}) {
			t.Errorf("the new function got %q, want the data alone, once", payloads)
		}
		r.record.want(t, 2, map[string]int{"function_missing": 1})
		r.wantBacklogs(t, nil)
	})
}

// changing are resources that find one function after another.
type changing struct {
	*resources
	found []*providers.Handle
}

func (c *changing) Function(eventgateway.FunctionKey) *providers.Handle {
	h := c.found[0]
	if len(c.found) > 1 {
		c.found = c.found[1:]
	}
	return h
}

// TestFunctionChangesUnderALookup has a function replaced after the dispatcher has found it and before it calls.
func TestFunctionChangesUnderALookup(t *testing.T) {
	old, now := openFunction("f", "", succeed), openFunction("f", "", succeed)
	old.Close()
	// A handle that is closed and stays is a failure, not an endless search. The first look-up is for the concurrency.
	for want, found := range map[string][]*providers.Handle{"": {old, old, now}, "unreachable": {old}} {
		rec := newRecord()
		d := delivery.NewDispatcher(newVolatileLog(), &changing{&resources{}, found}, rec, nil, delivery.Options{Policy: once()},
			slog.New(slog.DiscardHandler))
		d.Start()
		if err := d.Put(t.Context(), []delivery.Item{item("f")}); err != nil {
			t.Fatal(err)
		}
		d.Drain(t.Context())
		if len(rec.invoked) != 1 || rec.invoked[providers.Failure(want)] != 1 {
			t.Errorf("invoked %v, want one %q", rec.invoked, want)
		}
	}
}

// TestConcurrencyOfAFunctionIsItsOwn has functions that say how many deliveries may run at once, and change that.
func TestConcurrencyOfAFunctionIsItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, delivery.Limits{Concurrency: 4})
		own, usual := newGate(), newGate()
		r.setFunction(eventgateway.Function{Space: "s", ID: "own", Concurrency: 2}, own.invoke)
		r.set("usual", usual.invoke)
		for range 30 {
			r.mustPut(t, item("own", "usual"))
		}
		running := func(g *gate) int {
			synctest.Wait()
			_, n, _ := g.counts()
			return n
		}
		if a, b := running(own), running(usual); a != 2 || b != 4 {
			t.Errorf("%d and %d run, want 2 and 4", a, b)
		}
		r.setFunction(eventgateway.Function{Space: "s", ID: "own", Concurrency: 6}, own.invoke)
		own.open <- nil // one more call, which is the first to find the change
		synctest.Wait()
		own.open <- nil
		own.open <- nil
		if n := running(own); n != 6 {
			t.Errorf("%d run after the change, want 6", n)
		}
		r.setFunction(eventgateway.Function{Space: "s", ID: "own"}, own.invoke)
		for range 12 {
			own.open <- nil
			synctest.Wait()
		}
		if n := running(own); n != 4 {
			t.Errorf("%d run once the function says nothing, want 4", n)
		}
		close(own.open)
		close(usual.open)
		r.drain(t)
	})
}

func TestEventOutlivesItsRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, delivery.Limits{Concurrency: 1})
		g := newGate()
		r.set("f", g.invoke)
		r.mustPut(t, item("f"))

		var payload string
		it := item("f")
		it.Event.Type = eventgateway.EventHTTP
		it.Event.HTTP = &eventgateway.HTTPRequest{
			Path: "/p", Method: "POST", Host: "h", Header: map[string][]string{"X-Kept": {"kept"}},
		}
		it.Targets[0].Params = eventgateway.PathParams{{Name: "name", Value: "kept-param"}}
		items := []delivery.Item{it}
		r.mustPut(t, items...)
		it.Event.HTTP.Header.Set("X-Kept", "changed")
		it.Targets[0].Params[0].Value = "changed"
		it.Targets[0].FunctionID = "changed"
		items[0] = delivery.Item{}

		synctest.Wait()
		r.set("f", func(_ context.Context, c *providers.Call) (*providers.Result, error) {
			payload = string(c.Payload)
			return &providers.Result{}, nil
		})
		g.open <- nil
		synctest.Wait()
		for _, want := range []string{`"kept"`, `"kept-param"`} {
			if !contains(payload, want) {
				t.Errorf("payload %s lacks %s", payload, want)
			}
		}
		if contains(payload, "changed") {
			t.Errorf("payload %s holds what changed after Put", payload)
		}
	})
}

func TestAgeIsSinceReceipt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, delivery.Limits{})
		g := newGate()
		r.set("f", g.invoke)
		r.mustPut(t, item("f"))
		<-time.After(3 * time.Second)
		g.open <- nil
		synctest.Wait()
		if r.record.oldest != 3*time.Second {
			t.Errorf("age %v, want 3s", r.record.oldest)
		}
	})
}
