package delivery_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/delivery"
	"github.com/eventgateway/eventgateway/providers"
)

func TestFailuresAreDropped(t *testing.T) {
	for _, failure := range []providers.Failure{
		providers.FunctionFailed, providers.Unreachable, providers.TimedOut, providers.Throttled, providers.BadAnswer,
	} {
		t.Run(string(failure), func(t *testing.T) {
			r := newRig(t, delivery.Limits{})
			r.set("f", fail(failure))
			r.mustPut(t, item("f"))
			r.drain(t)
			r.record.want(t, 0, map[string]int{string(failure): 1})
			r.record.wantAttempts(t, 0, 0, 1)
			if r.record.invoked[failure] != 1 {
				t.Errorf("invoked %v, want one %s", r.record.invoked, failure)
			}
		})
	}
}

func TestFailuresAreLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, delivery.Limits{})
		r.set("f", fail(providers.BadAnswer))
		r.set("other", fail(providers.FunctionFailed))
		put := func(id string, n int) {
			for range n {
				it := item(id)
				it.Event.Data = []byte("secret payload")
				r.mustPut(t, it)
			}
			synctest.Wait()
		}
		put("f", 100)
		put("other", 1)
		<-time.After(10 * time.Second)
		put("f", 1)
		put("gone", 1)
		got := r.logged.lines(t)
		want := []map[string]any{
			{"function": "f", "reason": "bad_answer", "error": "it went wrong"},
			{"function": "other", "reason": "function_error", "error": "it went wrong"},
			{"function": "f", "reason": "bad_answer", "error": "it went wrong", "suppressed": 99.0},
			{"function": "gone", "reason": "function_missing"},
		}
		if len(got) != len(want) {
			t.Fatalf("logged %d lines, want %d: %s", len(got), len(want), r.logged)
		}
		for i, line := range got {
			want[i]["level"], want[i]["msg"] = "WARN", "event could not be delivered"
			want[i]["space"], want[i]["subscription"] = "s", "sub-"+want[i]["function"].(string)
			want[i]["event"], want[i]["event_id"] = "user.created", "id-1"
			want[i]["duration"], want[i]["attempts"] = 0.0, 1.0
			delete(line, "time")
			if fmt.Sprint(line) != fmt.Sprint(want[i]) {
				t.Errorf("line %d: %v, want %v", i, line, want[i])
			}
		}
		if contains(r.logged.String(), "secret") {
			t.Error("the log holds a payload")
		}
	})
}

// TestLogOfManyBrokenFunctions checks that the log stays bounded, and tells of every failure, when more functions fail
// than it remembers.
func TestLogOfManyBrokenFunctions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 3000
		r := newRig(t, delivery.Limits{})
		for round := range 3 {
			for i := range n {
				r.mustPut(t, item(fmt.Sprint("missing", i)))
			}
			synctest.Wait()
			<-time.After(10 * time.Second)
			if got := len(r.logged.lines(t)); got > (round+1)*1100 {
				t.Fatalf("%d lines after round %d", got, round)
			}
		}
		r.mustPut(t, item("last"))
		synctest.Wait()
		told := 0
		for _, line := range r.logged.lines(t) {
			told++
			if s, ok := line["suppressed"].(float64); ok {
				told += int(s)
			}
		}
		if told != 3*n+1 {
			t.Errorf("the log tells of %d failures, want %d", told, 3*n+1)
		}
		r.record.want(t, 0, map[string]int{"function_missing": 3*n + 1})
	})
}

// faulty is an observer that panics.
type faulty struct{ *record }

func (f faulty) Delivered(space, eventType string, age time.Duration) {
	f.record.Delivered(space, eventType, age)
	panic("secret of the observer")
}

func (f faulty) Dropped(space, eventType, reason string) {
	f.record.Dropped(space, eventType, reason)
	panic("secret of the observer")
}

// broken are resources whose look-up of some functions and subscriptions panics.
type broken struct{ *resources }

func (b broken) Function(k eventgateway.FunctionKey) *providers.Handle {
	switch k.ID {
	case "lookup":
		panic(errors.New("secret of the look-up"))
	case "index":
		return []*providers.Handle{}[len(k.Space)]
	}
	return b.resources.Function(k)
}

func (b broken) Subscription(space, id string) *eventgateway.Subscription {
	if id == "sub-subscription" {
		panic("secret of the look-up")
	}
	return b.resources.Subscription(space, id)
}

func TestPanicsEndOnlyTheirDelivery(t *testing.T) {
	for _, durable := range []bool{false, true} {
		t.Run(fmt.Sprint("durable ", durable), func(t *testing.T) {
			res, rec, logged := &resources{}, newRecord(), &lockedBuffer{}
			log := newDurableLog(&disk{})
			log.durable = durable
			d := delivery.NewDispatcher(log, broken{res}, faulty{rec}, nil, delivery.Options{
				Limits: delivery.Limits{Concurrency: 1}, Policy: once(),
			}, slog.New(slog.NewJSONHandler(logged, nil)))
			d.Start()
			res.set("sound", succeed)
			res.set("subscription", succeed)
			res.set("provider", func(context.Context, *providers.Call) (*providers.Result, error) {
				panic("secret of the provider")
			})
			for range 3 {
				items := []delivery.Item{item("sound", "lookup", "index", "provider", "subscription")}
				if err := d.Put(t.Context(), items); err != nil {
					t.Fatal(err)
				}
			}
			waitFor(t, "the ends of all deliveries", func() bool {
				rec.mu.Lock()
				defer rec.mu.Unlock()
				return rec.delivered+rec.dropped["panic"]+rec.dropped["function_error"] == 15
			})
			d.Drain(t.Context())
			rec.want(t, 3, map[string]int{"panic": 9, "function_error": 3})
			if letters, _ := log.DeadLetters().Count(); letters != 12 {
				t.Errorf("%d dead letters, want 12", letters)
			}
			if got := logged.String(); !contains(got, "index out of range") || contains(got, "secret") {
				t.Errorf("the log holds a secret, or not what happened: %s", got)
			}
			if err := d.CheckEmpty(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestRunningDeliveriesShareAnEncoding checks that a large event is not held once for every function it goes to.
func TestRunningDeliveriesShareAnEncoding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, delivery.Limits{})
		type got struct {
			at      *byte
			payload string
		}
		calls := make(chan got, 10)
		g := newGate()
		see := func(ctx context.Context, c *providers.Call) (*providers.Result, error) {
			calls <- got{&c.Payload[0], string(c.Payload)}
			return g.invoke(ctx, c)
		}
		r.set("a", see)
		r.set("b", see)
		r.setFormat("c", eventgateway.FormatCloudEvents, see)
		r.mustPut(t, item("a", "b", "b", "c"))
		synctest.Wait()
		close(calls)
		uses := map[*byte]int{}
		for c := range calls {
			uses[c.at]++
			if !contains(c.payload, "data") {
				t.Errorf("payload %s", c.payload)
			}
		}
		if len(uses) != 2 {
			t.Errorf("%d encodings for four deliveries in two formats, want 2", len(uses))
		}
		close(g.open)
		r.drain(t)
		r.record.want(t, 4, nil)
	})
}

// TestDeliveriesTellAboutThemselves checks the headers that a function deduplicates by.
func TestDeliveriesTellAboutThemselves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRigOf(t, newVolatileLog(), delivery.Options{Policy: regular(3)})
		var got []string
		r.set("f", func(_ context.Context, c *providers.Call) (*providers.Result, error) {
			got = append(got, c.Header.Get(delivery.HeaderEventID)+" "+c.Header.Get(delivery.HeaderSubscriptionID)+" "+
				c.Header.Get(delivery.HeaderAttempt))
			return nil, providers.Errorf(providers.Unreachable, "no")
		})
		r.mustPut(t, item("f"))
		r.drain(t)
		if want := "[id-1 sub-f 1 id-1 sub-f 2 id-1 sub-f 3]"; fmt.Sprint(got) != want {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}
