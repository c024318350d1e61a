package delivery_test

import (
	"testing"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/delivery"
)

func TestJournalDuplicates(t *testing.T) {
	subs := targets("s", "a")
	later := func(ev *eventgateway.Event, by time.Duration) *eventgateway.Event {
		c := *ev
		c.ReceivedAt = c.ReceivedAt.Add(by)
		return &c
	}
	t.Run("another id", func(t *testing.T) {
		j := delivery.NewJournal(0, 0)
		one, two, answers := journaled("one"), journaled("two"), to("s", "sync")
		j.Received("s", one, subs, nil)
		attempt(j, one, subs[0], 1, delivery.AttemptDelivered)
		j.Received("s", two, subs, &answers)
		j.Duplicate(two, subs, "one")
		trace := wantTrace(t, j, "s", "two", "duplicate", "sync=pending")
		if trace.DuplicateOf != "one" {
			t.Errorf("it is shown as a duplicate of %q", trace.DuplicateOf)
		}
		if got := wantTrace(t, j, "s", "one", "delivered", "a=delivered").Duplicates; got != 1 {
			t.Errorf("the event has %d duplicates, want 1", got)
		}
	})
	t.Run("the same id", func(t *testing.T) {
		j := delivery.NewJournal(0, 0)
		one := journaled("e")
		j.Received("s", one, subs, nil)
		attempt(j, one, subs[0], 1, delivery.AttemptRetried)
		for i := range 3 {
			again := later(one, time.Duration(i+1)*time.Second)
			j.Received("s", again, subs, nil)
			if got := wantTrace(t, j, "s", "e", "pending", "a=pending").Deliveries[0].Attempts; len(got) > 0 {
				t.Error("the last event shows the attempts of the one before")
			}
			attempt(j, one, subs[0], 2+i, delivery.AttemptRetried) // still goes to the first
			j.Duplicate(again, subs, "e")
		}
		trace := wantTrace(t, j, "s", "e", "pending", "a=pending")
		if n := len(trace.Deliveries[0].Attempts); n != 4 || trace.Duplicates != 3 || !trace.ReceivedAt.Equal(one.ReceivedAt) {
			t.Errorf("got %d attempts in %+v, want 4 and 3 duplicates", n, trace)
		}
	})
	t.Run("the same id, several at once", func(t *testing.T) {
		j := delivery.NewJournal(0, 0)
		one := journaled("e")
		two, three := later(one, 1), later(one, 2)
		for _, ev := range []*eventgateway.Event{one, two, three} {
			j.Received("s", ev, subs, nil)
		}
		j.Duplicate(two, subs, "e")
		attempt(j, one, subs[0], 1, delivery.AttemptDelivered)
		j.Duplicate(three, subs, "e")
		if got := wantTrace(t, j, "s", "e", "delivered", "a=delivered").Duplicates; got != 2 {
			t.Errorf("got %d duplicates, want 2", got)
		}
	})
	t.Run("in one batch", func(t *testing.T) {
		j := delivery.NewJournal(0, 0)
		one := journaled("e")
		j.Received("s", one, subs, nil)
		j.Received("s", later(one, 0), subs, nil)
		j.Duplicate(later(one, 0), subs, "e")
		if got := wantTrace(t, j, "s", "e", "pending", "a=pending").Duplicates; got != 1 {
			t.Errorf("got %d duplicates, want 1", got)
		}
	})
	t.Run("of one that is not known", func(t *testing.T) {
		j := delivery.NewJournal(0, 0)
		one := journaled("e")
		j.Received("s", one, subs, nil)
		j.Duplicate(one, subs, "e")
		trace := wantTrace(t, j, "s", "e", "duplicate")
		if trace.DuplicateOf != "e" || trace.Duplicates != 0 {
			t.Errorf("got %+v", trace)
		}
		j.Duplicate(journaled("never received"), subs, "e")
		if _, ok := j.Find("s", "never received"); ok {
			t.Error("a duplicate that was not received is known")
		}
	})
	t.Run("in several spaces", func(t *testing.T) {
		j := delivery.NewJournal(0, 0)
		all := append(targets("one", "a", "b"), targets("two", "c")...)
		one := journaled("e")
		j.Received("", one, all, nil)
		again := later(one, 1)
		j.Received("", again, all, nil)
		j.Duplicate(again, all, "e")
		for _, space := range []string{"one", "two"} {
			if got := find(t, j, space, "e"); got.Duplicates != 1 || got.State != "pending" {
				t.Errorf("space %s: got %+v, want one duplicate", space, got)
			}
		}
	})
}

// TestJournalOneID has a publisher use one ID for all its events: the last is shown.
func TestJournalOneID(t *testing.T) {
	j := delivery.NewJournal(0, 1000)
	now := time.Now()
	for i := range 100 {
		ev := journaled("always")
		ev.ReceivedAt = now.Add(time.Duration(i))
		j.Received("s", ev, targets("s", "a"), nil)
		if i%2 == 0 {
			attempt(j, ev, to("s", "a"), i+1, delivery.AttemptDead)
		}
	}
	if trace := wantTrace(t, j, "s", "always", "pending", "a=pending"); !trace.ReceivedAt.Equal(now.Add(99)) {
		t.Errorf("got the event of %s", trace.ReceivedAt)
	}
}
