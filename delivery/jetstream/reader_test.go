package jetstream

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway/delivery"
)

// appender appends events one after the other until it is stopped.
type appender struct {
	mu       sync.Mutex
	accepted []string
	refused  int
	stop     chan struct{}
	group    sync.WaitGroup
}

func appending(t *testing.T, l *Log, senders int) *appender {
	a := &appender{stop: make(chan struct{})}
	for sender := range senders {
		a.group.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-a.stop:
					return
				default:
				}
				id := strconv.Itoa(sender) + "-" + strconv.Itoa(i)
				err := l.Append(t.Context(), works(id))
				a.mu.Lock()
				if err == nil {
					a.accepted = append(a.accepted, id)
				} else {
					a.refused++
				}
				a.mu.Unlock()
				if err != nil && !errors.Is(err, delivery.ErrUnavailable) {
					t.Errorf("Append: %v", err)
				}
			}
		})
	}
	return a
}

func (a *appender) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.accepted)
}

// awaitMore waits until n more events were accepted.
func (a *appender) awaitMore(t *testing.T, n int) {
	t.Helper()
	want := a.count() + n
	eventually(t, "more events are accepted", func() bool { return a.count() >= want })
}

// end stops it and checks that s got what was accepted: each event once, and those of one sender in order.
func (a *appender) end(t *testing.T, s *sink) {
	t.Helper()
	close(a.stop)
	a.group.Wait()
	t.Logf("%d events accepted, %d refused", len(a.accepted), a.refused)
	s.await(t, "all accepted events are there", func() bool {
		got := map[string]bool{}
		for _, id := range idsOf(s.records) {
			got[id] = true
		}
		return !slices.ContainsFunc(a.accepted, func(id string) bool { return !got[id] })
	})
	last := map[string]int{}
	for _, id := range s.ids() {
		sender, number, _ := strings.Cut(id, "-")
		i, _ := strconv.Atoi(number)
		if before, ok := last[sender]; ok && i <= before {
			t.Fatalf("event %s came after number %d", id, before)
		}
		last[sender] = i
	}
}

func TestConnectionsBreak(t *testing.T) {
	l, s := started(t, new(Queue), t.TempDir())
	a := appending(t, l, 4)
	for range 5 {
		a.awaitMore(t, 100)
		session, _ := l.link.now()
		if err := session.nc.ForceReconnect(); err != nil {
			t.Fatal(err)
		}
	}
	a.awaitMore(t, 100)
	a.end(t, s)
}

func TestConsumersVanish(t *testing.T) {
	l, s := started(t, new(Queue), t.TempDir())
	a := appending(t, l, 4)
	for range 5 {
		a.awaitMore(t, 100)
		session, _ := l.link.now()
		for name := range session.work.ConsumerNames(t.Context()).Name() {
			if err := session.work.DeleteConsumer(t.Context(), name); err != nil {
				t.Logf("deleting the consumer: %v", err) // the log was faster
			}
		}
	}
	a.awaitMore(t, 100)
	a.end(t, s)
}

func TestServerStartsAgain(t *testing.T) {
	l, s := started(t, new(Queue), t.TempDir())
	a := appending(t, l, 4)
	var finished []*delivery.Record
	for i := range 4 {
		a.awaitMore(t, 100)
		s.mu.Lock()
		for _, r := range s.records[len(finished):] {
			finished = append(finished, r)
			l.Finish(r)
		}
		s.mu.Unlock()
		if err := l.Reconfigure(&Queue{Sync: []string{SyncAlways, ""}[i%2]}); err != nil {
			t.Fatal(err)
		}
	}
	a.awaitMore(t, 100)
	a.end(t, s)
	for _, r := range s.records {
		l.Finish(r)
	}
	eventually(t, "all records are gone", func() bool { return l.measuredRecords(t) == 0 })
}

func TestUnreadableRecordsStay(t *testing.T) {
	var logged bytes.Buffer
	env := testEnv(t, t.TempDir())
	env.Logger = slog.New(slog.NewTextHandler(&logged, nil))
	log, err := new(Queue).Open(env)
	if err != nil {
		t.Fatal(err)
	}
	l, s := log.(*Log), newSink()
	mustAppend(t, l, "a")
	session, _ := l.link.now()
	for _, data := range []string{"\x09secret", "", string(appendRecordHeader(nil, origin{})) + "secret"} {
		if _, err := session.js.Publish(t.Context(), l.partitions[0].subject, []byte(data)); err != nil {
			t.Fatal(err)
		}
	}
	mustAppend(t, l, "b")
	l.Start(s)
	s.awaitCaughtUp(t)
	s.awaitIDs(t, "a", "b")
	l.Finish(s.record(t, "a"))
	l.Finish(s.record(t, "b"))
	eventually(t, "only the unreadable are left", func() bool { return l.measuredRecords(t) == 3 })
	closeLog(t, l)
	if n := strings.Count(logged.String(), "cannot be read"); n != 3 || strings.Contains(logged.String(), "secret") {
		t.Errorf("logged %d lines: %s", n, logged.String())
	}
}

// What one process wrote anew is handed out by the next like all else.
func TestCaughtUpComesAfterTheBacklog(t *testing.T) {
	dir := t.TempDir()
	l, s := started(t, new(Queue), dir)
	for _, id := range numbered("e", 300) {
		mustAppend(t, l, id)
	}
	s.awaitIDs(t, numbered("e", 300)...)
	for i, r := range s.records {
		if i%3 > 0 {
			l.Finish(r)
		}
	}
	closeLog(t, l)

	l, s = open(t, new(Queue), dir), newSink()
	a := appending(t, l, 2)
	a.awaitMore(t, 10)
	l.Start(s)
	s.await(t, "the log has caught up", func() bool {
		if s.caught[0] == 0 {
			return false
		}
		if s.caught[0] > 1 || len(s.records) < 100 {
			t.Errorf("caught up %d times, after %d records", s.caught[0], len(s.records))
		}
		return true
	})
	close(a.stop)
	a.group.Wait()
}

// Records that together are larger than what a server holds for a connection come through all the same.
func TestLargeBacklog(t *testing.T) {
	size, count := 3<<20, 12
	if os.Getenv("EVENT_GATEWAY_LONG") != "" {
		size, count = 30<<20, 12
	}
	dir := t.TempDir()
	l := open(t, new(Queue), dir)
	var want []string
	for i := range count {
		w := newWork(strconv.Itoa(i))
		w.Event.Data = bytes.Repeat([]byte{byte(i)}, size)
		if err := l.Append(t.Context(), []*delivery.Work{w}); err != nil {
			t.Fatal(err)
		}
		want = append(want, w.Event.ID)
	}
	s := newSink()
	s.got = func(r *delivery.Record) {
		if r.Works[0].Event.ID != strconv.Itoa(int(r.Works[0].Event.Data[size-1])) {
			t.Errorf("the event %s has the data of another", r.Works[0].Event.ID)
		}
		r.Works[0].Event.Data = nil
	}
	l.Start(s)
	s.awaitCaughtUp(t)
	s.awaitIDs(t, want...)
	works, err := l.Load(t.Context(), s.records[3])
	if err != nil || len(works[0].Event.Data) != size {
		t.Errorf("loading a large record: %v", err)
	}
}

func TestTooLargeForTheLog(t *testing.T) {
	l, s := started(t, &Queue{MaxBytes: 1 << 20}, t.TempDir())
	w := newWork("large")
	w.Event.Data = make([]byte, 1<<20)
	if err := l.Append(t.Context(), []*delivery.Work{w}); !errors.Is(err, delivery.ErrTooLarge) {
		t.Errorf("an event as large as the queue is %v", err)
	}
	w.Event.Data = make([]byte, maxPayload)
	if err := l.Append(t.Context(), []*delivery.Work{w}); !errors.Is(err, delivery.ErrTooLarge) {
		t.Errorf("an event as large as a message is %v", err)
	}
	mustAppend(t, l, "a")
	s.awaitIDs(t, "a")
	w.Event.Data = make([]byte, maxPayload)
	if _, err := l.Rewrite(t.Context(), s.record(t, "a"), []*delivery.Work{w}); !errors.Is(err, delivery.ErrTooLarge) {
		t.Errorf("rewriting to what is as large as a message is %v", err)
	}
}

func TestMaxBytes(t *testing.T) {
	l, s := started(t, &Queue{MaxBytes: 1 << 20}, t.TempDir())
	accepted, err := fill(t, l, "e")
	if !errors.Is(err, delivery.ErrFull) || len(accepted) < 100 {
		t.Fatalf("after %d events: %v", len(accepted), err)
	}
	s.awaitIDs(t, accepted...)
	for _, r := range s.records {
		l.Finish(r)
	}
	eventually(t, "there is room", func() bool { return l.measuredRecords(t) == 0 })
	// A smaller bound refuses more, and removes nothing.
	if _, err = fill(t, l, "f"); !errors.Is(err, delivery.ErrFull) {
		t.Fatal(err)
	}
	before := l.measuredRecords(t)
	if err = l.Reconfigure(&Queue{MaxBytes: 4 << 20}); err != nil {
		t.Fatal(err)
	}
	more, err := fill(t, l, "g")
	if !errors.Is(err, delivery.ErrFull) || len(more) < 100 {
		t.Errorf("in more room %d events fit: %v", len(more), err)
	}
	if err = l.Reconfigure(&Queue{MaxBytes: 1 << 20}); err != nil {
		t.Fatal(err)
	}
	if err = l.Append(t.Context(), works("less room")); !errors.Is(err, delivery.ErrFull) {
		t.Errorf("in less room: %v", err)
	}
	if after := l.measuredRecords(t); after != before+int64(len(more)) {
		t.Errorf("%d records became %d", before+int64(len(more)), after)
	}
}

func (l *Log) measuredRecords(t *testing.T) int64 {
	t.Helper()
	s, err := l.link.now()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	l.measure(ctx, s)
	return l.Status().Records
}
