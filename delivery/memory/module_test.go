package memory_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/delivery"
	"github.com/eventgateway/eventgateway/delivery/memory"
)

func TestCaddyfile(t *testing.T) {
	q := new(memory.Queue)
	err := q.UnmarshalCaddyfile(caddyfile.NewTestDispenser(`memory {
		max_deliveries   5000
		max_bytes        1GiB
		max_per_function 100
		dead_letters {
			max_age   2d
			max_bytes 8MiB
			max_count 1000
		}
	}`))
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(q)
	want := `{"max_deliveries":5000,"max_bytes":1073741824,"max_per_function":100,` +
		`"dead_letters":{"max_age":172800000000000,"max_bytes":8388608,"max_count":1000}}`
	if err != nil || string(got) != want {
		t.Errorf("got  %s (%v)\nwant %s", got, err, want)
	}
	read := new(memory.Queue)
	if err := caddy.StrictUnmarshalJSON([]byte(strings.Replace(want, "172800000000000", `"2d"`, 1)), read); err != nil {
		t.Fatal(err)
	}
	if err := read.Validate(); err != nil || read.DeadLetters.MaxAge != q.DeadLetters.MaxAge {
		t.Errorf("got %s (%v)", time.Duration(read.DeadLetters.MaxAge), err)
	}
	if l := q.Limits(); l.Deliveries != 5000 || l.Bytes != 1<<30 || l.PerFunction != 100 {
		t.Errorf("got limits %+v", l)
	}
}

func TestDefaults(t *testing.T) {
	q := new(memory.Queue)
	if err := q.UnmarshalCaddyfile(caddyfile.NewTestDispenser("memory")); err != nil {
		t.Fatal(err)
	}
	if l := q.Limits(); l.Deliveries != 100_000 || l.Bytes != 256<<20 || l.PerFunction != 0 {
		t.Errorf("got limits %+v", l)
	}
}

func TestCaddyfileErrors(t *testing.T) {
	for text, want := range map[string]string{
		"memory now":                                         "argument",
		"memory {\n\tmax_deliveries\n}":                      "argument",
		"memory {\n\tmax_deliveries 1 2\n}":                  "argument",
		"memory {\n\tmax_deliveries many\n}":                 `max_deliveries: "many" is not accepted: want a positive number`,
		"memory {\n\tmax_deliveries 0\n}":                    `max_deliveries: "0" is not accepted`,
		"memory {\n\tmax_per_function -1\n}":                 `max_per_function: "-1" is not accepted`,
		"memory {\n\tmax_bytes lots\n}":                      `max_bytes: "lots" is not accepted: want a size such as`,
		"memory {\n\tmax_bytes 15EiB\n}":                     `max_bytes: "15EiB" is not accepted`,
		"memory {\n\tmax_bytes 1\n\tmax_bytes 2\n}":          "max_bytes is given twice",
		"memory {\n\tdead_letters 5\n}":                      "argument",
		"memory {\n\tdead_letters {\n\t\tmax_age soon\n\t}}": `max_age: "soon" is not accepted: want a positive duration`,
		"memory {\n\tdead_letters {\n\t\tmax_age -1s\n\t}}":  `max_age: "-1s" is not accepted`,
		"memory {\n\tdead_letters {\n\t\tkeep 1\n\t}}":       `unknown option "keep" of dead_letters: want max_age`,
		"memory {\n\tsync always\n}":                         `unknown option "sync" of queue memory: want max_deliveries`,
	} {
		err := new(memory.Queue).UnmarshalCaddyfile(caddyfile.NewTestDispenser(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got error %v, want one with %q", text, err, want)
		}
	}
}

func TestValidate(t *testing.T) {
	for field, q := range map[string]*memory.Queue{
		"max_deliveries":         {MaxDeliveries: -1},
		"max_bytes":              {MaxBytes: -1},
		"max_per_function":       {MaxPerFunction: -1},
		"dead_letters.max_age":   {DeadLetters: &memory.DeadLetters{MaxAge: -1}},
		"dead_letters.max_bytes": {DeadLetters: &memory.DeadLetters{MaxBytes: -1}},
		"dead_letters.max_count": {DeadLetters: &memory.DeadLetters{MaxCount: -1}},
	} {
		err := q.Validate()
		if eventgateway.KindOf(err) != eventgateway.Invalid || !strings.HasPrefix(err.Error(), field+": ") {
			t.Errorf("%s: got error %v", field, err)
		}
	}
}

func TestIdentity(t *testing.T) {
	q := new(memory.Queue)
	if q.Identity(delivery.Env{Name: "one"}) == q.Identity(delivery.Env{Name: "two"}) {
		t.Error("the queues of two gateways are one")
	}
	log := open(t, q)
	if err := log.Reconfigure(otherBackend{}); err == nil {
		t.Error("a queue in memory follows the configuration of another kind")
	}
}

type otherBackend struct{ delivery.Backend }

func open(t *testing.T, q *memory.Queue) delivery.Log {
	t.Helper()
	log, err := q.Open(delivery.Env{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close(context.Background()) })
	return log
}

func bury(t *testing.T, log delivery.Log, space, event string) string {
	t.Helper()
	d := &delivery.DeadLetter{Space: space, Event: &eventgateway.Event{ID: event, Type: "t"}, At: time.Now()}
	if err := log.DeadLetters().Add(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	return d.ID
}

// letters returns the IDs of the events of a space's dead letters.
func letters(t *testing.T, log delivery.Log, space string) (events []string) {
	t.Helper()
	list, _, err := log.DeadLetters().List(t.Context(), &delivery.DeadLetterQuery{Space: space})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range list {
		events = append(events, d.Event.ID)
	}
	return events
}

func wantLetters(t *testing.T, log delivery.Log, space string, events ...string) {
	t.Helper()
	if got := letters(t, log, space); strings.Join(got, " ") != strings.Join(events, " ") {
		t.Fatalf("space %s: got %v, want %v", space, got, events)
	}
}

func TestDeadLettersByCount(t *testing.T) {
	log := open(t, &memory.Queue{DeadLetters: &memory.DeadLetters{MaxCount: 3}})
	for i := range 5 {
		bury(t, log, []string{"a", "b"}[i%2], fmt.Sprint(i))
	}
	wantLetters(t, log, "a", "2", "4")
	wantLetters(t, log, "b", "3")
	if err := log.Reconfigure(&memory.Queue{DeadLetters: &memory.DeadLetters{MaxCount: 1}}); err != nil {
		t.Fatal(err)
	}
	wantLetters(t, log, "a", "4")
	wantLetters(t, log, "b")
	if count, bytes := log.DeadLetters().Count(); count != 1 || bytes <= 0 {
		t.Errorf("got %d of %d bytes", count, bytes)
	}
}

func TestDeadLettersByAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := open(t, new(memory.Queue))
		old := bury(t, log, "s", "old")
		time.Sleep(7 * 24 * time.Hour)
		bury(t, log, "s", "young")
		time.Sleep(7 * 24 * time.Hour)
		wantLetters(t, log, "s", "old", "young")
		time.Sleep(time.Second)
		if d, err := log.DeadLetters().Get(t.Context(), "s", old); d != nil || err != nil {
			t.Errorf("got %v, %v after more than 14 days", d, err)
		}
		wantLetters(t, log, "s", "young")
	})
}

// TestDeadLettersModel compares many dead letters, added and deleted at random, with a plain list of them.
func TestDeadLettersModel(t *testing.T) {
	const most = 100
	log := open(t, &memory.Queue{DeadLetters: &memory.DeadLetters{MaxCount: most}})
	type entry struct{ space, id, event string }
	var model []entry
	random := uint32(1)
	next := func(n int) int {
		random = random*1664525 + 1013904223
		return int(random>>8) % n
	}
	for i := range 20_000 {
		if next(5) < 3 || len(model) == 0 {
			e := entry{space: fmt.Sprint("s", next(3)), event: fmt.Sprint(i)}
			e.id = bury(t, log, e.space, e.event)
			model = append(model, e)
			if len(model) > most {
				model = model[1:]
			}
		} else {
			at := next(len(model))
			if there, err := log.DeadLetters().Delete(t.Context(), model[at].space, model[at].id); !there || err != nil {
				t.Fatalf("Delete: got %t, %v", there, err)
			}
			model = append(model[:at:at], model[at+1:]...)
		}
		if i%50 != 0 {
			continue
		}
		for _, space := range []string{"s0", "s1", "s2"} {
			var want []string
			for _, e := range model {
				if e.space == space {
					want = append(want, e.event)
				}
			}
			wantLetters(t, log, space, want...)
		}
		if count, _ := log.DeadLetters().Count(); count != int64(len(model)) {
			t.Fatalf("%d are counted, want %d", count, len(model))
		}
	}
}

type nobody struct{}

func (nobody) Receive(*delivery.Record) {}
func (nobody) CaughtUp(int)             {}
func (nobody) Revoke(int)               {}
func (nobody) Release([]*delivery.Work) {}

type finishing struct {
	nobody
	log delivery.Log
}

func (f finishing) Receive(r *delivery.Record) { f.log.Finish(r) }

func TestEarlyAppend(t *testing.T) {
	log := open(t, new(memory.Queue))
	work := &delivery.Work{Event: &eventgateway.Event{ID: "e"}}
	if err := log.Append(t.Context(), []*delivery.Work{work}); err != nil {
		t.Fatal(err)
	}
	if n := log.Status().Records; n != 1 {
		t.Errorf("%d records are kept before the start, want 1", n)
	}
	log.Start(finishing{log: log})
	if n := log.Status().Records; n != 0 {
		t.Errorf("%d records are left, want none", n)
	}
}

func BenchmarkAppendAndFinish(b *testing.B) {
	log, err := new(memory.Queue).Open(delivery.Env{})
	if err != nil {
		b.Fatal(err)
	}
	log.Start(finishing{log: log})
	works := []*delivery.Work{{Event: &eventgateway.Event{ID: "e", Type: "t", Data: make([]byte, 500)}}}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := log.Append(context.Background(), works); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

func BenchmarkDeadLetters(b *testing.B) {
	log, err := (&memory.Queue{DeadLetters: &memory.DeadLetters{MaxCount: 1 << 16, MaxBytes: 1 << 40}}).Open(delivery.Env{})
	if err != nil {
		b.Fatal(err)
	}
	letter := delivery.DeadLetter{Space: "s", Event: &eventgateway.Event{ID: "e", Type: "t"}, At: time.Now()}
	var ids [1 << 16]string
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		d := letter
		if err := log.DeadLetters().Add(context.Background(), &d); err != nil {
			b.Fatal(err)
		}
		// Taken out again from all over the list, much later.
		at := i * 40503 % len(ids)
		if ids[at] != "" {
			_, _ = log.DeadLetters().Delete(context.Background(), "s", ids[at])
		}
		ids[at] = d.ID
	}
}
