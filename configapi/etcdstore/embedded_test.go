package etcdstore_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway/configapi"
	"github.com/eventgateway/eventgateway/configapi/etcdstore"
)

func TestEmbeddedKeepsWhatIsWritten(t *testing.T) {
	dir := t.TempDir()
	var last int64
	for round := range 3 {
		start := time.Now()
		into := newSink()
		s, err := etcdstore.Open(etcdstore.Config{DataDir: dir}, into, testLogger(t))
		if err != nil {
			t.Fatal(err)
		}
		waitReady(t, s)
		t.Logf("start %d: ready after %s", round, time.Since(start).Round(time.Millisecond))
		for i := range round {
			if value, _, _ := into.get(fmt.Sprint("f", i)); value != fmt.Sprint("v", i) {
				t.Errorf("round %d: f%d is %q", round, i, value)
			}
		}
		if into.Revision() < last {
			t.Errorf("revision went back from %d to %d", last, into.Revision())
		}
		last = commit(t, s, into, []configapi.Put{put(fmt.Sprint("f", round), fmt.Sprint("v", round))})
		if status := s.Status(); status.State != "connected" || !status.Embedded || status.Error != "" || status.Endpoints != nil {
			t.Errorf("status %+v", status)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		into.check(t)
	}
}

func TestEmbeddedStopsCompletely(t *testing.T) {
	dir := t.TempDir()
	before := len(goroutines())
	var files int
	for round := range 20 {
		into := newSink()
		s, err := etcdstore.Open(etcdstore.Config{DataDir: dir}, into, testLogger(t))
		if err != nil {
			t.Fatal(err)
		}
		if round%2 == 0 { // in odd rounds it is closed while it starts
			waitReady(t, s)
			commit(t, s, into, []configapi.Put{put("f", fmt.Sprint(round))})
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal("closing again:", err)
		}
		if now := openFiles(t); round == 1 {
			files = now
		} else if round > 1 && now > files+2 {
			t.Fatalf("round %d: %d files are open, %d at first", round, now, files)
		}
	}
	eventually(t, "goroutines to end:\n"+strings.Join(goroutines(), "\n\n"), func() bool { return len(goroutines()) <= before })
}

func openFiles(t *testing.T) int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Log("no count of open files on this system")
		return 0
	}
	return len(entries)
}

func TestEmbeddedListensNowhere(t *testing.T) {
	sockets := func() (n int) {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skip("no list of open sockets on this system")
		}
		for _, e := range entries {
			if target, _ := os.Readlink(filepath.Join("/proc/self/fd", e.Name())); strings.HasPrefix(target, "socket:") {
				n++
			}
		}
		return n
	}
	before := sockets()
	openReady(t, etcdstore.Config{DataDir: t.TempDir()})
	if after := sockets(); after > before {
		t.Errorf("%d sockets are open, %d before", after, before)
	}
}

func TestEmbeddedDataDirectoryHasOneUser(t *testing.T) {
	dir := t.TempDir()
	openReady(t, etcdstore.Config{DataDir: dir})
	start := time.Now()
	_, err := etcdstore.Open(etcdstore.Config{DataDir: dir}, newSink(), testLogger(t))
	if err == nil || !strings.Contains(err.Error(), "another process uses the data directory") {
		t.Fatalf("got %v", err)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("refused after %s", took)
	}
}

func TestEmbeddedDataDirectoryThatCannotBeUsed(t *testing.T) {
	t.Run("a file in the way", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "data")
		if err := os.WriteFile(dir, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := etcdstore.Open(etcdstore.Config{DataDir: dir}, newSink(), testLogger(t)); err == nil {
			t.Fatal("opened")
		}
	})
	for _, damaged := range []string{"member/snap/db", "member/wal/*.wal"} {
		t.Run("damaged "+damaged, func(t *testing.T) {
			dir := t.TempDir()
			into := newSink()
			s, err := etcdstore.Open(etcdstore.Config{DataDir: dir}, into, testLogger(t))
			if err != nil {
				t.Fatal(err)
			}
			waitReady(t, s)
			commit(t, s, into, []configapi.Put{put("f", "v")})
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			files, err := filepath.Glob(filepath.Join(dir, "etcd", damaged))
			if err != nil || len(files) == 0 {
				t.Fatal(files, err)
			}
			for _, file := range files {
				if err := os.WriteFile(file, []byte(strings.Repeat("nonsense", 8192)), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			s, err = etcdstore.Open(etcdstore.Config{DataDir: dir}, newSink(), testLogger(t))
			if err == nil {
				s.Close()
				t.Fatal("opened")
			}
			if !strings.Contains(err.Error(), filepath.Join(dir, "etcd")) {
				t.Errorf("the error does not name the directory: %v", err)
			}
			t.Log(err)
		})
	}
}
