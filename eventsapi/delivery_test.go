package eventsapi_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/delivery"
	"github.com/eventgateway/eventgateway/delivery/memory"
	"github.com/eventgateway/eventgateway/providers"
)

// resources are those of the gateway's snapshot.
type resources struct{ *gateway }

func (r resources) Function(key eventgateway.FunctionKey) *providers.Handle {
	h, _ := r.snapshot.Load().Functions.Get(key)
	return h
}

func (r resources) Subscription(space, id string) *eventgateway.Subscription {
	s, _ := r.subscriptions.Load(space + "/" + id)
	sub, _ := s.(*eventgateway.Subscription)
	return sub
}

func (resources) Loaded() bool { return true }

// dispatching gives the gateway a queue that delivers. It is drained at the test's end, if the test has not done so.
func (g *gateway) dispatching(t *testing.T, limits delivery.Limits) *delivery.Dispatcher {
	t.Helper()
	policy := delivery.DefaultPolicy()
	policy.Initial, policy.Jitter = time.Millisecond, 0
	log, err := new(memory.Queue).Open(delivery.Env{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	d := delivery.NewDispatcher(log, resources{g}, g.observer, g.Journal,
		delivery.Options{Limits: limits, Policy: policy}, slog.New(slog.DiscardHandler))
	d.Start()
	g.Queue = d
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		d.Drain(ctx)
	})
	return d
}

// TestEveryAcceptedEventIsDelivered sends more than a small queue takes, over real connections: what is answered with 202
// reaches its function once, and what is answered with 503 never does.
func TestEveryAcceptedEventIsDelivered(t *testing.T) {
	var mu sync.Mutex
	delivered := map[string]int{}
	count := func(_ context.Context, call *providers.Call) (*providers.Result, error) {
		mu.Lock()
		defer mu.Unlock()
		delivered[string(call.Payload)]++
		return &providers.Result{}, nil
	}
	g := newGateway(t).functionAs("f", eventgateway.FormatRaw, count).subscribe(t, "async e POST / f")
	queue := g.dispatching(t, delivery.Limits{Deliveries: 8, PerFunction: 4, Concurrency: 1})
	server := g.start(t)

	accepted := map[string]bool{}
	var wait sync.WaitGroup
	for i := range 16 {
		wait.Go(func() {
			for j := range 50 {
				id := fmt.Sprintf("%d-%d", i, j)
				r, _ := http.NewRequest("POST", server.URL+"/", strings.NewReader(id))
				r.Header.Set("Event", "e")
				res, err := server.Client().Do(r)
				if err != nil {
					t.Error(err)
					return
				}
				res.Body.Close()
				switch res.StatusCode {
				case http.StatusAccepted:
					mu.Lock()
					accepted[id] = true
					mu.Unlock()
				case http.StatusServiceUnavailable:
				default:
					t.Errorf("got %d", res.StatusCode)
				}
			}
		})
	}
	wait.Wait()
	if lost, left := queue.Drain(t.Context()); lost != 0 || left != 0 {
		t.Errorf("%d deliveries lost, %d left", lost, left)
	}
	if len(delivered) != len(accepted) || len(accepted) == 0 {
		t.Errorf("%d events accepted, %d delivered", len(accepted), len(delivered))
	}
	for id, times := range delivered {
		if !accepted[id] || times != 1 {
			t.Errorf("event %s, accepted: %v, was delivered %d times", id, accepted[id], times)
		}
	}
	expectError(t, g.send(request("POST", "/", "", "Event", "e")), 503, "shutting down")
}

// TestWhatAFunctionGetsBesideThePayload follows an event through its attempts: each carries the same id and subscription, and
// its number; and the journal knows of all of them.
func TestWhatAFunctionGetsBesideThePayload(t *testing.T) {
	type attempt struct{ id, subscription, number, own, duplicate string }
	attempts := make(chan attempt, 10)
	var failures atomic.Int32
	f := func(_ context.Context, call *providers.Call) (*providers.Result, error) {
		h := call.Header
		attempts <- attempt{
			h.Get("Event-Gateway-Event-Id"), h.Get("Event-Gateway-Subscription-Id"), h.Get("Event-Gateway-Attempt"), h.Get("X-Own"),
			h.Get("Event-Gateway-Dead-Letter-Reason"),
		}
		if failures.Add(1) < 3 {
			return nil, providers.Errorf(providers.Unreachable, "no connection")
		}
		return &providers.Result{}, nil
	}
	g := newGateway(t).journaled().function("f", f).subscribeAs(t, "async e POST / f", func(s *eventgateway.Subscription) {
		s.Headers = map[string]string{"X-Own": `event.source`}
	})
	queue := g.dispatching(t, delivery.Limits{})
	for _, want := range []string{"", "true"} {
		res := g.send(binaryEvent("/", "e", "/s", "%C3%BC1"))
		if res.StatusCode != 202 || idOf(res) != "%C3%BC1" || res.Header.Get("Event-Gateway-Duplicate") != want {
			t.Errorf("got %d %v", res.StatusCode, res.Header)
		}
	}
	if lost, left := queue.Drain(t.Context()); lost != 0 || left != 0 {
		t.Errorf("%d deliveries lost, %d left", lost, left)
	}
	close(attempts)
	var subscription string
	g.subscriptions.Range(func(_, s any) bool { subscription = s.(*eventgateway.Subscription).ID; return true })
	n := 0
	for got := range attempts {
		n++
		if want := (attempt{"%C3%BC1", subscription, fmt.Sprint(n), "/s", ""}); got != want {
			t.Errorf("attempt %d: got %+v, want %+v", n, got, want)
		}
	}
	const retried = "retried unreachable 0 no connection)"
	if got := g.known("default", "ü1"); n != 3 ||
		got != "e delivered: f async delivered (1 "+retried+" (2 "+retried+" (3 delivered  0 )" {
		t.Errorf("after %d attempts the journal knows: %s", n, got)
	}
}

// TestWhatADeadLetterFunctionGets follows an event to the function that gets what another could not take.
func TestWhatADeadLetterFunctionGets(t *testing.T) {
	headers := make(chan http.Header, 10)
	bury := func(_ context.Context, call *providers.Call) (*providers.Result, error) {
		headers <- call.Header
		return &providers.Result{}, nil
	}
	refuses := failsWith(&providers.Error{Failure: providers.FunctionFailed, Permanent: true, Status: 400, Message: "nö\nthanks"})
	g := newGateway(t).function("f", refuses).function("grave", bury).
		subscribeAs(t, "async e POST / f", func(s *eventgateway.Subscription) {
			s.Delivery = &eventgateway.Delivery{DeadLetter: "grave"}
		})
	queue := g.dispatching(t, delivery.Limits{})
	if res := g.send(binaryEvent("/", "e", "/s", "1")); res.StatusCode != 202 {
		t.Fatalf("got %d", res.StatusCode)
	}
	if lost, left := queue.Drain(t.Context()); lost != 0 || left != 0 {
		t.Errorf("%d deliveries lost, %d left", lost, left)
	}
	close(headers)
	h, n := <-headers, len(headers)
	for name, want := range map[string]string{
		"Event-Id": "1", "Attempt": "1", "Dead-Letter-Reason": "function_error", "Dead-Letter-Error": "n? thanks",
		"Dead-Letter-Function-Id": "f", "Dead-Letter-Attempts": "1",
	} {
		if got := h.Get("Event-Gateway-" + name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if n != 0 {
		t.Errorf("the function was called %d times more", n)
	}
}
