package delivery_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/delivery"
	"github.com/eventgateway/eventgateway/expression"
	"github.com/eventgateway/eventgateway/providers"
)

// stages note what they are told of, and answer as a test says.
type stages struct {
	// onInvoking and onInvoked are asked for the errors, if they are set.
	onInvoking, onInvoked func() error

	mu   sync.Mutex
	told []string
}

func (s *stages) note(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told = append(s.told, fmt.Sprintf(format, args...))
}

func (s *stages) Invoking(_ context.Context, call delivery.Invocation) error {
	s.note("invoking %s %s", call.Function.ID, call.Event.ID)
	if s.onInvoking != nil {
		return s.onInvoking()
	}
	return nil
}

func (s *stages) Invoked(_ context.Context, call delivery.Invocation, result *providers.Result) error {
	s.note("invoked %s %s %s", call.Function.ID, call.Event.ID, result.Body)
	if s.onInvoked != nil {
		return s.onInvoked()
	}
	return nil
}

func (s *stages) InvocationFailed(_ context.Context, call delivery.Invocation, err error) {
	s.note("failed %s %s %s", call.Function.ID, call.Event.ID, providers.FailureOf(err))
}

func (s *stages) want(t *testing.T, want ...string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Equal(s.told, want) {
		t.Errorf("told of %q, want %q", s.told, want)
	}
}

var errStop = errors.New("not this one")

func stop() error { return errStop }

// TestStagesOfACall covers what is told of a call while the sender waits, and what stops it.
func TestStagesOfACall(t *testing.T) {
	closed := openFunction("f", "", succeed)
	closed.Close()
	system := newEvent("data")
	system.Type = eventgateway.FunctionInvoked
	for _, test := range []struct {
		name       string
		stages     *stages
		handle     *providers.Handle
		ev         *eventgateway.Event
		transforms *eventgateway.Transforms
		invoked    int
		stopped    bool
		want       []string
	}{
		{name: "answered", invoked: 1, want: []string{"invoking f id-1", "invoked f id-1 done"}},
		{
			name: "failed", handle: openFunction("f", "", fail(providers.Throttled)), invoked: 1,
			want: []string{"invoking f id-1", "failed f id-1 throttled"},
		},
		{name: "stopped before", stages: &stages{onInvoking: stop}, stopped: true, want: []string{"invoking f id-1"}},
		{
			name: "stopped after", stages: &stages{onInvoked: stop}, invoked: 1, stopped: true,
			want: []string{"invoking f id-1", "invoked f id-1 done"},
		},
		{name: "not called for its transform", transforms: &eventgateway.Transforms{Transform: "data.none"}},
		{name: "changed meanwhile", handle: closed, invoked: 1, want: []string{"invoking f id-1"}},
		{name: "a system event", stages: &stages{onInvoking: stop, onInvoked: stop}, ev: system, invoked: 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			rec, h, ev, s := newRecord(), test.handle, test.ev, test.stages
			if s == nil {
				s = &stages{}
			}
			if h == nil {
				h = openFunction("f", "", succeed)
			}
			if ev == nil {
				ev = newEvent("data")
			}
			res, err := delivery.Call(t.Context(), h, expression.NewInput(ev), eventgateway.Route{}, test.transforms, rec, s)
			if stopped, ok := errors.AsType[*delivery.StoppedError](err); ok != test.stopped || ok && stopped.Err != errStop {
				t.Errorf("got %v, %v", res, err)
			}
			if (err == nil) != (res != nil) {
				t.Errorf("got %v with the error %v", res, err)
			}
			if calls := sum(rec.invoked); calls != test.invoked {
				t.Errorf("observed %d calls, want %d", calls, test.invoked)
			}
			s.want(t, test.want...)
		})
	}
}

func sum(counts map[providers.Failure]int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}

// TestStagesOfDeliveries tells of every attempt, also of one of a dead letter, and of none of system events.
func TestStagesOfDeliveries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stages{}
		r := newRigOf(t, newVolatileLog(), delivery.Options{Policy: regular(2), Stages: s})
		r.set("flaky", newScript(again(1)...).invoke)
		r.set("broken", fail(providers.BadAnswer))
		r.set("morgue", succeed)
		r.deliver("broken", eventgateway.Delivery{Attempts: 1, DeadLetter: "morgue"})
		for _, it := range []delivery.Item{named("1", "flaky"), named("2", "broken"), named("3", "missing"), named("4", "morgue")} {
			if it.Event.ID == "4" {
				it.Event.Type = eventgateway.FunctionInvoked
			}
			r.mustPut(t, it)
			<-time.After(time.Minute)
		}
		r.drain(t)
		s.want(t, "invoking flaky 1", "failed flaky 1 unreachable", "invoking flaky 1", "invoked flaky 1 ",
			"invoking broken 2", "failed broken 2 bad_answer", "invoking morgue 2", "invoked morgue 2 done")
	})
}

// TestStagesStopADelivery buries what is stopped before the call; it is not tried again.
func TestStagesStopADelivery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stages{onInvoking: stop}
		r := newRigOf(t, newDurableLog(&disk{}), delivery.Options{Policy: regular(5), Stages: s})
		f := newScript()
		r.set("f", f.invoke)
		r.mustPut(t, item("f"))
		<-time.After(time.Hour)
		dead := r.log.dead(t)
		if len(dead) != 1 || dead[0].Reason != delivery.ReasonStopped || dead[0].Attempts != 1 ||
			dead[0].Error != "the event was stopped: not this one" {
			t.Errorf("dead letters %+v", dead)
		}
		f.wantTimes(t)
		r.record.want(t, 0, map[string]int{"stopped": 1})
		if n := sum(r.record.invoked); n != 0 {
			t.Errorf("%d calls are observed", n)
		}
		s.want(t, "invoking f id-1")
		r.SetOptions(delivery.Options{}) // without stages
		r.mustPut(t, item("f"))
		synctest.Wait()
		s.want(t, "invoking f id-1")
		r.record.want(t, 1, map[string]int{"stopped": 1})
	})
}

// TestStagesThatObjectTooLate only leads to a line in the log: what was delivered was.
func TestStagesThatObjectTooLate(t *testing.T) {
	for name, objection := range map[string]func() error{
		"error": stop,
		"panic": func() error { panic("secret of a plugin") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRigOf(t, newVolatileLog(), delivery.Options{Policy: regular(5), Stages: &stages{onInvoked: objection}})
				r.set("f", succeed)
				for range 3 {
					r.mustPut(t, item("f"))
				}
				r.drain(t)
				r.record.want(t, 3, nil)
				r.record.wantAttempts(t, 3, 0, 0)
				if name == "error" && len(r.logged.lines(t)) != 1 || !contains(r.logged.String(), map[string]string{
					"error": "not this one", "panic": "telling of a call panicked",
				}[name]) || contains(r.logged.String(), "secret") {
					t.Errorf("logged %s", r.logged)
				}
			})
		})
	}
}

// TestStagesThatPanicBeforeTheCall count as a failed attempt.
func TestStagesThatPanicBeforeTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stages{onInvoking: func() error { panic("secret of a plugin") }}
		r := newRigOf(t, newVolatileLog(), delivery.Options{Policy: regular(2), Stages: s})
		r.set("f", succeed)
		r.mustPut(t, item("f"))
		r.drain(t)
		r.record.want(t, 0, map[string]int{"panic": 1})
		if contains(r.logged.String(), "secret") {
			t.Errorf("logged %s", r.logged)
		}
	})
}

// TestStagesDuringShutdown leaves an event that a plugin gave up on, as the gateway stopped, to the next process.
func TestStagesDuringShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		entered := make(chan struct{})
		s := &waitingStages{entered: entered}
		log, res := newDurableLog(&disk{}), &resources{}
		res.set("f", succeed)
		d := delivery.NewDispatcher(log, res, newRecord(), nil, delivery.Options{Stages: s}, newLogger(&lockedBuffer{}))
		d.Start()
		if err := d.Put(t.Context(), []delivery.Item{item("f")}); err != nil {
			t.Fatal(err)
		}
		<-entered
		gone, now := context.WithCancel(t.Context())
		now()
		if lost, left := d.Drain(gone); lost != 0 || left != 1 {
			t.Errorf("drained with %d lost and %d left, want one left", lost, left)
		}
		synctest.Wait()
		if dead := log.dead(t); len(dead) != 0 {
			t.Errorf("dead letters %+v", dead)
		}
	})
}

// waitingStages wait, at every call, until the gateway stops.
type waitingStages struct {
	stages
	entered chan struct{}
}

func (s *waitingStages) Invoking(ctx context.Context, _ delivery.Invocation) error {
	close(s.entered)
	<-ctx.Done()
	return ctx.Err()
}
