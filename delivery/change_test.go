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
		r := newRig(delivery.Limits{Concurrency: 1})
		g := newGate()
		r.functions.set("f", g.invoke)
		r.mustPut(t, item("f"), item("f"), item("f"))
		synctest.Wait()

		var payloads []string
		r.functions.setFormat("f", eventgateway.FormatRaw, func(_ context.Context, c *providers.Call) (*providers.Result, error) {
			payloads = append(payloads, string(c.Payload))
			r.functions.remove("f")
			return &providers.Result{}, nil
		})
		g.open <- nil
		synctest.Wait()
		if !slices.Equal(payloads, []string{"data"}) {
			t.Errorf("the new function got %q, want the data alone, once", payloads)
		}
		r.record.want(t, 2, map[string]int{"function_missing": 1})
		if got := r.Backlogs(); len(got) != 0 {
			t.Errorf("backlogs %v, want none", got)
		}
	})
}

// TestFunctionChangesUnderALookup has a function replaced after the queue has found it and before it calls.
func TestFunctionChangesUnderALookup(t *testing.T) {
	rec, logged := newRecord(), &lockedBuffer{}
	old, now := openFunction("f", "", succeed), openFunction("f", "", succeed)
	old.Close()
	found := []*providers.Handle{old, now, now}
	q := delivery.NewMemory(delivery.Limits{}, func(eventgateway.FunctionKey) *providers.Handle {
		h := found[0]
		found = found[1:]
		return h
	}, rec, slog.New(slog.NewJSONHandler(logged, nil)))
	if err := q.Put([]delivery.Item{item("f")}); err != nil {
		t.Fatal(err)
	}
	q.Drain(t.Context())
	rec.want(t, 1, nil)
	if rec.invoked[""] != 1 || len(rec.invoked) != 1 {
		t.Errorf("invoked %v, want one success", rec.invoked)
	}

	// A handle that is closed and stays is a failure, not an endless search.
	q = delivery.NewMemory(delivery.Limits{}, func(eventgateway.FunctionKey) *providers.Handle { return old },
		rec, slog.New(slog.NewJSONHandler(logged, nil)))
	if err := q.Put([]delivery.Item{item("f")}); err != nil {
		t.Fatal(err)
	}
	q.Drain(t.Context())
	rec.want(t, 1, map[string]int{"unreachable": 1})
}

func TestEventOutlivesItsRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(delivery.Limits{Concurrency: 1})
		g := newGate()
		r.functions.set("f", g.invoke)
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
		r.functions.set("f", func(_ context.Context, c *providers.Call) (*providers.Result, error) {
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
		r := newRig(delivery.Limits{})
		g := newGate()
		r.functions.set("f", g.invoke)
		r.mustPut(t, item("f"))
		<-time.After(3 * time.Second)
		g.open <- nil
		synctest.Wait()
		if r.record.oldest != 3*time.Second {
			t.Errorf("age %v, want 3s", r.record.oldest)
		}
	})
}
