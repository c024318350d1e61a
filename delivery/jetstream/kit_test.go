package jetstream

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/delivery"
)

// patience is how long tests wait for what is to happen.
const patience = time.Minute

// sink is a Receiver that keeps what it gets.
type sink struct {
	mu      sync.Mutex
	records []*delivery.Record
	caught  map[int]int
	revoked map[int]int
	// released are the works that are not to be expected any more.
	released []*delivery.Work
	changed  chan struct{}
	// got is called with each record, if it is set.
	got func(*delivery.Record)
}

func newSink() *sink {
	return &sink{caught: map[int]int{}, revoked: map[int]int{}, changed: make(chan struct{})}
}

func (s *sink) Receive(r *delivery.Record) {
	var got func(*delivery.Record)
	s.change(func() {
		s.records = append(s.records, r)
		got = s.got
	})
	if got != nil {
		got(r)
	}
}

func (s *sink) CaughtUp(partition int) { s.change(func() { s.caught[partition]++ }) }
func (s *sink) Revoke(partition int)   { s.change(func() { s.revoked[partition]++ }) }

// Release implements delivery.Receiver.
func (s *sink) Release(works []*delivery.Work) {
	s.change(func() { s.released = append(s.released, works...) })
}

func (s *sink) change(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
	close(s.changed)
	s.changed = make(chan struct{})
}

// await waits until done, which is called with s locked, is true.
func (s *sink) await(t testing.TB, what string, done func() bool) {
	t.Helper()
	deadline := time.After(patience)
	for {
		s.mu.Lock()
		ok, changed := done(), s.changed
		s.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("waited %s in vain until %s", patience, what)
		}
	}
}

// ids returns the ids of the events received, in order.
func (s *sink) ids() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return idsOf(s.records)
}

func idsOf(records []*delivery.Record) (ids []string) {
	for _, r := range records {
		for _, w := range r.Works {
			ids = append(ids, w.Event.ID)
		}
	}
	return ids
}

// awaitIDs waits until events with these ids were received, each once, in any order.
func (s *sink) awaitIDs(t testing.TB, want ...string) {
	t.Helper()
	s.await(t, fmt.Sprintf("%d events are there", len(want)), func() bool { return len(idsOf(s.records)) >= len(want) })
	got := s.ids()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Fatalf("got %d events %.200v, want %d %.200v", len(got), got, len(want), want)
	}
}

func (s *sink) awaitCaughtUp(t testing.TB) {
	t.Helper()
	s.await(t, "the log has caught up", func() bool { return s.caught[0] > 0 })
}

// record returns the one that an event is in.
func (s *sink) record(t testing.TB, id string) *delivery.Record {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.records {
		if slices.Contains(idsOf([]*delivery.Record{r}), id) {
			return r
		}
	}
	t.Fatalf("no record with the event %s was received", id)
	return nil
}

// eventually waits until done is true.
func eventually(t testing.TB, what string, done func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !done() {
		if time.Now().After(deadline) {
			t.Fatalf("waited %s in vain until %s", patience, what)
		}
		<-time.After(5 * time.Millisecond)
	}
}

func testEnv(t testing.TB, dir string) delivery.Env {
	return delivery.Env{DataDir: dir, Name: "/event-gateway/v1", Logger: testLogger(t)}
}

// testLogger writes what a user would see to the test's log.
func testLogger(t testing.TB) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelInfo}))
}

// open opens a log that is closed when the test ends.
func open(t testing.TB, q *Queue, dir string) *Log {
	t.Helper()
	l, err := q.Open(testEnv(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeLog(t, l) })
	return l.(*Log)
}

// started opens a log and starts it with a new sink.
func started(t testing.TB, q *Queue, dir string) (*Log, *sink) {
	t.Helper()
	l, s := open(t, q, dir), newSink()
	l.Start(s)
	return l, s
}

func closeLog(t testing.TB, l delivery.Log) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := l.Close(ctx); err != nil {
		t.Errorf("closing the log: %v", err)
	}
}

func newWork(id string) *delivery.Work {
	return &delivery.Work{
		Event: &eventgateway.Event{
			Type: "user.created", ID: id, ReceivedAt: time.Now(), DataType: eventgateway.TypeJSON, Data: []byte(`{"a":1}`),
		},
		Owed: []delivery.Owed{{Target: delivery.Target{Space: "default", SubscriptionID: "s", FunctionID: "f"}}},
	}
}

func works(ids ...string) (list []*delivery.Work) {
	for _, id := range ids {
		list = append(list, newWork(id))
	}
	return list
}

func mustAppend(t testing.TB, l delivery.Log, ids ...string) {
	t.Helper()
	if err := l.Append(t.Context(), works(ids...)); err != nil {
		t.Fatalf("Append: %v", err)
	}
}

func numbered(prefix string, n int) (ids []string) {
	for i := range n {
		ids = append(ids, fmt.Sprintf("%s%d", prefix, i))
	}
	return ids
}

// fill appends events of 8 KiB until the log takes no more, and returns the ids of those it took.
func fill(t *testing.T, l *Log, prefix string) (accepted []string, err error) {
	t.Helper()
	for i := range 100_000 {
		w := newWork(prefix + strconv.Itoa(i))
		w.Event.Data = []byte(`"` + string(slices.Repeat([]byte("x"), 8<<10)) + `"`)
		if err = l.Append(t.Context(), []*delivery.Work{w}); err != nil {
			return accepted, err
		}
		accepted = append(accepted, w.Event.ID)
	}
	t.Fatal("the disk did not get full")
	return nil, nil
}
