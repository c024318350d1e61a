package etcdstore_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"runtime/pprof"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway/configapi"
	"github.com/eventgateway/eventgateway/configapi/etcdstore"
	"github.com/eventgateway/eventgateway/integration/processtest"
)

// deadline bounds every wait for something that has to happen.
const deadline = 60 * time.Second

func TestMain(m *testing.M) { os.Exit(processtest.Run(m)) }

func key(id string) configapi.Key {
	return configapi.Key{Space: "default", Kind: configapi.Functions, ID: id}
}

func put(id, value string) configapi.Put { return configapi.Put{Key: key(id), Value: []byte(value)} }

// open opens a store for a test and closes it when the test ends.
func open(t testing.TB, cfg etcdstore.Config, into *sink) *etcdstore.Store {
	t.Helper()
	s, err := etcdstore.Open(cfg, into, testLogger(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		into.check(t)
	})
	return s
}

// openReady is open, and waits for the first list.
func openReady(t testing.TB, cfg etcdstore.Config) (*etcdstore.Store, *sink) {
	t.Helper()
	into := newSink()
	s := open(t, cfg, into)
	waitReady(t, s)
	return s, into
}

func waitReady(t testing.TB, s *etcdstore.Store) {
	t.Helper()
	select {
	case <-s.Ready():
	case <-time.After(deadline):
		t.Fatalf("store is not ready: %+v", s.Status())
	}
}

// commit writes at the version the sink has, however often others come first, and waits for the change to arrive.
func commit(t testing.TB, s *etcdstore.Store, into *sink, puts []configapi.Put, deletes ...configapi.Key) int64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	for {
		revision, err := s.Commit(ctx, configapi.Write{Space: "default", Version: into.version(), Puts: puts, Deletes: deletes})
		if err != nil && err != configapi.ErrVersion {
			t.Fatal(err)
		}
		into.waitRevision(t, revision)
		if err == nil {
			return revision
		}
	}
}

// eventually waits for a state that nothing tells of.
func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	timeout := time.After(deadline)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-timeout:
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func waitState(t testing.TB, s *etcdstore.Store, state string) configapi.StoreStatus {
	t.Helper()
	eventually(t, "state "+state, func() bool { return s.Status().State == state })
	return s.Status()
}

// testLogger writes warnings to the test's log.
func testLogger(t testing.TB) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
}

// goroutines returns the stacks of goroutines that belong to etcd, gRPC or this package's subject.
func goroutines() []string {
	var all bytes.Buffer
	_ = pprof.Lookup("goroutine").WriteTo(&all, 2)
	return slices.DeleteFunc(strings.Split(all.String(), "\n\n"), func(stack string) bool {
		return strings.Contains(stack, "etcdstore_test") ||
			!strings.Contains(stack, "etcd") && !strings.Contains(stack, "grpc")
	})
}
