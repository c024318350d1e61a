package etcdstore_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway/configapi"
	"github.com/eventgateway/eventgateway/configapi/etcdstore"
	"github.com/eventgateway/eventgateway/integration/etcdtest"
)

// nowhere is an endpoint nobody answers at.
const nowhere = "http://127.0.0.1:1"

func savedCopies(t testing.TB, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "snapshot-*.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// saveCopy has a store save a copy of two entries and returns the file.
func saveCopy(t *testing.T, endpoints []string, dir string) (file string, revision int64) {
	t.Helper()
	into := newSink()
	s, err := etcdstore.Open(etcdstore.Config{Endpoints: endpoints, DataDir: dir}, into, testLogger(t))
	if err != nil {
		t.Fatal(err)
	}
	waitReady(t, s)
	revision = commit(t, s, into, []configapi.Put{put("a", `{"x":"<&>\u2028"}`), put("b", "\x00\xff not JSON\n")})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	files := savedCopies(t, dir)
	if len(files) != 1 {
		t.Fatalf("saved copies: %v", files)
	}
	return files[0], revision
}

func TestSavedCopy(t *testing.T) {
	cluster := etcdtest.Start(t, etcdtest.Options{Size: 3})
	dir := filepath.Join(t.TempDir(), "new", "data")
	file, revision := saveCopy(t, cluster.Endpoints(), dir)
	if runtime.GOOS != "windows" {
		for path, want := range map[string]os.FileMode{file: 0o600, dir: 0o700} {
			if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
				t.Errorf("%s: %v %v, want %o", path, info.Mode(), err, want)
			}
		}
	}
	cluster.Kill()

	// The order of endpoints, and how the prefix is written, make no difference.
	endpoints := cluster.Endpoints()
	slices.Reverse(endpoints)
	into := newSink()
	s := open(t, etcdstore.Config{Endpoints: endpoints, Prefix: "event-gateway//v1/", DataDir: dir}, into)
	a, _, version := into.get("a")
	b, _, _ := into.get("b")
	if a != `{"x":"<&>\u2028"}` || b != "\x00\xff not JSON\n" || version != revision || into.Revision() != revision ||
		into.count() != 2 {
		t.Errorf("loaded a=%q b=%q version %d revision %d, written at %d", a, b, version, into.Revision(), revision)
	}
	if e := into.entries[key("a")]; e.CreateRevision != revision || e.ModRevision != revision {
		t.Errorf("loaded %+v", e)
	}
	if status := s.Status(); status.State == "connected" || !strings.Contains(status.Error, "serving the copy saved at") {
		t.Errorf("status %+v", status)
	}

	// Other clusters, other prefixes and sinks that know something already do not get it.
	for _, cfg := range []etcdstore.Config{
		{Endpoints: []string{nowhere}, DataDir: dir}, {Endpoints: endpoints, Prefix: "/other", DataDir: dir},
	} {
		into := newSink()
		open(t, cfg, into)
		if into.loads != 0 {
			t.Errorf("%v %s got the copy of another", cfg.Endpoints, cfg.Prefix)
		}
	}
	knows := newSink()
	knows.revision = 1
	open(t, etcdstore.Config{Endpoints: endpoints, DataDir: dir}, knows)
	if knows.loads != 0 {
		t.Error("the copy replaced what the sink knew")
	}

	// What was removed meanwhile goes with the first list.
	cluster.Restart()
	other, intoOther := openReady(t, etcdstore.Config{Endpoints: cluster.Endpoints(), DataDir: t.TempDir()})
	into.waitRevision(t, commit(t, other, intoOther, nil, key("b")))
	if _, found, _ := into.get("b"); found {
		t.Error("b is still there")
	}
}

func TestSavedCopyIsSavedWhileRunning(t *testing.T) {
	cluster := etcdtest.Start(t, etcdtest.Options{})
	dir := t.TempDir()
	s, into := openReady(t, etcdstore.Config{Endpoints: cluster.Endpoints(), DataDir: dir})
	revision := commit(t, s, into, []configapi.Put{put("a", "1")})
	want := fmt.Appendf(nil, `"revision":%d,`, revision)
	eventually(t, "a saved copy", func() bool {
		files := savedCopies(t, dir)
		if len(files) != 1 {
			return false
		}
		content, err := os.ReadFile(files[0])
		return err == nil && bytes.Contains(content, want)
	})
	moved := t.TempDir()
	if err := s.Reconfigure(etcdstore.Config{Endpoints: cluster.Endpoints(), DataDir: moved}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a copy in the new directory", func() bool { return len(savedCopies(t, moved)) == 1 })
}

func TestDamagedSavedCopyIsIgnored(t *testing.T) {
	cluster := etcdtest.Start(t, etcdtest.Options{})
	dir := t.TempDir()
	file, _ := saveCopy(t, cluster.Endpoints(), dir)
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	load := func(content []byte) *sink {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		into := newSink()
		s, err := etcdstore.Open(etcdstore.Config{Endpoints: cluster.Endpoints(), DataDir: dir}, into, testLogger(t))
		if err != nil {
			t.Fatal(err)
		}
		s.Close()
		return into
	}
	cluster.Kill()
	if into := load(good); into.loads != 1 || into.count() != 2 {
		t.Fatalf("the good copy was loaded %d times", into.loads)
	}
	damaged := map[string][]byte{
		"empty": nil, "nonsense": []byte("nonsense\n"), "newline": []byte("\n"),
		"other format":  bytes.Replace(good, []byte(`"eventGatewaySnapshot":1`), []byte(`"eventGatewaySnapshot":2`), 1),
		"changed value": bytes.Replace(good, []byte(`"value":"`), []byte(`"value":"AAAA`), 1),
		"changed time":  bytes.Replace(good, []byte(`"saved":"2`), []byte(`"saved":"1`), 1),
	}
	lines := bytes.SplitAfter(good, []byte("\n"))
	for i := range len(lines) - 2 {
		damaged[fmt.Sprint("without line ", i)] = bytes.Join(slices.Delete(slices.Clone(lines), i, i+1), nil)
	}
	for at := 0; at < len(good); at += 7 {
		damaged[fmt.Sprint("torn at ", at)] = good[:at]
	}
	for name, content := range damaged {
		if bytes.Equal(content, good) {
			t.Fatalf("%s: not damaged", name)
		}
		if into := load(content); into.loads != 0 || into.Revision() != 0 {
			t.Errorf("%s: loaded", name)
		}
	}
	// The next good one takes its place.
	cluster.Restart()
	s, into := openReady(t, etcdstore.Config{Endpoints: cluster.Endpoints(), DataDir: dir})
	commit(t, s, into, []configapi.Put{put("c", "1")})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	cluster.Kill()
	again := newSink()
	open(t, etcdstore.Config{Endpoints: cluster.Endpoints(), DataDir: dir}, again)
	if again.count() != 3 {
		t.Errorf("%d entries, want 3", again.count())
	}
}

func TestSavedCopyThatCannotBeWritten(t *testing.T) {
	cluster := etcdtest.Start(t, etcdtest.Options{})
	dir := filepath.Join(t.TempDir(), "data")
	into := newSink()
	s, err := etcdstore.Open(etcdstore.Config{Endpoints: cluster.Endpoints(), DataDir: dir}, into, testLogger(t))
	if err != nil {
		t.Fatal(err)
	}
	waitReady(t, s)
	commit(t, s, into, []configapi.Put{put("a", "1")})
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	commit(t, s, into, []configapi.Put{put("a", "2")})
	if err := s.Close(); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("close: %v", err)
	}
}
