package delivery_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/delivery"
	"github.com/eventgateway/eventgateway/expression"
	"github.com/eventgateway/eventgateway/providers"
)

func contains(s, part string) bool { return strings.Contains(s, part) }

func fail(failure providers.Failure) invokerFunc {
	return func(context.Context, *providers.Call) (*providers.Result, error) {
		return nil, providers.Errorf(failure, "it went wrong")
	}
}

func TestFailuresAreDropped(t *testing.T) {
	for _, failure := range []providers.Failure{
		providers.FunctionFailed, providers.Unreachable, providers.TimedOut, providers.Throttled, providers.BadAnswer,
	} {
		t.Run(string(failure), func(t *testing.T) {
			r := newRig(delivery.Limits{})
			r.functions.set("f", fail(failure))
			r.mustPut(t, item("f"))
			r.Drain(t.Context())
			r.record.want(t, 0, map[string]int{string(failure): 1})
			if r.record.invoked[failure] != 1 {
				t.Errorf("invoked %v, want one %s", r.record.invoked, failure)
			}
		})
	}
}

// lines decodes what was logged.
func lines(t *testing.T, logged string) (all []map[string]any) {
	t.Helper()
	for line := range strings.Lines(logged) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		all = append(all, m)
	}
	return all
}

func TestFailuresAreLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(delivery.Limits{})
		r.functions.set("f", fail(providers.Unreachable))
		r.functions.set("other", fail(providers.TimedOut))
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
		got := lines(t, r.logged.String())
		want := []map[string]any{
			{"function": "f", "reason": "unreachable", "error": "it went wrong"},
			{"function": "other", "reason": "timeout", "error": "it went wrong"},
			{"function": "f", "reason": "unreachable", "error": "it went wrong", "suppressed": 99.0},
			{"function": "gone", "reason": "function_missing"},
		}
		if len(got) != len(want) {
			t.Fatalf("logged %d lines, want %d: %s", len(got), len(want), r.logged)
		}
		for i, line := range got {
			want[i]["level"], want[i]["msg"] = "WARN", "event not delivered"
			want[i]["space"], want[i]["subscription"] = "s", "sub-"+want[i]["function"].(string)
			want[i]["event"], want[i]["event_id"] = "user.created", "id-1"
			want[i]["duration"] = 0.0
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
		r := newRig(delivery.Limits{})
		for round := range 3 {
			for i := range n {
				r.mustPut(t, item(fmt.Sprint("missing", i)))
			}
			synctest.Wait()
			<-time.After(10 * time.Second)
			if got := len(lines(t, r.logged.String())); got > (round+1)*1100 {
				t.Fatalf("%d lines after round %d", got, round)
			}
		}
		r.mustPut(t, item("last"))
		synctest.Wait()
		told := 0
		for _, line := range lines(t, r.logged.String()) {
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

func TestPanicsEndOnlyTheirDelivery(t *testing.T) {
	r := newRig(delivery.Limits{Concurrency: 1})
	q := delivery.NewMemory(delivery.Limits{Concurrency: 1}, func(k eventgateway.FunctionKey) *providers.Handle {
		switch k.ID {
		case "lookup":
			panic(errors.New("secret of the lookup"))
		case "index":
			return []*providers.Handle{}[len(k.Space)]
		}
		return r.functions.find(k)
	}, faulty{r.record}, slog.New(slog.NewJSONHandler(r.logged, nil)))
	r.functions.set("sound", succeed)
	r.functions.set("provider", func(context.Context, *providers.Call) (*providers.Result, error) {
		panic("secret of the provider")
	})
	for range 3 {
		if err := q.Put([]delivery.Item{item("sound", "lookup", "index", "provider")}); err != nil {
			t.Fatal(err)
		}
	}
	q.Drain(t.Context())
	r.record.want(t, 3, map[string]int{"panic": 6, "function_error": 3})
	if got := r.logged.String(); !contains(got, "index out of range") || contains(got, "secret") {
		t.Errorf("the log holds a secret, or not what happened: %s", got)
	}
}

// TestRunningDeliveriesShareAnEncoding checks that a large event is not held once for every function it goes to.
func TestRunningDeliveriesShareAnEncoding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(delivery.Limits{})
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
		r.functions.set("a", see)
		r.functions.set("b", see)
		r.functions.setFormat("c", eventgateway.FormatCloudEvents, see)
		it := item("a", "b", "b", "c")
		r.mustPut(t, it)
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
		r.Drain(t.Context())
		r.record.want(t, 4, nil)
	})
}

func TestCall(t *testing.T) {
	ev := newEvent("data")
	t.Run("success", func(t *testing.T) {
		rec := newRecord()
		h := openFunction("f", eventgateway.FormatRaw, func(_ context.Context, c *providers.Call) (*providers.Result, error) {
			if string(c.Payload) != "data" || c.ContentType != "text/plain" {
				t.Errorf("called with %q of type %q", c.Payload, c.ContentType)
			}
			return &providers.Result{ContentType: "text/plain", Body: []byte("answer")}, nil
		})
		res, err := delivery.Call(t.Context(), h, expression.NewInput(ev), &delivery.Target{}, rec)
		if err != nil || string(res.Body) != "answer" {
			t.Errorf("got %v, %v", res, err)
		}
		if fmt.Sprint(rec.invoked) != "map[:1]" {
			t.Errorf("invoked %v", rec.invoked)
		}
	})
	t.Run("failure", func(t *testing.T) {
		rec := newRecord()
		_, err := delivery.Call(t.Context(), openFunction("f", "", fail(providers.Throttled)), expression.NewInput(ev), &delivery.Target{}, rec)
		if providers.FailureOf(err) != providers.Throttled || rec.invoked[providers.Throttled] != 1 {
			t.Errorf("got %v, invoked %v", err, rec.invoked)
		}
	})
	t.Run("sender gives up", func(t *testing.T) {
		rec := newRecord()
		ctx, cancel := context.WithCancel(t.Context())
		h := openFunction("f", "", func(ctx context.Context, _ *providers.Call) (*providers.Result, error) {
			cancel()
			<-ctx.Done()
			return nil, providers.Errorf(providers.Unreachable, "connection lost")
		})
		_, err := delivery.Call(ctx, h, expression.NewInput(ev), &delivery.Target{}, rec)
		if providers.FailureOf(err) != providers.Canceled || rec.invoked[providers.Canceled] != 1 {
			t.Errorf("got %v, invoked %v", err, rec.invoked)
		}
	})
	t.Run("timeout", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			rec := newRecord()
			h := openFunction("f", "", newGate().invoke)
			start := time.Now()
			_, err := delivery.Call(t.Context(), h, expression.NewInput(ev), &delivery.Target{}, rec)
			if providers.FailureOf(err) != providers.TimedOut || rec.invoked[providers.TimedOut] != 1 {
				t.Errorf("got %v, invoked %v", err, rec.invoked)
			}
			if took := time.Since(start); took != eventgateway.DefaultTimeout {
				t.Errorf("took %v, want %v", took, eventgateway.DefaultTimeout)
			}
		})
	})
}
