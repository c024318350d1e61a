package delivery_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/delivery"
	"github.com/eventgateway/eventgateway/providers"
)

func journaled(id string) *eventgateway.Event {
	return &eventgateway.Event{Type: "user.created", ID: id, ReceivedAt: time.Now()}
}

// to returns the target "sub-<name>" in a space.
func to(space, name string) delivery.Target {
	return delivery.Target{Space: space, SubscriptionID: "sub-" + name, FunctionID: "fn-" + name}
}

func targets(space string, names ...string) (all []delivery.Target) {
	for _, name := range names {
		all = append(all, to(space, name))
	}
	return all
}

// attempt notes one.
func attempt(j *delivery.Journal, ev *eventgateway.Event, t delivery.Target, number int, outcome string) delivery.AttemptTrace {
	a := delivery.AttemptTrace{Attempt: number, At: time.Now(), Duration: eventgateway.Duration(time.Millisecond), Outcome: outcome}
	if outcome != delivery.AttemptDelivered {
		a.Reason, a.Error, a.Status = string(providers.FunctionFailed), "the function answered with status 500", 500
	}
	var next time.Time
	if outcome == delivery.AttemptRetried {
		next = a.At.Add(time.Second)
	}
	j.Attempted(ev, &t, &a, next)
	return a
}

func find(t *testing.T, j *delivery.Journal, space, id string) delivery.EventTrace {
	t.Helper()
	trace, ok := j.Find(space, id)
	if !ok {
		t.Fatalf("event %q is not known in space %q", id, space)
	}
	return trace
}

// wantTrace finds an event and checks its state and those of its deliveries, as "sub-a=pending sub-b=dead".
func wantTrace(t *testing.T, j *delivery.Journal, space, id, state string, deliveries ...string) delivery.EventTrace {
	t.Helper()
	trace := find(t, j, space, id)
	got := []string{}
	for _, d := range trace.Deliveries {
		got = append(got, strings.TrimPrefix(d.SubscriptionID, "sub-")+"="+d.State)
	}
	if trace.State != state || strings.Join(got, " ") != strings.Join(deliveries, " ") {
		t.Fatalf("event %q in space %q: got %s %v, want %s %v", id, space, trace.State, got, state, deliveries)
	}
	return trace
}

func TestJournalFollowsAnEvent(t *testing.T) {
	j := delivery.NewJournal(0, 0)
	ev, a, b, answers := journaled("e"), to("s", "a"), to("s", "b"), to("s", "sync")
	j.Received("s", ev, targets("s", "a", "b"), &answers)
	wantTrace(t, j, "s", "e", "pending", "a=pending", "b=pending", "sync=pending")

	first := attempt(j, ev, a, 1, delivery.AttemptRetried)
	attempt(j, ev, answers, 1, delivery.AttemptDelivered)
	trace := wantTrace(t, j, "s", "e", "pending", "a=pending", "b=pending", "sync=delivered")
	if next := trace.Deliveries[0].Next; !next.Equal(first.At.Add(time.Second)) {
		t.Errorf("the next attempt is due at %s, want a second after %s", next, first.At)
	}
	attempt(j, ev, b, 1, delivery.AttemptDead)
	wantTrace(t, j, "s", "e", "pending", "a=pending", "b=dead", "sync=delivered")
	second := attempt(j, ev, a, 2, delivery.AttemptDelivered)
	trace = wantTrace(t, j, "s", "e", "dead", "a=delivered", "b=dead", "sync=delivered")

	want := delivery.DeliveryTrace{
		SubscriptionID: "sub-a", FunctionID: "fn-a", Type: "async", State: "delivered",
		Attempts: []delivery.AttemptTrace{first, second},
	}
	if !reflect.DeepEqual(trace.Deliveries[0], want) {
		t.Errorf("got  %+v\nwant %+v", trace.Deliveries[0], want)
	}
	if trace.Deliveries[2].Type != "sync" {
		t.Errorf("the subscriber that answers is shown as %s", trace.Deliveries[2].Type)
	}
	if trace.Space != "s" || trace.EventID != "e" || trace.Type != "user.created" || !trace.ReceivedAt.Equal(ev.ReceivedAt) {
		t.Errorf("got %+v", trace)
	}
	for _, absent := range [][2]string{{"other", "e"}, {"s", "other"}, {"", ""}} {
		if _, ok := j.Find(absent[0], absent[1]); ok {
			t.Errorf("event %q is known in space %q", absent[1], absent[0])
		}
	}
}

func TestJournalStates(t *testing.T) {
	j := delivery.NewJournal(0, 0)
	unmatched := journaled("unmatched")
	j.Received("s", unmatched, nil, nil)
	wantTrace(t, j, "s", "unmatched", "unmatched")

	refused := journaled("refused")
	j.Received("s", refused, targets("s", "a", "b"), nil)
	j.Refused(refused, targets("s", "a", "b"))
	wantTrace(t, j, "s", "refused", "refused", "a=refused", "b=refused")
	// The sender tries again.
	again := journaled("refused")
	again.ReceivedAt = again.ReceivedAt.Add(time.Second)
	j.Received("s", again, targets("s", "a"), nil)
	attempt(j, again, to("s", "a"), 1, delivery.AttemptDelivered)
	wantTrace(t, j, "s", "refused", "delivered", "a=delivered")

	// A delivery that was accepted before the process started.
	old := journaled("old")
	attempt(j, old, to("s", "a"), 4, delivery.AttemptRetried)
	trace := wantTrace(t, j, "s", "old", "pending", "a=pending")
	if got := trace.Deliveries[0]; got.Type != "async" || len(got.Attempts) != 1 || got.Attempts[0].Attempt != 4 {
		t.Errorf("got %+v", got)
	}
	// An attempt may be over before the event is noted as received, when a dead letter is redriven.
	j.Received("s", old, targets("s", "a"), nil)
	wantTrace(t, j, "s", "old", "pending", "a=pending")
	if n := len(find(t, j, "s", "old").Deliveries[0].Attempts); n != 1 {
		t.Errorf("%d attempts are known, want 1", n)
	}
}

func TestJournalSpaces(t *testing.T) {
	j := delivery.NewJournal(0, 0)
	ev, answers := journaled("e"), to("two", "sync")
	all := []delivery.Target{to("one", "a"), to("two", "b"), to("one", "c")}
	j.Received("ignored", ev, all, &answers)
	attempt(j, ev, to("two", "b"), 1, delivery.AttemptDead)
	wantTrace(t, j, "one", "e", "pending", "a=pending", "c=pending")
	wantTrace(t, j, "two", "e", "pending", "b=dead", "sync=pending")
	if _, ok := j.Find("ignored", "e"); ok {
		t.Error("an event with subscribers is known in another space")
	}
	j.Refused(ev, all)
	wantTrace(t, j, "one", "e", "refused", "a=refused", "c=refused")
	wantTrace(t, j, "two", "e", "refused", "b=dead", "sync=refused")
}

func TestJournalNil(t *testing.T) {
	var j *delivery.Journal
	ev := journaled("e")
	j.Received("s", ev, targets("s", "a"), nil)
	j.Refused(ev, targets("s", "a"))
	j.Duplicate(ev, targets("s", "a"), "x")
	attempt(j, ev, to("s", "a"), 1, delivery.AttemptDelivered)
	if _, ok := j.Find("s", "e"); ok {
		t.Error("a nil Journal knows an event")
	}
	if age, events := j.Remembers(); age != 0 || events != 0 {
		t.Errorf("a nil Journal remembers %d events for %s", events, age)
	}
}

func TestJournalJSON(t *testing.T) {
	j := delivery.NewJournal(0, 0)
	ev := &eventgateway.Event{Type: "t", ID: "e", ReceivedAt: time.Now().UTC().Truncate(time.Second)}
	j.Received("s", ev, targets("s", "a"), nil)
	got, err := json.Marshal(find(t, j, "s", "e"))
	want := fmt.Sprintf(`{"space":"s","eventId":"e","event":"t","receivedAt":%q,"state":"pending","deliveries":[`+
		`{"subscriptionId":"sub-a","functionId":"fn-a","type":"async","state":"pending","attempts":[]}]}`,
		ev.ReceivedAt.Format(time.RFC3339))
	if err != nil || string(got) != want {
		t.Errorf("got  %s (%v)\nwant %s", got, err, want)
	}
}

// TestJournalConcurrently has events received, tried and looked up at the same time; with -race it tells more.
func TestJournalConcurrently(t *testing.T) {
	const writers, events = 4, 2000
	j := delivery.NewJournal(0, 512)
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for i := range events {
				// Every second ID is another writer's too.
				ev, subs := journaled(strconv.Itoa(i*(1+w%2))), targets("s", "a", "b")
				j.Received("s", ev, subs, nil)
				switch i % 4 {
				case 0:
					j.Refused(ev, subs)
				case 1:
					j.Duplicate(ev, subs, strconv.Itoa(i-1))
				case 2:
					j.Duplicate(ev, subs, ev.ID)
				default:
					attempt(j, ev, subs[0], 1, delivery.AttemptRetried)
					attempt(j, ev, subs[0], 2, delivery.AttemptDelivered)
				}
				if trace, ok := j.Find("s", ev.ID); ok && (trace.EventID != ev.ID || len(trace.Deliveries) > 2) {
					t.Errorf("got %+v for event %s", trace, ev.ID)
				}
			}
		})
	}
	all.Wait()
	last := journaled("last")
	j.Received("s", last, targets("s", "a"), nil)
	wantTrace(t, j, "s", "last", "pending", "a=pending")
}

func BenchmarkJournal(b *testing.B) {
	ids := make([]string, 1<<18)
	for i := range ids {
		ids[i] = "0b8cf9a4-6c3d-4f0e-9a51-" + strconv.Itoa(1<<40+i)
	}
	for _, fanOut := range []int{1, 10} {
		b.Run(fmt.Sprintf("targets=%d", fanOut), func(b *testing.B) {
			j := delivery.NewJournal(0, 0)
			var subs []delivery.Target
			for i := range fanOut {
				subs = append(subs, to("s", strconv.Itoa(i)))
			}
			now := time.Now()
			a := delivery.AttemptTrace{Attempt: 1, At: now, Duration: 1000, Outcome: delivery.AttemptDelivered}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				ev := eventgateway.Event{Type: "user.created", ID: ids[i%len(ids)], ReceivedAt: now}
				j.Received("s", &ev, subs, nil)
				for t := range subs {
					j.Attempted(&ev, &subs[t], &a, time.Time{})
				}
			}
		})
	}
}
