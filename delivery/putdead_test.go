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

// looped is an event that is too deep to be delivered to functions.
func looped(functions ...string) delivery.Item {
	it := item(functions...)
	it.Dead, it.Event.Depth, it.Event.Cause = delivery.ReasonLoop, eventgateway.MaxDepth+1, "cause-1"
	return it
}

// TestPutDead keeps an event as dead letters, one of every target, beside others of the same batch that are delivered.
func TestPutDead(t *testing.T) {
	for _, log := range []*fakeLog{newVolatileLog(), newDurableLog(&disk{})} {
		t.Run(fmt.Sprint("durable ", log.durable), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRigOf(t, log, delivery.Options{Policy: once()})
				f := newScript()
				r.set("f", f.invoke)
				dead := looped("f", "gone")
				dead.Targets[0].Params = eventgateway.PathParams{{Name: "id", Value: "7"}}
				dead.Targets[0].OrderingKey = "key"
				nobody := looped()
				r.mustPut(t, dead, nobody, named("other", "f"))
				letters := log.dead(t) // at once: Put has returned
				if len(letters) != 2 {
					t.Fatalf("%d dead letters, want 2", len(letters))
				}
				d := letters[0]
				if d.SubscriptionID != "sub-f" || d.FunctionID != "f" || d.Event.ID != "id-1" || d.Event.Depth != 17 ||
					d.Event.Cause != "cause-1" || fmt.Sprint(d.Params) != "[{id 7}]" || d.OrderingKey != "key" || d.Reason != "loop" ||
					d.Attempts != 0 || d.Error != "" || !d.At.Equal(time.Now()) {
					t.Errorf("dead letter %+v", d)
				}
				if letters[1].FunctionID != "gone" {
					t.Errorf("the other dead letter is %+v", letters[1])
				}
				synctest.Wait()
				f.wantTimes(t, 0) // the other event's
				r.record.want(t, 1, map[string]int{"loop": 2})
				r.record.wantAttempts(t, 1, 0, 0)
			})
		})
	}
}

// TestPutDeadIsAllOrNothing has something fail, one after the other: nothing is delivered, and no dead letter stays.
func TestPutDeadIsAllOrNothing(t *testing.T) {
	afterOne := func(err error) func() error {
		n := 0
		return func() error {
			if n++; n > 1 {
				return err
			}
			return nil
		}
	}
	for _, test := range []struct {
		name  string
		spoil func(r *rig)
		want  error
	}{
		{"the second letter", func(r *rig) {
			r.log.set(func(l *fakeLog) { l.onBury = afterOne(delivery.ErrUnavailable) })
		}, delivery.ErrUnavailable},
		{"too large", func(r *rig) {
			r.log.set(func(l *fakeLog) { l.onBury = afterOne(delivery.ErrTooLarge) })
		}, delivery.ErrTooLarge},
		{"a panic", func(r *rig) {
			r.log.set(func(l *fakeLog) { l.onBury = func() error { panic("secret of the log") } })
		}, delivery.ErrUnavailable},
		{"the other event", func(r *rig) {
			r.log.set(func(l *fakeLog) { l.onAppend = func() error { return delivery.ErrUnavailable } })
		}, delivery.ErrUnavailable},
		{"no room for the other event", func(r *rig) { r.SetOptions(delivery.Options{Limits: delivery.Limits{Bytes: 1}}) }, delivery.ErrTooLarge},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRigOf(t, newDurableLog(&disk{}), delivery.Options{Policy: once()})
			f := newScript()
			r.set("f", f.invoke)
			test.spoil(r)
			keyed := looped("f", "g")
			keyed.Key = "key"
			if err := r.put(keyed, named("other", "f")); !errors.Is(err, test.want) {
				t.Errorf("Put: %v, want %v", err, test.want)
			}
			if dead := r.log.dead(t); len(dead) != 0 {
				t.Errorf("%d dead letters are left", len(dead))
			}
			r.record.want(t, 0, nil)
			// Its sender tries again.
			r.log.set(func(l *fakeLog) { l.onBury, l.onAppend = nil, nil })
			r.SetOptions(delivery.Options{})
			r.mustPut(t, keyed)
			r.mustPut(t, keyed) // a duplicate
			if dead := r.log.dead(t); len(dead) != 2 {
				t.Errorf("%d dead letters, want 2", len(dead))
			}
			r.record.want(t, 0, map[string]int{"loop": 2})
			if contains(r.logged.String(), "secret") {
				t.Errorf("logged %s", r.logged)
			}
		})
	}
}

func TestPutDeadWhileDraining(t *testing.T) {
	r := newRig(t, delivery.Limits{})
	r.drain(t)
	if err := r.put(looped("f")); !errors.Is(err, delivery.ErrDraining) {
		t.Errorf("Put: %v", err)
	}
	if dead := r.log.dead(t); len(dead) != 0 {
		t.Errorf("%d dead letters", len(dead))
	}
}

// TestPutDeadTellsTheFunctionForIt sends events that are too deep to the function for dead letters, but not what it causes.
func TestPutDeadTellsTheFunctionForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRigOf(t, newDurableLog(&disk{}), delivery.Options{Policy: once(), MaxDepth: 4})
		r.deliver("f", eventgateway.Delivery{DeadLetter: "morgue"})
		var got []http.Header
		r.set("morgue", func(_ context.Context, c *providers.Call) (*providers.Result, error) {
			got = append(got, c.Header)
			return &providers.Result{}, nil
		})
		for depth := 5; depth < 8; depth++ {
			it := looped("f")
			it.Event.ID, it.Event.Depth = fmt.Sprint("at-", depth), depth
			r.mustPut(t, it)
		}
		synctest.Wait()
		if len(got) != 1 {
			t.Fatalf("the function for dead letters is called %d times, want once", len(got))
		}
		for name, want := range map[string]string{
			delivery.HeaderEventID: "at-5", delivery.HeaderDeadReason: "loop", delivery.HeaderDeadFunctionID: "f",
			delivery.HeaderDeadAttempts: "0", delivery.HeaderDepth: "6",
		} {
			if got[0].Get(name) != want {
				t.Errorf("%s: %q, want %q", name, got[0].Get(name), want)
			}
		}
		if dead := r.log.dead(t); len(dead) != 3 {
			t.Errorf("%d dead letters, want 3", len(dead))
		}
	})
}

// TestLoopsAreLogged checks that a loop neither floods the log nor goes unnoticed, and that the journal knows.
func TestLoopsAreLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		logged, journal := &lockedBuffer{}, delivery.NewJournal(0, 0)
		d := delivery.NewDispatcher(newVolatileLog(), &resources{}, newRecord(), journal, delivery.Options{}, newLogger(logged))
		d.Start()
		defer d.Drain(t.Context())
		for i := range 100 {
			it := looped(fmt.Sprint("f", i%2))
			it.Event.Data = []byte("secret payload")
			if err := d.Put(t.Context(), []delivery.Item{it}); err != nil {
				t.Fatal(err)
			}
		}
		<-time.After(10 * time.Second)
		if err := d.Put(t.Context(), []delivery.Item{looped("f")}); err != nil {
			t.Fatal(err)
		}
		lines := logged.lines(t)
		if len(lines) != 2 {
			t.Fatalf("logged %d lines, want 2: %s", len(lines), logged)
		}
		for i, suppressed := range []float64{0, 99} {
			if l := lines[i]; l["level"] != "WARN" || l["space"] != "s" || l["event"] != "user.created" || l["event_id"] != "id-1" ||
				l["cause"] != "cause-1" || l["depth"] != 17.0 || l["reason"] != "loop" || l["suppressed"] != suppressed {
				t.Errorf("line %d: %v", i, l)
			}
		}
		if contains(logged.String(), "secret") {
			t.Error("the log holds a payload")
		}
		trace := wantTrace(t, journal, "s", "id-1", "dead", "f0=dead", "f1=dead", "f=dead")
		if a := trace.Deliveries[0].Attempts[0]; a.Reason != "loop" || a.Outcome != "dead" {
			t.Errorf("the journal tells of %+v", a)
		}
	})
}

// TestRedriveOfALoop lets an event go through again, caused by nobody, once somebody has looked at it.
func TestRedriveOfALoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRigOf(t, newDurableLog(&disk{}), delivery.Options{Policy: once()})
		var depth, cause string
		r.set("f", func(_ context.Context, c *providers.Call) (*providers.Result, error) {
			depth, cause = c.Header.Get(delivery.HeaderDepth), c.Header.Get(delivery.HeaderCause)
			return &providers.Result{}, nil
		})
		r.mustPut(t, looped("f"))
		if err := r.Redrive(t.Context(), r.log.dead(t)[0]); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if depth != "1" || cause != "id-1" || len(r.log.dead(t)) != 0 {
			t.Errorf("delivered with depth %q and cause %q, %d dead letters left", depth, cause, len(r.log.dead(t)))
		}
	})
}
