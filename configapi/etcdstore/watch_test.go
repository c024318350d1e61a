package etcdstore_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/eventgateway/eventgateway/configapi"
	"github.com/eventgateway/eventgateway/configapi/etcdstore"
	"github.com/eventgateway/eventgateway/integration/etcdtest"
)

// fill writes n entries as another gateway would have, many at a time.
func fill(t testing.TB, client *clientv3.Client, n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	for i := 0; i < n; {
		ops := []clientv3.Op{clientv3.OpPut("/event-gateway/v1/default/version", fmt.Sprint(i))}
		for ; i < n && len(ops) < 128; i++ {
			ops = append(ops, clientv3.OpPut(fmt.Sprintf("/event-gateway/v1/default/functions/f%07d", i), fmt.Sprint("value ", i)))
		}
		if _, err := client.Txn(ctx).Then(ops...).Commit(); err != nil {
			t.Fatal(err)
		}
	}
}

func (s *sink) checkFilled(t testing.TB, n int) {
	t.Helper()
	if got := s.count(); got != n {
		t.Fatalf("%d entries, want %d", got, n)
	}
	for i := range n {
		if value, _, _ := s.get(fmt.Sprintf("f%07d", i)); value != fmt.Sprint("value ", i) {
			t.Fatalf("entry %d is %q", i, value)
		}
	}
}

func TestListOfManyKeys(t *testing.T) {
	const n = 20_000
	cluster := etcdtest.Start(t, etcdtest.Options{})
	fill(t, cluster.Client(), n)
	s, into := openReady(t, etcdstore.Config{Endpoints: cluster.Endpoints(), DataDir: t.TempDir()})
	into.checkFilled(t, n)
	commit(t, s, into, []configapi.Put{put("f0000000", "value 0")}, key("f0019999"))
	into.checkFilled(t, n-1)
}

func TestListOfLargeValues(t *testing.T) {
	cluster := etcdtest.Start(t, etcdtest.Options{})
	client := cluster.Client()
	large := strings.Repeat("x", 1<<20)
	for i := range 40 {
		if _, err := client.Put(context.Background(), fmt.Sprintf("/event-gateway/v1/default/functions/f%d", i), large); err != nil {
			t.Fatal(err)
		}
	}
	_, into := openReady(t, etcdstore.Config{Endpoints: cluster.Endpoints(), DataDir: t.TempDir()})
	for i := range 40 {
		if value, _, _ := into.get(fmt.Sprint("f", i)); value != large {
			t.Fatalf("f%d has %d bytes", i, len(value))
		}
	}
}

func TestEtcdKilledWhileListing(t *testing.T) {
	const n = 20_000
	cluster := etcdtest.Start(t, etcdtest.Options{})
	fill(t, cluster.Client(), n)
	into := newSink()
	var once sync.Once
	into.onAdd = func(added int) {
		if added == n/2 {
			once.Do(func() {
				cluster.Kill()
				if into.Revision() != 0 {
					t.Error("half a list is visible")
				}
				cluster.Launch()
			})
		}
	}
	s := open(t, etcdstore.Config{Endpoints: cluster.Endpoints(), DataDir: t.TempDir()}, into)
	waitReady(t, s)
	into.checkFilled(t, n)
}

func TestCompactedWhileDisconnected(t *testing.T) {
	cluster := etcdtest.Start(t, etcdtest.Options{})
	proxy := etcdtest.NewProxy(t, cluster.Endpoints()[0])
	s, into := openReady(t, etcdstore.Config{Endpoints: []string{proxy.Endpoint()}, DataDir: t.TempDir()})
	other, intoOther := openReady(t, etcdstore.Config{Endpoints: cluster.Endpoints(), DataDir: t.TempDir()})
	commit(t, s, into, []configapi.Put{put("kept", "1"), put("changed", "1"), put("removed", "1")})

	for _, compacted := range []bool{false, true} {
		t.Run(fmt.Sprint("compacted ", compacted), func(t *testing.T) {
			loads := into.loads
			commit(t, s, into, []configapi.Put{put("removed", "1")})
			proxy.Cut()
			status := waitState(t, s, "disconnected")
			if status.Since.IsZero() || !strings.Contains(status.Error, "etcd is out of reach") {
				t.Errorf("status %+v", status)
			}
			if _, found, _ := into.get("removed"); !found {
				t.Error("an entry is gone while disconnected")
			}
			intoOther.waitRevision(t, into.Revision())
			commit(t, other, intoOther, []configapi.Put{put("changed", fmt.Sprint(compacted))}, key("removed"))
			last := commit(t, other, intoOther, []configapi.Put{put("added", "1")})
			if compacted {
				if _, err := cluster.Client().Compact(context.Background(), last); err != nil {
					t.Fatal(err)
				}
			}
			proxy.Mend()
			into.waitRevision(t, last)
			if _, found, _ := into.get("removed"); found {
				t.Error("the removal was missed")
			}
			if value, _, _ := into.get("changed"); value != fmt.Sprint(compacted) || into.count() != 3 {
				t.Errorf("changed is %q of %d entries", value, into.count())
			}
			if listed := into.loads > loads; listed != compacted {
				t.Errorf("listed again: %t, compacted: %t", listed, compacted)
			}
			waitState(t, s, "connected")
		})
	}
}

// TestRestoredBackup puts an older copy of etcd's data in the place of the newer one, which brings its revision back, and
// then lets a history of its own grow on it.
func TestRestoredBackup(t *testing.T) {
	cluster := etcdtest.Start(t, etcdtest.Options{})
	proxy := etcdtest.NewProxy(t, cluster.Endpoints()[0])
	s, into := openReady(t, etcdstore.Config{Endpoints: []string{proxy.Endpoint()}, DataDir: t.TempDir()})
	commit(t, s, into, []configapi.Put{put("old", "1")})

	cluster.Stop()
	backup := t.TempDir()
	if err := os.CopyFS(backup, os.DirFS(cluster.DataDir(0))); err != nil {
		t.Fatal(err)
	}
	restore := func() {
		cluster.Stop()
		if err := os.RemoveAll(cluster.DataDir(0)); err != nil {
			t.Fatal(err)
		}
		if err := os.CopyFS(cluster.DataDir(0), os.DirFS(backup)); err != nil {
			t.Fatal(err)
		}
		cluster.Restart()
	}

	cluster.Restart()
	waitState(t, s, "connected")
	var lost int64
	for i := range 3 {
		lost = commit(t, s, into, []configapi.Put{put("lost", fmt.Sprint(i))})
	}
	restore()
	into.until(t, "the restored revision", func() bool { return into.revision < lost })
	if _, found, _ := into.get("lost"); found || into.count() != 1 {
		t.Errorf("what the backup has not is still there: %v", into.entries)
	}
	commit(t, s, into, []configapi.Put{put("after", "1")})

	// This time the new history is as long as the lost one before the store sees it.
	for i := range 3 {
		lost = commit(t, s, into, []configapi.Put{put("lost", fmt.Sprint(i))})
	}
	proxy.Cut()
	waitState(t, s, "disconnected")
	restore()
	other, intoOther := openReady(t, etcdstore.Config{Endpoints: cluster.Endpoints(), DataDir: t.TempDir()})
	for intoOther.Revision() <= lost+3 {
		commit(t, other, intoOther, []configapi.Put{put("new", "1")})
	}
	proxy.Mend()
	into.until(t, "the new history", func() bool { _, found := into.entries[key("new")]; return found })
	if _, found, _ := into.get("lost"); found || into.count() != 2 {
		t.Errorf("entries of two histories: %v", into.entries)
	}
}

func TestVersionRemovedByHand(t *testing.T) {
	cluster := etcdtest.Start(t, etcdtest.Options{})
	s, into := openReady(t, etcdstore.Config{Endpoints: cluster.Endpoints(), DataDir: t.TempDir()})
	stale := commit(t, s, into, []configapi.Put{put("a", "1")})
	if _, err := cluster.Client().Delete(context.Background(), "/event-gateway/v1/default/version"); err != nil {
		t.Fatal(err)
	}
	_, err := s.Commit(context.Background(), configapi.Write{Space: "default", Version: stale, Puts: []configapi.Put{put("a", "2")}})
	if !errors.Is(err, configapi.ErrVersion) {
		t.Errorf("a write checked against a version that is gone: %v", err)
	}
	into.until(t, "the removal", func() bool { return len(into.versions) == 0 })
	commit(t, s, into, []configapi.Put{put("a", "3")})
	if value, _, _ := into.get("a"); value != "3" {
		t.Errorf("a is %q", value)
	}
}

// TestProgress has others write to the cluster beside the prefix: the revision followed stays near etcd's, so that a
// compaction does not make it list again.
func TestProgress(t *testing.T) {
	cluster := etcdtest.Start(t, etcdtest.Options{Args: []string{"--watch-progress-notify-interval", "100ms"}})
	s, into := openReady(t, etcdstore.Config{Endpoints: cluster.Endpoints(), DataDir: t.TempDir()})
	commit(t, s, into, []configapi.Put{put("a", "1")})
	var last int64
	for range 10 {
		resp, err := cluster.Client().Put(context.Background(), "/elsewhere", "x")
		if err != nil {
			t.Fatal(err)
		}
		last = resp.Header.Revision
	}
	into.waitRevision(t, last)
	if into.count() != 1 || into.loads != 1 {
		t.Errorf("%d entries after %d lists", into.count(), into.loads)
	}
}
