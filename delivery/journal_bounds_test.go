package delivery_test

import (
	"reflect"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/eventgateway/eventgateway/delivery"
)

func TestJournalBoundsAttempts(t *testing.T) {
	j := delivery.NewJournal(0, 0)
	ev, a := journaled("e"), to("s", "a")
	j.Received("s", ev, targets("s", "a"), nil)
	for i := range 100 {
		attempt(j, ev, a, i+1, delivery.AttemptRetried)
	}
	attempts := find(t, j, "s", "e").Deliveries[0].Attempts
	var numbers []int
	for _, a := range attempts {
		numbers = append(numbers, a.Attempt)
	}
	want := []int{1}
	for n := 81; n <= 100; n++ {
		want = append(want, n)
	}
	if !reflect.DeepEqual(numbers, want) {
		t.Errorf("got attempts %v, want the first and the last 20", numbers)
	}

	long := delivery.AttemptTrace{Attempt: 1, At: time.Now(), Outcome: delivery.AttemptDead, Error: strings.Repeat("ü", 10_000)}
	b := to("s", "b")
	j.Attempted(ev, &b, &long, time.Time{})
	got := find(t, j, "s", "e").Deliveries[1].Attempts[0].Error
	if len(got) > 520 || !utf8.ValidString(got) || !strings.HasSuffix(got, "ü…") {
		t.Errorf("a long error is kept as %d bytes %q", len(got), got)
	}
}

func TestJournalBoundsDeliveries(t *testing.T) {
	const all, kept = 250, 100
	j := delivery.NewJournal(0, 0)
	ev := journaled("e")
	var to []delivery.Target
	for i := range all {
		to = append(to, targets("s", strconv.Itoa(i))...)
	}
	j.Received("s", ev, to, nil)
	check := func(state string) {
		t.Helper()
		if got := find(t, j, "s", "e"); got.State != state || len(got.Deliveries) != kept || got.Truncated != all-kept {
			t.Fatalf("got state %s, %d deliveries and %d more, want %s, %d and %d", got.State, len(got.Deliveries), got.Truncated,
				state, kept, all-kept)
		}
	}
	check("pending")
	for _, target := range to {
		check("pending")
		attempt(j, ev, target, 1, delivery.AttemptRetried)
		check("pending")
		attempt(j, ev, target, 2, delivery.AttemptDelivered)
	}
	check("delivered")
	attempt(j, ev, to[all-1], 3, delivery.AttemptDead)
	if got := find(t, j, "s", "e"); got.State != "dead" {
		t.Errorf("got state %s after a delivery that is not shown is dead", got.State)
	}
}

func TestJournalForgetsByNumber(t *testing.T) {
	const most = 10
	j := delivery.NewJournal(0, most)
	first := journaled("0")
	for i := range 3 * most {
		j.Received("s", journaled(strconv.Itoa(i)), targets("s", "a"), nil)
		// What something happens to is remembered before what nothing does.
		attempt(j, first, to("s", "a"), i+1, delivery.AttemptRetried)
	}
	for i := range 3 * most {
		if _, ok := j.Find("s", strconv.Itoa(i)); ok != (i == 0 || i > 2*most) {
			t.Errorf("event %d: known is %t", i, ok)
		}
	}
	if age, events := j.Remembers(); age != delivery.DefaultJournalAge || events != most {
		t.Errorf("got %s and %d", age, events)
	}
}

func TestJournalForgetsByAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := delivery.NewJournal(time.Minute, 0)
		quiet, busy := journaled("quiet"), journaled("busy")
		j.Received("s", quiet, targets("s", "a"), nil)
		j.Received("s", busy, targets("s", "a"), nil)
		time.Sleep(time.Minute)
		attempt(j, busy, to("s", "a"), 1, delivery.AttemptRetried)
		wantTrace(t, j, "s", "quiet", "pending", "a=pending")
		time.Sleep(time.Second)
		if _, ok := j.Find("s", "quiet"); ok {
			t.Error("an event is known for longer than asked for")
		}
		wantTrace(t, j, "s", "busy", "pending", "a=pending")
		time.Sleep(time.Hour)
		if _, ok := j.Find("s", "busy"); ok {
			t.Error("an event is known for an hour")
		}
	})
}
