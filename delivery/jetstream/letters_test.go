package jetstream

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/delivery"
)

func newLetter(space, id string) *delivery.DeadLetter {
	return &delivery.DeadLetter{
		Space: space, SubscriptionID: "s", FunctionID: "f", Reason: "timeout", Attempts: 5, At: time.Now(),
		Event: &eventgateway.Event{Type: "user.created", ID: id, ReceivedAt: time.Now(), Data: []byte("data")},
	}
}

func mustAdd(t *testing.T, l *Log, letters ...*delivery.DeadLetter) {
	t.Helper()
	for _, letter := range letters {
		if err := l.DeadLetters().Add(t.Context(), letter); err != nil {
			t.Fatal(err)
		}
	}
}

func listIDs(t *testing.T, l *Log, q *delivery.DeadLetterQuery) (ids []string, more bool) {
	t.Helper()
	letters, more, err := l.DeadLetters().List(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	for _, letter := range letters {
		ids = append(ids, letter.Event.ID)
	}
	return ids, more
}

func TestDeadLetters(t *testing.T) {
	dir := t.TempDir()
	l := open(t, new(Queue), dir)
	for i := range 250 {
		mustAdd(t, l, newLetter("a", fmt.Sprintf("a%d", i)), newLetter("a.b", fmt.Sprintf("b%d", i)))
	}
	if ids, more := listIDs(t, l, &delivery.DeadLetterQuery{Space: "a"}); !slices.Equal(ids, numbered("a", 250)) || more {
		t.Errorf("the space has %v, more: %v", ids, more)
	}
	if ids, _ := listIDs(t, l, &delivery.DeadLetterQuery{Space: "a.b"}); !slices.Equal(ids, numbered("b", 250)) {
		t.Errorf("the space with a dot has %v", ids)
	}
	for _, space := range []string{"b", "a.b.c", "*", ">", "a=b"} {
		if ids, more := listIDs(t, l, &delivery.DeadLetterQuery{Space: space}); len(ids) > 0 || more {
			t.Errorf("the space %s has %v", space, ids)
		}
	}
	eventually(t, "they are counted", func() bool { n, bytes := l.DeadLetters().Count(); return n == 500 && bytes > 500 })
	closeLog(t, l)
	l = open(t, new(Queue), dir)
	if ids, _ := listIDs(t, l, &delivery.DeadLetterQuery{Space: "a", Limit: 3}); !slices.Equal(ids, numbered("a", 3)) {
		t.Errorf("after a new start the first are %v", ids)
	}
	eventually(t, "they are counted", func() bool { n, _ := l.DeadLetters().Count(); return n == 500 })
}

func TestDeadLetterPages(t *testing.T) {
	l := open(t, new(Queue), t.TempDir())
	for i := range 10 {
		letter := newLetter("a", fmt.Sprintf("e%d", i))
		if i%2 > 0 {
			letter.FunctionID = "other"
		}
		mustAdd(t, l, letter, newLetter("b", "b"))
	}
	var got []string
	q := &delivery.DeadLetterQuery{Space: "a", FunctionID: "f", Limit: 2}
	for pages := 1; ; pages++ {
		letters, more, err := l.DeadLetters().List(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, letter := range letters {
			got = append(got, letter.Event.ID)
			q.After = letter.ID
		}
		if !more {
			if pages != 3 {
				t.Errorf("there were %d pages", pages)
			}
			break
		}
	}
	if want := []string{"e0", "e2", "e4", "e6", "e8"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestOneDeadLetter(t *testing.T) {
	l := open(t, new(Queue), t.TempDir())
	letter, other := newLetter("a", "e"), newLetter("b", "f")
	mustAdd(t, l, letter, other)
	if letter.ID == "" || letter.ID >= other.ID {
		t.Errorf("the ids are %q and %q", letter.ID, other.ID)
	}
	letters := l.DeadLetters()
	got, err := letters.Get(t.Context(), "a", letter.ID)
	if err != nil || got == nil || got.ID != letter.ID || got.Event.ID != "e" || !got.At.Equal(letter.At) {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, test := range []struct{ space, id string }{
		{"b", letter.ID},
		{"a", other.ID},
		{"a", ""},
		{"a", "1"},
		{"a", "x"},
		{"a", "99999999999999999999"},
		{"a", "00000000000000000009"},
		{"a", "-0000000000000000001"},
		{"a", "00000000000000000000"},
	} {
		if got, err := letters.Get(t.Context(), test.space, test.id); got != nil || err != nil {
			t.Errorf("Get(%q, %q) is %+v, %v", test.space, test.id, got, err)
		}
		if ok, err := letters.Delete(t.Context(), test.space, test.id); ok || err != nil {
			t.Errorf("Delete(%q, %q) is %v, %v", test.space, test.id, ok, err)
		}
	}
	for _, want := range []bool{true, false} {
		if ok, err := letters.Delete(t.Context(), "a", letter.ID); ok != want || err != nil {
			t.Errorf("Delete is %v, %v, want %v", ok, err, want)
		}
	}
	if got, err := letters.Get(t.Context(), "a", letter.ID); got != nil || err != nil {
		t.Errorf("after it was deleted Get is %+v, %v", got, err)
	}
	eventually(t, "one is left", func() bool { n, _ := letters.Count(); return n == 1 })
}

func TestDeadLettersAreBounded(t *testing.T) {
	l := open(t, &Queue{DeadLetters: &DeadLetters{MaxBytes: 1 << 20, MaxAge: caddy.Duration(time.Hour)}}, t.TempDir())
	for i := range 100 {
		letter := newLetter("a", fmt.Sprintf("e%d", i))
		letter.Event.Data = make([]byte, 32<<10)
		mustAdd(t, l, letter)
	}
	ids, _ := listIDs(t, l, &delivery.DeadLetterQuery{Space: "a"})
	if len(ids) < 20 || len(ids) > 32 || ids[len(ids)-1] != "e99" {
		t.Errorf("of 100 dead letters of 32 KiB 1 MiB holds %v", ids)
	}
	large := newLetter("a", "large")
	large.Event.Data = make([]byte, 1<<20)
	if err := l.DeadLetters().Add(t.Context(), large); !errors.Is(err, delivery.ErrTooLarge) {
		t.Errorf("a dead letter as large as all of them together is %v", err)
	}
	// They get old.
	if err := l.Reconfigure(&Queue{DeadLetters: &DeadLetters{MaxAge: caddy.Duration(time.Second)}}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all are too old", func() bool { n, _ := l.DeadLetters().Count(); return n == 0 })
	if ids, more := listIDs(t, l, &delivery.DeadLetterQuery{Space: "a"}); len(ids) > 0 || more {
		t.Errorf("after that there are %v", ids)
	}
}
