package jetstream

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/eventgateway/eventgateway/delivery"
)

// When the end of the stream is lost, sequences that the receiver knows are not given out again.
func TestSequencesAreNotGivenOutAgain(t *testing.T) {
	l, s := started(t, new(Queue), t.TempDir())
	mustAppend(t, l, "a")
	s.awaitIDs(t, "a")
	tenure := l.partitions[0].current()
	tenure.handing.Lock()
	tenure.last = 50
	tenure.handing.Unlock()
	session, _ := l.link.now()
	session.fail(errReconfigured)
	eventually(t, "the log is back", func() bool { now, _ := l.link.now(); return now != nil && now != session })
	mustAppend(t, l, "b")
	s.awaitIDs(t, "a", "b")
	if seq := s.record(t, "b").Seq; seq != 51 {
		t.Errorf("the next record has the sequence %d", seq)
	}
}

func TestSilentServersAreStartedAgain(t *testing.T) {
	l := open(t, new(Queue), t.TempDir())
	isLost := func(s *session) bool {
		select {
		case <-s.lost:
			return true
		default:
			return false
		}
	}
	local := func() *session { return &session{local: true, lost: make(chan struct{})} }
	s := local()
	for range 2 {
		l.faulty(s, context.DeadlineExceeded)
	}
	mustAppend(t, l, "a")
	for range 2 {
		l.faulty(s, nats.ErrTimeout)
	}
	if isLost(s) {
		t.Error("a server that answered in between is started again")
	}
	if l.faulty(s, nats.ErrTimeout); !isLost(s) {
		t.Error("a server that does not answer is not started again")
	}
	if s = local(); isLost(s) {
		t.Error("a new session is lost")
	}
	if l.faulty(s, jetstream.ErrNoStreamResponse); !isLost(s) {
		t.Error("a server without the stream is not started again")
	}
	s = local()
	s.local = false
	for range 5 {
		l.faulty(s, context.DeadlineExceeded)
		l.faulty(s, jetstream.ErrNoStreamResponse)
	}
	if isLost(s) {
		t.Error("a cluster that does not answer is taken for lost")
	}
}

// A fault that is met before the session stands counts as well.
func TestFaults(t *testing.T) {
	first, later := errors.New("first"), errors.New("later")
	var told []error
	tell := func(err error) { told = append(told, err) }

	early := &fault{}
	early.happened(first)
	early.happened(later)
	early.notify(tell)
	late := &fault{}
	late.notify(tell)
	if late.cause() != nil {
		t.Error("a fault before any happened")
	}
	late.happened(first)
	late.happened(later)
	if len(told) != 2 || told[0] != first || told[1] != first || late.cause() != first {
		t.Errorf("told of %v", told)
	}
}

// A server that cannot start does not keep the gateway from starting.
func TestServerDoesNotStart(t *testing.T) {
	dir := t.TempDir()
	inTheWay := filepath.Join(queueDir(testEnv(t, dir)), "jetstream")
	if err := os.MkdirAll(filepath.Dir(inTheWay), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(inTheWay, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	l, s := started(t, new(Queue), dir)
	if took := time.Since(began); took > startTimeout/2 {
		t.Errorf("opening took %s", took)
	}
	if err := l.Append(t.Context(), works("a")); !errors.Is(err, delivery.ErrUnavailable) {
		t.Errorf("Append is %v", err)
	}
	if status := l.Status(); status.State != "unavailable" || !strings.Contains(status.Error, "embedded NATS server") {
		t.Errorf("the status is %+v", status)
	}
	if err := os.Remove(inTheWay); err != nil {
		t.Fatal(err)
	}
	eventually(t, "events are accepted", func() bool { return l.Append(t.Context(), works("b")) == nil })
	s.awaitIDs(t, "b")
}

func TestDirectoryCannotBeMade(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := new(Queue).Open(testEnv(t, dir))
	if err == nil || l != nil || !strings.Contains(err.Error(), "directory of the queue") {
		t.Errorf("got %v, %v", l, err)
	}
}
