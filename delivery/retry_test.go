package delivery_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/delivery"
	"github.com/eventgateway/eventgateway/providers"
)

// script is a function that answers as told, call by call, and notes when it was called; at the end it succeeds.
type script struct {
	start   time.Time
	answers []error

	mu    sync.Mutex
	times []time.Duration
}

func newScript(answers ...error) *script { return &script{start: time.Now(), answers: answers} }

func (s *script) invoke(context.Context, *providers.Call) (*providers.Result, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.times)
	s.times = append(s.times, time.Since(s.start))
	if n < len(s.answers) {
		return nil, s.answers[n]
	}
	return &providers.Result{}, nil
}

func (s *script) wantTimes(t *testing.T, want ...time.Duration) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Equal(s.times, want) {
		t.Errorf("called after %v, want %v", s.times, want)
	}
}

func again(n int) []error {
	return slices.Repeat([]error{providers.Errorf(providers.Unreachable, "no")}, n)
}

func TestRetriesByPolicy(t *testing.T) {
	forbidden := &providers.Error{Failure: providers.FunctionFailed, Status: 403, Message: "no"}
	permanent := &providers.Error{Failure: providers.FunctionFailed, Status: 500, Message: "never", Permanent: true}
	later := &providers.Error{Failure: providers.Throttled, Status: 429, Message: "later", RetryAfter: 10 * time.Second}
	const s = time.Second
	none := 0.0
	exact := func(d eventgateway.Delivery) *eventgateway.Delivery {
		if d.Backoff == nil {
			d.Backoff = &eventgateway.Backoff{}
		}
		d.Backoff.Jitter = &none
		return &d
	}
	for name, test := range map[string]struct {
		answers []error
		policy  *eventgateway.Delivery
		want    []time.Duration
		dropped string
	}{
		"success":          {nil, nil, []time.Duration{0}, ""},
		"exhausted":        {again(9), nil, []time.Duration{0, s, 3 * s, 7 * s, 15 * s}, "unreachable"},
		"at last":          {again(4), nil, []time.Duration{0, s, 3 * s, 7 * s, 15 * s}, ""},
		"permanent status": {[]error{forbidden}, nil, []time.Duration{0}, "function_error"},
		"permanent":        {[]error{permanent}, nil, []time.Duration{0}, "function_error"},
		"listed":           {[]error{forbidden}, exact(eventgateway.Delivery{RetryOn: []string{"4xx"}}), []time.Duration{0, s}, ""},
		"not listed":       {again(1), exact(eventgateway.Delivery{RetryOn: []string{"4xx"}}), []time.Duration{0}, "unreachable"},
		"attempts":         {again(9), exact(eventgateway.Delivery{Attempts: 2}), []time.Duration{0, s}, "unreachable"},
		"backoff": {again(9), exact(eventgateway.Delivery{Backoff: &eventgateway.Backoff{
			Initial: eventgateway.Duration(2 * s), Factor: 3, Maximum: eventgateway.Duration(9 * s),
		}}), []time.Duration{0, 2 * s, 8 * s, 17 * s, 26 * s}, "unreachable"},
		"asked to wait": {[]error{later}, nil, []time.Duration{0, 10 * s}, ""},
		"maximum age": {again(9), exact(eventgateway.Delivery{
			Attempts: 100, MaxAge: eventgateway.Duration(5 * s),
		}), []time.Duration{0, s, 3 * s}, "unreachable"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRigOf(t, newVolatileLog(), delivery.Options{Policy: regular(5)})
				f := newScript(test.answers...)
				r.set("f", f.invoke)
				if test.policy != nil {
					r.deliver("f", *test.policy)
				}
				r.mustPut(t, item("f"))
				r.drain(t)
				f.wantTimes(t, test.want...)
				n := len(test.want) - 1
				if test.dropped == "" {
					r.record.want(t, 1, nil)
					r.record.wantAttempts(t, 1, n, 0)
				} else {
					r.record.want(t, 0, map[string]int{test.dropped: 1})
					r.record.wantAttempts(t, 0, n, 1)
				}
			})
		})
	}
}

// TestARetryHoldsUpNoOther has one event fail and checks that others of the function go ahead, though one runs at a time.
func TestARetryHoldsUpNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRigOf(t, newVolatileLog(), delivery.Options{Limits: delivery.Limits{Concurrency: 1}, Policy: regular(3)})
		start := time.Now()
		var got []string
		r.setFormat("f", eventgateway.FormatRaw, func(_ context.Context, c *providers.Call) (*providers.Result, error) {
			got = append(got, fmt.Sprint(string(c.Payload), " ", time.Since(start)))
			if string(c.Payload) == "bad" {
				return nil, providers.Errorf(providers.Unreachable, "no")
			}
			return &providers.Result{}, nil
		})
		for _, id := range []string{"a", "bad", "b", "c"} {
			r.mustPut(t, named(id, "f"))
		}
		r.drain(t)
		if want := []string{"a 0s", "bad 0s", "b 0s", "c 0s", "bad 1s", "bad 3s"}; !slices.Equal(got, want) {
			t.Errorf("calls %v, want %v", got, want)
		}
	})
}

// TestManyRetriesAtOnce has more deliveries fail than are woken at once, and all become due in the same instant.
func TestManyRetriesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 2000
		r := newRigOf(t, newVolatileLog(), delivery.Options{Limits: delivery.Limits{Concurrency: n}, Policy: regular(2)})
		r.set("f", fail(providers.BadAnswer))
		r.deliver("f", eventgateway.Delivery{RetryOn: []string{"bad_answer"}})
		for range n {
			r.mustPut(t, item("f"))
		}
		synctest.Wait()
		r.wantConsistent(t)
		start := time.Now()
		r.drain(t)
		if took := time.Since(start); took > 1010*time.Millisecond {
			t.Errorf("took %v, want one wait for all", took)
		}
		r.record.wantAttempts(t, 0, n, n)
	})
}

func TestWhatIsTooOldIsNotDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRigOf(t, newVolatileLog(), delivery.Options{Policy: regular(5)})
		r.deliver("f", eventgateway.Delivery{MaxAge: eventgateway.Duration(time.Minute)})
		r.set("f", succeed)
		fresh, stale := item("f"), item("f")
		fresh.Event.ReceivedAt = time.Now().Add(-time.Minute)
		stale.Event.ReceivedAt = time.Now().Add(-time.Minute - 1)
		r.mustPut(t, fresh, stale)
		r.drain(t)
		r.record.want(t, 1, map[string]int{"expired": 1})
		r.record.wantAttempts(t, 1, 0, 0)
		if dead := r.log.dead(t); len(dead) != 1 || dead[0].Reason != delivery.ReasonExpired || dead[0].Attempts != 0 {
			t.Errorf("dead letters %+v", dead)
		}
	})
}

// TestTimeoutOfTheSubscription bounds an attempt by less than the function's own timeout.
func TestTimeoutOfTheSubscription(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRigOf(t, newVolatileLog(), delivery.Options{Policy: regular(2)})
		r.deliver("f", eventgateway.Delivery{Timeout: eventgateway.Duration(3 * time.Second)})
		g := newGate()
		r.set("f", g.invoke)
		start := time.Now()
		r.mustPut(t, item("f"))
		r.drain(t)
		if took := time.Since(start); took != 7*time.Second {
			t.Errorf("took %v, want two attempts of 3s and 1s between them", took)
		}
		r.record.want(t, 0, map[string]int{"timeout": 1})
	})
}
