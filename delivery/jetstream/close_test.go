package jetstream

import (
	"context"
	"errors"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway/delivery"
)

// goroutines returns how many goroutines are at work in this package, the server or the client.
func goroutines() (n int) {
	buf := make([]byte, 4<<20)
	for _, stack := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n")[1:] {
		if strings.Contains(stack, "delivery/jetstream.") && !strings.Contains(stack, "testing.tRunner") ||
			strings.Contains(stack, "nats-io/") {
			n++
		}
	}
	return n
}

func TestCloseLeavesNothingBehind(t *testing.T) {
	before := goroutines()
	dir := t.TempDir()
	l, s := started(t, new(Queue), dir)
	mustAppend(t, l, "a")
	mustAdd(t, l, newLetter("a", "a"))
	s.awaitIDs(t, "a")
	l.Finish(s.records[0])
	closeLog(t, l)
	closeLog(t, l)
	eventually(t, "all goroutines have ended", func() bool { return goroutines() <= before })
	if err := l.Append(t.Context(), works("b")); !errors.Is(err, delivery.ErrUnavailable) {
		t.Errorf("a closed log answers %v", err)
	}
	if _, err := l.Load(t.Context(), s.records[0]); !errors.Is(err, delivery.ErrUnavailable) {
		t.Errorf("a closed log loads %v", err)
	}
	if err := l.DeadLetters().Add(t.Context(), newLetter("a", "b")); !errors.Is(err, delivery.ErrUnavailable) {
		t.Errorf("a closed log takes dead letters: %v", err)
	}
	if status := l.Status(); status.State != "unavailable" || status.Error == "" {
		t.Errorf("a closed log is %+v", status)
	}
	_, s = started(t, new(Queue), dir) // the directory is free, and nothing is left
	s.awaitCaughtUp(t)
	s.awaitIDs(t)
}

func TestCloseWhileEventsComeIn(t *testing.T) {
	dir := t.TempDir()
	l, s := started(t, new(Queue), dir)
	a := appending(t, l, 8)
	a.awaitMore(t, 200)
	closeLog(t, l)
	handed := len(s.ids())
	close(a.stop)
	a.group.Wait()
	if n := len(s.ids()); n != handed {
		t.Errorf("%d events were handed out after the end", n-handed)
	}
	_, s = started(t, new(Queue), dir)
	s.awaitCaughtUp(t)
	got := s.ids()
	slices.Sort(got)
	for _, id := range a.accepted {
		if _, ok := slices.BinarySearch(got, id); !ok {
			t.Errorf("the accepted event %s is lost", id)
		}
	}
}

func TestCloseWithoutTime(t *testing.T) {
	l, s := started(t, new(Queue), t.TempDir())
	for _, id := range numbered("e", 100) {
		mustAppend(t, l, id)
	}
	s.awaitIDs(t, numbered("e", 100)...)
	for _, r := range s.records {
		l.Finish(r)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	began := time.Now()
	if err := l.Close(ctx); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > stopTimeout {
		t.Errorf("it took %s", took)
	}
}

func TestNobodyElseReachesTheServer(t *testing.T) {
	dir := t.TempDir()
	l := open(t, new(Queue), dir)
	srv := l.link.dialer.(*embedded).server
	if srv.Addr() != nil || srv.MonitorAddr() != nil || srv.ClusterAddr() != nil {
		t.Error("the server listens")
	}
	info, err := os.Stat(queueDir(testEnv(t, dir)))
	if err != nil {
		t.Fatal(err)
	}
	if mode := info.Mode().Perm(); mode != 0o700 {
		t.Errorf("the directory has the mode %o", mode)
	}
}
