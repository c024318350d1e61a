package delivery_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/delivery"
	"github.com/eventgateway/eventgateway/providers"
)

func TestWhatFailsIsADeadLetter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRigOf(t, newDurableLog(&disk{}), delivery.Options{Policy: regular(3)})
		r.set("f", func(context.Context, *providers.Call) (*providers.Result, error) {
			return nil, &providers.Error{Failure: providers.FunctionFailed, Status: 503, Message: "busy"}
		})
		it := item("f")
		it.Targets[0].Params = eventgateway.PathParams{{Name: "id", Value: "7"}}
		it.Targets[0].OrderingKey = "key"
		r.mustPut(t, it)
		<-time.After(time.Minute)
		dead := r.log.dead(t)
		if len(dead) != 1 {
			t.Fatalf("%d dead letters, want 1", len(dead))
		}
		d := dead[0]
		if d.ID == "" || d.SubscriptionID != "sub-f" || d.FunctionID != "f" || d.Event.ID != "id-1" || string(d.Event.Data) != "data" ||
			fmt.Sprint(d.Params) != "[{id 7}]" || d.OrderingKey != "key" || d.Reason != "function_error" || d.Error != "busy" ||
			d.Status != 503 || d.Attempts != 3 || d.At.Sub(it.Event.ReceivedAt) != 3*time.Second {
			t.Errorf("dead letter %+v", d)
		}
		if r.log.count() != 0 {
			t.Errorf("%d records are left", r.log.count())
		}
		r.record.want(t, 0, map[string]int{"function_error": 1})
	})
}

// TestADeadLetterThatCannotBeKeptIsNotLost has the dead letters fail for a while, one way and another.
func TestADeadLetterThatCannotBeKeptIsNotLost(t *testing.T) {
	for name, failure := range map[string]func() error{
		"error": func() error { return delivery.ErrUnavailable },
		"panic": func() error { panic("secret of the log") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRigOf(t, newDurableLog(&disk{}), delivery.Options{Policy: once()})
				r.log.set(func(l *fakeLog) { l.onBury = failure })
				f := newScript(providers.Errorf(providers.BadAnswer, "no"))
				r.set("f", f.invoke)
				r.mustPut(t, item("f"))
				<-time.After(10 * time.Second)
				synctest.Wait()
				if got := r.Stats(); got.Waiting != 1 || r.log.count() != 1 {
					t.Errorf("stats %+v, %d records, want one waiting", got, r.log.count())
				}
				r.log.set(func(l *fakeLog) { l.onBury = nil })
				<-time.After(2 * time.Second)
				if dead := r.log.dead(t); len(dead) != 1 || dead[0].Reason != "bad_answer" || dead[0].Attempts != 1 {
					t.Errorf("dead letters %+v", dead)
				}
				f.wantTimes(t, 0) // it is given up: there is no other attempt
				r.record.want(t, 0, map[string]int{"bad_answer": 1})
				r.record.wantAttempts(t, 0, 0, 1)
				if contains(r.logged.String(), "secret") {
					t.Errorf("logged %s", r.logged)
				}
			})
		})
	}
}

func TestADeadLetterThatIsTooLargeHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, delivery.Limits{})
		r.log.set(func(l *fakeLog) { l.onBury = func() error { return fmt.Errorf("%w: really", delivery.ErrTooLarge) } })
		r.mustPut(t, item("missing"))
		r.drain(t)
		if !contains(r.logged.String(), "too large to be kept") {
			t.Errorf("logged %s", r.logged)
		}
	})
}

// TestDeadLetterFunction checks what the function for dead letters gets, after every way to give up an event.
func TestDeadLetterFunction(t *testing.T) {
	type got struct {
		payload string
		header  http.Header
	}
	for name, test := range map[string]struct {
		prepare func(r *rig, it *delivery.Item)
		want    map[string]string
	}{
		"failed": {
			func(r *rig, _ *delivery.Item) {
				r.set("f", func(context.Context, *providers.Call) (*providers.Result, error) {
					return nil, providers.Errorf(providers.Unreachable, "it is away")
				})
			},
			map[string]string{
				delivery.HeaderDeadReason: "unreachable", delivery.HeaderDeadError: "it is away", delivery.HeaderDeadAttempts: "2",
			},
		},
		"expired": {
			func(r *rig, it *delivery.Item) {
				r.set("f", succeed)
				it.Event.ReceivedAt = time.Now().Add(-48 * time.Hour)
			},
			map[string]string{delivery.HeaderDeadReason: "expired", delivery.HeaderDeadError: "", delivery.HeaderDeadAttempts: "0"},
		},
		"missing": {
			func(*rig, *delivery.Item) {},
			map[string]string{
				delivery.HeaderDeadReason: "function_missing", delivery.HeaderDeadError: "", delivery.HeaderDeadAttempts: "2",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRigOf(t, newDurableLog(&disk{}), delivery.Options{Policy: regular(2)})
				r.deliver("f", eventgateway.Delivery{DeadLetter: "dlq"})
				var calls []got
				r.setFormat("dlq", eventgateway.FormatRaw, func(_ context.Context, c *providers.Call) (*providers.Result, error) {
					if calls = append(calls, got{string(c.Payload), c.Header}); len(calls) == 1 { // it is retried as others are
						return nil, providers.Errorf(providers.Unreachable, "no")
					}
					return &providers.Result{}, nil
				})
				it := item("f")
				test.prepare(r, &it)
				r.mustPut(t, it)
				<-time.After(time.Minute)
				r.wantConsistent(t)
				if len(calls) != 2 || calls[1].payload != "data" {
					t.Fatalf("calls %+v, want two", calls)
				}
				test.want[delivery.HeaderDeadFunctionID], test.want[delivery.HeaderSubscriptionID] = "f", "sub-f"
				test.want[delivery.HeaderEventID], test.want[delivery.HeaderAttempt] = "id-1", "2"
				for header, want := range test.want {
					if got := calls[1].header.Get(header); got != want {
						t.Errorf("%s: %q, want %q", header, got, want)
					}
				}
				if n := len(r.log.dead(t)); n != 1 || r.log.count() != 0 {
					t.Errorf("%d dead letters, %d records left; want 1 and 0", n, r.log.count())
				}
			})
		})
	}
}

// TestADeadLetterFunctionThatFailsEndsQuietly checks that there is no dead letter of a dead letter.
func TestADeadLetterFunctionThatFailsEndsQuietly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRigOf(t, newDurableLog(&disk{}), delivery.Options{Policy: regular(2)})
		r.deliver("f", eventgateway.Delivery{DeadLetter: "dlq"})
		r.set("f", fail(providers.BadAnswer))
		r.set("dlq", fail(providers.Unreachable))
		r.mustPut(t, item("f"))
		<-time.After(time.Minute)
		if n := len(r.log.dead(t)); n != 1 || r.log.count() != 0 {
			t.Errorf("%d dead letters, %d records left; want 1 and 0", n, r.log.count())
		}
		r.record.want(t, 0, map[string]int{"bad_answer": 1})
		r.record.wantAttempts(t, 0, 1, 2)
	})
}

// TestDeadLetterFunctionIsCalledThoughTheLogIsFull has the log refuse what is for the function for dead letters.
func TestDeadLetterFunctionIsCalledThoughTheLogIsFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRigOf(t, newDurableLog(&disk{}), delivery.Options{Policy: once()})
		r.deliver("f", eventgateway.Delivery{DeadLetter: "dlq"})
		r.set("f", fail(providers.BadAnswer))
		f := newScript()
		r.set("dlq", f.invoke)
		r.mustPut(t, item("f"))
		r.log.set(func(l *fakeLog) { l.onAppend = func() error { return delivery.ErrFull } })
		<-time.After(5 * time.Second)
		r.log.set(func(l *fakeLog) { l.onAppend = nil })
		<-time.After(5 * time.Second)
		if n := len(r.log.dead(t)); n != 1 || len(f.times) != 1 {
			t.Errorf("%d dead letters, %d calls; want 1 and 1", n, len(f.times))
		}
	})
}

func TestRedrive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRigOf(t, newDurableLog(&disk{}), delivery.Options{Policy: once()})
		g := newGate()
		r.set("f", fail(providers.BadAnswer))
		it := item("f")
		it.Event.ReceivedAt = time.Now().Add(-48 * time.Hour) // and so it is too old
		it.Targets[0].OrderingKey = "key"
		r.mustPut(t, it)
		synctest.Wait()
		letter := r.log.dead(t)[0]

		r.log.set(func(l *fakeLog) { l.onAppend = func() error { return delivery.ErrUnavailable } })
		if err := r.Redrive(t.Context(), letter); !errors.Is(err, delivery.ErrUnavailable) {
			t.Errorf("got %v, want ErrUnavailable", err)
		}
		if n := len(r.log.dead(t)); n != 1 {
			t.Errorf("%d dead letters after it was refused, want 1", n)
		}
		r.log.set(func(l *fakeLog) { l.onAppend = nil })
		r.set("f", g.invoke)
		if err := r.Redrive(t.Context(), letter); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if n, calls := len(r.log.dead(t)), r.Stats().Running; n != 0 || calls != 1 {
			t.Errorf("%d dead letters, %d running; want 0 and 1", n, calls)
		}
		close(g.open)
		synctest.Wait()
		r.record.want(t, 1, map[string]int{"expired": 1})
	})
}
