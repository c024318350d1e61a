package integration

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/eventgateway/eventgateway/integration/etcdtest"
	"github.com/eventgateway/eventgateway/integration/gatewaytest"
)

// TestEtcdOutage kills and restarts each of three etcd processes under load, and then all of them.
func TestEtcdOutage(t *testing.T) {
	cluster := etcdtest.Start(t, etcdtest.Options{Size: 3})
	hello, calls := helloFunction(t)
	one, two := gatewaytest.Start(t, onCluster(cluster)), gatewaytest.Start(t, onCluster(cluster))
	subscribe(one, "hello", hello.URL, "/hello")
	mustAsk(t, 201, http.MethodPost, one.Config+"/v1/spaces/default/subscriptions",
		fields{"functionId": "hello", "event": "user.created"})
	waitRevision(t, two, statusOf(t, one).Revision)

	stop := make(chan struct{})
	var running sync.WaitGroup
	halt := sync.OnceFunc(func() { close(stop); running.Wait() })
	t.Cleanup(halt)
	traffic := &traffic{}
	var writers []*functionWriter
	var made, refused []*atomic.Int64
	for i, g := range []*gatewaytest.Gateway{one, two, one, two} {
		running.Go(func() { traffic.run(t, g, stop) })
		w := &functionWriter{name: fmt.Sprintf("w%d", i), config: g.Config}
		writers, made, refused = append(writers, w), append(made, &w.made), append(refused, &w.refused)
		running.Go(func() { w.run(t, stop) })
	}
	goOn := func(phase string) {
		t.Helper()
		more(t, phase, 5, made...)
		more(t, phase, 100, &traffic.answered)
	}
	goOn("before")
	for i := range 3 {
		cluster.Kill(i)
		goOn(fmt.Sprintf("member %d away", i))
		cluster.Restart(i)
		goOn(fmt.Sprintf("member %d back", i))
	}
	t.Logf("three members, each killed and restarted: %s; %s", traffic, summary(writers))

	cluster.Kill()
	for _, g := range []*gatewaytest.Gateway{one, two} {
		s := waitState(t, g, "disconnected")
		if !s.Loaded || s.Store.Since.IsZero() || time.Since(s.Store.Since) > 5*time.Minute || s.Store.Error == "" {
			t.Errorf("without etcd the status is %+v", s)
		}
	}
	more(t, "without etcd", 1, refused...)
	more(t, "without etcd", 200, &traffic.answered)
	refuseQuickly(t, one)
	three := startOnCopy(t, one, cluster)
	t.Logf("all members away: %s; %s", traffic, summary(writers))

	cluster.Restart()
	for _, g := range []*gatewaytest.Gateway{one, two, three} {
		waitState(t, g, "connected")
	}
	goOn("all back")
	// Changes pass between all of them again.
	last := mustAsk(t, 201, http.MethodPost, three.Config+"/v1/spaces/default/subscriptions",
		fields{"functionId": "hello", "event": "http", "method": "GET", "path": "/late"}).revision()
	for _, g := range []*gatewaytest.Gateway{one, two, three} {
		waitRevision(t, g, last)
		mustAsk(t, 200, http.MethodGet, g.Events+"/late", nil)
	}
	halt()
	t.Logf("at the end: %s; %s", traffic, summary(writers))
	if n := traffic.failed.Load(); n > 0 {
		t.Errorf("%d requests failed", n)
	}
	want := traffic.answered.Load() + traffic.accepted.Load() + 4 // one for /hello, three for /late
	gatewaytest.Eventually(t, patience, func() error {
		if n := calls.Load(); n != want {
			return fmt.Errorf("the function was called %d times, want %d", n, want)
		}
		return nil
	})
	verifyWrites(t, cluster, writers, one, two, three)
}

// refuseQuickly writes while etcd has been away for some time: a write then waits no longer than a moment.
func refuseQuickly(t *testing.T, g *gatewaytest.Gateway) {
	t.Helper()
	start := time.Now()
	mustAsk(t, 503, http.MethodPost, g.Config+"/v1/spaces/calm/functions",
		fields{"functionId": "fn", "type": "http", "provider": fields{"url": "http://127.0.0.1:1"}})
	took := time.Since(start)
	if took > 4*time.Second {
		t.Errorf("without etcd a write was refused after %s", took)
	}
	t.Logf("without etcd a write was refused after %s", took.Round(time.Millisecond))
}

// startOnCopy starts a gateway on a copy of what another keeps on disk, while etcd is away.
func startOnCopy(t *testing.T, of *gatewaytest.Gateway, cluster *etcdtest.Cluster) *gatewaytest.Gateway {
	t.Helper()
	revision := statusOf(t, of).Revision
	gatewaytest.Eventually(t, patience, func() error {
		if saved, err := savedRevision(of); err != nil || saved != revision {
			return fmt.Errorf("the saved copy is of revision %d, want %d: %w", saved, revision, err)
		}
		return nil
	})
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "data"), os.DirFS(filepath.Join(of.Dir, "data"))); err != nil {
		t.Fatal(err)
	}
	// The events that wait there are the other gateway's to deliver.
	if err := os.RemoveAll(filepath.Join(dir, "data", "jetstream")); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	g := gatewaytest.Start(t, onCluster(cluster), gatewaytest.Dir(dir))
	mustAsk(t, 200, http.MethodGet, g.Events+"/hello", nil)
	t.Logf("a new instance without etcd answered its first request after %s", time.Since(start).Round(time.Millisecond))
	s := waitState(t, g, "disconnected")
	if s.Revision != revision || !strings.Contains(s.Store.Error, "serving the copy saved at") {
		t.Errorf("without etcd a new instance's status is %+v, want revision %d and a word about the copy", s, revision)
	}
	const list = "/v1/spaces/load/functions"
	got, want := mustAsk(t, 200, http.MethodGet, g.Config+list, nil).body, mustAsk(t, 200, http.MethodGet, of.Config+list, nil).body
	if got != want {
		t.Errorf("from its copy the new instance lists %s, want %s", got, want)
	}
	return g
}

// savedRevision reads the revision of the copy a gateway saved last.
func savedRevision(g *gatewaytest.Gateway) (int64, error) {
	files, err := filepath.Glob(filepath.Join(g.Dir, "data", "snapshot-*.jsonl"))
	if err != nil || len(files) != 1 {
		return 0, fmt.Errorf("saved copies %v, want one", files)
	}
	file, err := os.Open(files[0])
	if err != nil {
		return 0, err
	}
	defer file.Close()
	line, err := bufio.NewReader(file).ReadBytes('\n')
	if err != nil {
		return 0, err
	}
	var header struct{ Revision int64 }
	return header.Revision, json.Unmarshal(line, &header)
}

// more waits until every counter has grown by n.
func more(t *testing.T, phase string, n int64, counters ...*atomic.Int64) {
	t.Helper()
	want := make([]int64, len(counters))
	for i, c := range counters {
		want[i] = c.Load() + n
	}
	gatewaytest.Eventually(t, 2*time.Minute, func() error {
		for i, c := range counters {
			if now := c.Load(); now < want[i] {
				return fmt.Errorf("%s: counter %d is at %d, want %d", phase, i, now, want[i])
			}
		}
		return nil
	})
}

// traffic counts what was sent to the Events API.
type traffic struct{ senders, answered, accepted, failed atomic.Int64 }

func (c *traffic) String() string {
	return fmt.Sprintf("%d requests answered, %d events accepted, %d failed", c.answered.Load(), c.accepted.Load(), c.failed.Load())
}

// run sends requests, and now and then an event, until stop is closed.
func (c *traffic) run(t *testing.T, g *gatewaytest.Gateway, stop <-chan struct{}) {
	key := fmt.Sprintf("%d-", c.senders.Add(1))
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	for n := 0; ; n++ {
		select {
		case <-stop:
			return
		case <-ticker.C:
		}
		var a answer
		var err error
		want, count := 200, &c.answered
		if n%10 == 9 {
			want, count = 202, &c.accepted
			// The key lets the client send again what it sent into a connection that a reload was just closing as idle.
			// Each sender has keys of its own: what another has sent is another event.
			a, err = ask(http.MethodPost, g.Events+"/", fields{"n": n}, "Event", "user.created", "Idempotency-Key", key+fmt.Sprint(n))
		} else {
			a, err = ask(http.MethodGet, g.Events+"/hello", nil)
		}
		if err == nil && a.status == want {
			count.Add(1)
		} else if c.failed.Add(1) <= 5 {
			t.Errorf("request %d: %d %s %v, want %d", n, a.status, a.body, err, want)
		}
	}
}

// TestStartWithoutAnything starts a gateway that has no saved copy while etcd is away.
func TestStartWithoutAnything(t *testing.T) {
	cluster := etcdtest.Start(t, etcdtest.Options{})
	hello, _ := helloFunction(t)
	first := gatewaytest.Start(t, onCluster(cluster))
	subscribe(first, "hello", hello.URL, "/hello")
	cluster.Kill()
	g := gatewaytest.Start(t, onCluster(cluster), gatewaytest.Unloaded())
	if a := mustAsk(t, 503, http.MethodGet, g.Events+"/hello", nil); a.header.Get("Retry-After") == "" {
		t.Errorf("a 503 without Retry-After: %s", a.body)
	}
	mustAsk(t, 503, http.MethodGet, g.Config+"/v1/spaces/default/functions", nil)
	if s := waitState(t, g, "disconnected"); s.Loaded {
		t.Errorf("the status is %+v, want it not loaded", s)
	}
	cluster.Restart()
	waitState(t, g, "connected")
	mustAsk(t, 200, http.MethodGet, g.Events+"/hello", nil)
}

// verifyWrites compares what the writers were told with what etcd holds, and with what every gateway shows.
func verifyWrites(t *testing.T, cluster *etcdtest.Cluster, writers []*functionWriter, gateways ...*gatewaytest.Gateway) {
	t.Helper()
	const prefix = "/event-gateway/v1/load/functions/"
	resp, err := cluster.Client().Get(t.Context(), prefix, clientv3.WithPrefix())
	if err != nil {
		t.Fatal(err)
	}
	stored := map[string]storedFunction{}
	for _, kv := range resp.Kvs {
		id := strings.TrimPrefix(string(kv.Key), prefix)
		stored[id] = storedFunction{puts: kv.Version, created: kv.CreateRevision, modified: kv.ModRevision}
	}
	known := 0
	for _, w := range writers {
		for _, f := range w.functions {
			if err := f.check(stored[f.id]); err != nil {
				t.Errorf("function %s: %v", f.id, err)
			}
			known++
			delete(stored, f.id)
		}
	}
	for id := range stored {
		t.Errorf("etcd holds %s, which nobody wrote", id)
	}
	t.Logf("%d functions: every one is in etcd as its writer was told", known)
	for _, g := range gateways {
		waitRevision(t, g, resp.Header.Revision)
		const path = "/v1/spaces/load/functions"
		var list struct{ Functions []struct{ FunctionID string } }
		if err := json.Unmarshal(g.Do(http.MethodGet, g.Config+path, nil, 200), &list); err != nil {
			t.Fatal(err)
		}
		if len(list.Functions) != len(resp.Kvs) {
			t.Errorf("a gateway lists %d functions, etcd holds %d", len(list.Functions), len(resp.Kvs))
			continue
		}
		for i, kv := range resp.Kvs { // both are ordered by id
			id := list.Functions[i].FunctionID
			tag := mustAsk(t, 200, http.MethodGet, g.Config+path+"/"+id, nil).header.Get("ETag")
			if prefix+id != string(kv.Key) || tag != fmt.Sprintf(`"%d"`, kv.ModRevision) {
				t.Errorf("a gateway shows %s %s where etcd has %s at %d", id, tag, kv.Key, kv.ModRevision)
			}
		}
	}
}
