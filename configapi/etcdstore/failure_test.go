package etcdstore

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.uber.org/zap"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/configapi"
)

// nothing is a sink that keeps nothing.
type nothing struct{ revision int64 }

func (n *nothing) Load() configapi.Loader                     { return n }
func (n *nothing) Add(configapi.Change)                       {}
func (n *nothing) Commit(revision int64)                      { n.revision = revision }
func (n *nothing) Apply(revision int64, _ []configapi.Change) { n.revision = revision }
func (n *nothing) Revision() int64                            { return n.revision }
func (n *nothing) Entries() (int64, func(func(configapi.Change) bool)) {
	return n.revision, func(func(configapi.Change) bool) {}
}

// TestEmbeddedServerFails has the embedded server meet what would end an etcd process, such as a disk that is full.
func TestEmbeddedServerFails(t *testing.T) {
	logger := slog.New(slog.DiscardHandler)
	for name, fault := range map[string]func(*zap.Logger){
		"fatal": func(l *zap.Logger) { l.Fatal("failed to save entries", zap.Error(errors.New("no space left"))) },
		"panic": func(l *zap.Logger) { l.Panic("failed to save entries", zap.Error(errors.New("no space left"))) },
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Open(Config{DataDir: t.TempDir()}, &nothing{}, logger)
			if err != nil {
				t.Fatal(err)
			}
			<-s.Ready()
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				fault(s.server.server.GetLogger())
				t.Error("the goroutine goes on after the fault")
			}()
			<-ended
			start := time.Now()
			_, err = s.Commit(context.Background(), configapi.Write{Space: "default"})
			if eventgateway.KindOf(err) != eventgateway.Unavailable || !strings.Contains(err.Error(), "no space left") {
				t.Errorf("commit: %v", err)
			}
			if !strings.Contains(err.Error(), nothingWritten) {
				t.Errorf("commit: %v", err)
			}
			if took := time.Since(start); took > commitTimeout {
				t.Errorf("commit took %s", took)
			}
			for !strings.Contains(s.Status().Error, "failed to save entries: no space left") {
				if time.Since(start) > time.Minute {
					t.Fatalf("status %+v", s.Status())
				}
				runtime.Gosched()
			}
			if state := s.Status().State; state != disconnected {
				t.Errorf("state %s", state)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestEmbeddedReclaimsSpace has the embedded server find at its start that it reached its quota before.
func TestEmbeddedReclaimsSpace(t *testing.T) {
	dir := t.TempDir()
	logger := slog.New(slog.DiscardHandler)
	write := configapi.Write{Space: "default"}
	s, err := Open(Config{DataDir: dir}, &nothing{}, logger)
	if err != nil {
		t.Fatal(err)
	}
	<-s.Ready()
	server := s.server.server.Server
	_, err = server.Alarm(context.Background(), &etcdserverpb.AlarmRequest{
		Action: etcdserverpb.AlarmRequest_ACTIVATE, Alarm: etcdserverpb.AlarmType_NOSPACE, MemberID: uint64(server.MemberID()),
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Commit(context.Background(), write)
	if eventgateway.KindOf(err) != eventgateway.Unavailable || !strings.Contains(err.Error(), "storage quota is used up") ||
		!strings.Contains(err.Error(), nothingWritten) {
		t.Errorf("commit: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = Open(Config{DataDir: dir}, &nothing{}, logger); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	<-s.Ready()
	if _, err = s.Commit(context.Background(), write); err != nil {
		t.Errorf("commit after the restart: %v", err)
	}
}
