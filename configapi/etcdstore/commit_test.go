package etcdstore_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/configapi"
	"github.com/eventgateway/eventgateway/configapi/etcdstore"
	"github.com/eventgateway/eventgateway/integration/etcdtest"
)

// everywhere runs a test with an embedded server and with a real one.
func everywhere(t *testing.T, test func(t *testing.T, cfg etcdstore.Config)) {
	t.Run("embedded", func(t *testing.T) { test(t, etcdstore.Config{DataDir: t.TempDir()}) })
	t.Run("cluster", func(t *testing.T) {
		test(t, etcdstore.Config{Endpoints: etcdtest.Start(t, etcdtest.Options{}).Endpoints(), DataDir: t.TempDir()})
	})
}

func TestCommit(t *testing.T) {
	everywhere(t, func(t *testing.T, cfg etcdstore.Config) {
		s, into := openReady(t, cfg)
		ctx := context.Background()

		first, err := s.Commit(ctx, configapi.Write{Space: "default", Puts: []configapi.Put{put("a", "1"), put("b", "1")}})
		if err != nil {
			t.Fatal(err)
		}
		into.waitRevision(t, first)
		if _, found, version := into.get("a"); !found || version != first {
			t.Errorf("a is there: %t, version %d, written at %d", found, version, first)
		}

		for _, version := range []int64{0, first - 1, first + 1} {
			overtaken, err := s.Commit(ctx, configapi.Write{Space: "default", Version: version, Puts: []configapi.Put{put("a", "x")}})
			if !errors.Is(err, configapi.ErrVersion) || version <= first && overtaken != first {
				t.Errorf("version %d: revision %d, %v", version, overtaken, err)
			}
		}

		second, err := s.Commit(ctx, configapi.Write{
			Space: "default", Version: first, Puts: []configapi.Put{put("a", "2")}, Deletes: []configapi.Key{key("b")},
		})
		if err != nil {
			t.Fatal(err)
		}
		into.waitRevision(t, second)
		a, _, version := into.get("a")
		if _, found, _ := into.get("b"); a != "2" || found || version != second {
			t.Errorf("a is %q, b is there: %t, version %d", a, found, version)
		}
		if e := into.entries[key("a")]; e.CreateRevision != first || e.ModRevision != second {
			t.Errorf("a was created at %d and changed at %d; want %d and %d", e.CreateRevision, e.ModRevision, first, second)
		}

		checked, err := s.Commit(ctx, configapi.Write{Space: "default", Version: second}) // without changes
		if err != nil || checked <= second {
			t.Fatalf("got revision %d after %d, %v", checked, second, err)
		}
		into.waitRevision(t, checked)
		if overtaken, err := s.Commit(ctx, configapi.Write{Space: "default", Version: second}); !errors.Is(err, configapi.ErrVersion) ||
			overtaken != checked {
			t.Errorf("the old version: revision %d, %v", overtaken, err)
		}
		if _, _, version := into.get("a"); version != checked || into.entries[key("a")].ModRevision != second {
			t.Errorf("version %d, want %d; a was changed at %d", version, checked, into.entries[key("a")].ModRevision)
		}

		other, err := s.Commit(ctx, configapi.Write{Space: "version", Puts: []configapi.Put{{
			Key: configapi.Key{Space: "version", Kind: configapi.Subscriptions, ID: "version"}, Value: []byte("v"),
		}}})
		if err != nil {
			t.Fatal(err)
		}
		into.waitRevision(t, other)
		if into.count() != 2 || into.versions["version"].ModRevision != other || into.version() != checked {
			t.Errorf("%d entries, versions %v", into.count(), into.versions)
		}
	})
}

func TestCommitRefuses(t *testing.T) {
	everywhere(t, func(t *testing.T, cfg etcdstore.Config) {
		s, into := openReady(t, cfg)
		large := func(size int) configapi.Write {
			return configapi.Write{Space: "default", Puts: []configapi.Put{put("a", strings.Repeat("x", size))}}
		}
		many := make([]configapi.Put, 200)
		for i := range many {
			many[i] = put(fmt.Sprint("f", i), "v")
		}
		for _, test := range []struct {
			name  string
			write configapi.Write
			want  string
		}{
			{"space", configapi.Write{Space: "a/b"}, `space: "a/b"`},
			{"no space", configapi.Write{}, `space: ""`},
			{"version", configapi.Write{Space: "default", Version: -1}, `version: "-1"`},
			{"id", configapi.Write{Space: "default", Puts: []configapi.Put{put("a/b", "")}}, `id: "a/b"`},
			{"other space", configapi.Write{Space: "other", Puts: []configapi.Put{put("a", "")}}, `space: "default"`},
			{"kind", configapi.Write{Space: "default", Deletes: []configapi.Key{{Space: "default", Kind: "x", ID: "a"}}}, `kind: "x"`},
			{"twice", configapi.Write{Space: "default", Puts: []configapi.Put{put("a", "")}, Deletes: []configapi.Key{key("a")}}, "twice"},
			{"size", large(3 << 20), "larger than etcd takes"},
			{"more size", large(70 << 20), "larger than etcd takes"},
			{"number", configapi.Write{Space: "default", Puts: many}, "larger than etcd takes"},
		} {
			_, err := s.Commit(context.Background(), test.write)
			if eventgateway.KindOf(err) != eventgateway.Invalid || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%s: %v", test.name, err)
			}
		}
		commit(t, s, into, []configapi.Put{put("last", "")})
		if into.count() != 1 {
			t.Errorf("%d entries, want 1", into.count())
		}
	})
}

// increment adds one to a counter that holds a number, as a client of two gateways would: look, then write.
func increment(t *testing.T, s *etcdstore.Store, into *sink, id string) {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	for ctx.Err() == nil {
		value, _, version := into.get(id)
		n, _ := strconv.Atoi(value)
		revision, err := s.Commit(ctx, configapi.Write{
			Space: "default", Version: version, Puts: []configapi.Put{put(id, strconv.Itoa(n+1))},
		})
		switch {
		case err == nil:
			into.waitRevision(t, revision)
			return
		case errors.Is(err, configapi.ErrVersion):
			into.waitRevision(t, revision)
		default:
			t.Errorf("commit: %v", err)
			return
		}
	}
	t.Error("no end of conflicts")
}

func TestConcurrentWritersDoNotOverwriteEachOther(t *testing.T) {
	const writers, each = 8, 30
	everywhere(t, func(t *testing.T, cfg etcdstore.Config) {
		stores, sinks := make([]*etcdstore.Store, 2), make([]*sink, 2)
		stores[0], sinks[0] = openReady(t, cfg)
		stores[1], sinks[1] = stores[0], sinks[0]
		if len(cfg.Endpoints) > 0 {
			cfg.DataDir = t.TempDir()
			stores[1], sinks[1] = openReady(t, cfg)
		}
		var all sync.WaitGroup
		for i := range writers {
			all.Go(func() {
				for range each {
					increment(t, stores[i%2], sinks[i%2], "counter")
				}
			})
		}
		all.Wait()
		for _, into := range sinks {
			into.until(t, "the last value", func() bool {
				return string(into.entries[key("counter")].Value) == strconv.Itoa(writers*each)
			})
		}
	})
}

func TestTwoStoresSeeEachOther(t *testing.T) {
	cluster := etcdtest.Start(t, etcdtest.Options{})
	a, intoA := openReady(t, etcdstore.Config{Endpoints: cluster.Endpoints(), DataDir: t.TempDir()})
	_, intoB := openReady(t, etcdstore.Config{Endpoints: cluster.Endpoints(), DataDir: t.TempDir()})
	_, apart := openReady(t, etcdstore.Config{Endpoints: cluster.Endpoints(), DataDir: t.TempDir(), Prefix: "apart"})
	for i := range 100 {
		revision := commit(t, a, intoA, []configapi.Put{put("f", strconv.Itoa(i))})
		intoB.waitRevision(t, revision)
		if value, _, _ := intoB.get("f"); value != strconv.Itoa(i) {
			t.Fatalf("the other store has %q after revision %d", value, revision)
		}
	}
	if apart.count() != 0 {
		t.Error("another prefix sees the entries too")
	}
}

func TestUnknownKeysAreLeftAlone(t *testing.T) {
	cluster := etcdtest.Start(t, etcdtest.Options{})
	client := cluster.Client()
	ctx := context.Background()
	foreign := []string{
		"/event-gateway/v1/default/plugins/user.created", "/event-gateway/v1/default/functions", "/event-gateway/v1/x",
		"/event-gateway/v1/default/functions/a/b", "/event-gateway/v1/default/eventtypes/a%2fb",
		"/event-gateway/v1/default/functions/", "/event-gateway/v10/default/functions/a",
	}
	for _, k := range foreign[:3] {
		if _, err := client.Put(ctx, k, "before"); err != nil {
			t.Fatal(err)
		}
	}
	s, into := openReady(t, etcdstore.Config{Endpoints: cluster.Endpoints(), DataDir: t.TempDir()})
	for _, k := range foreign {
		if _, err := client.Put(ctx, k, "after"); err != nil {
			t.Fatal(err)
		}
	}
	commit(t, s, into, []configapi.Put{put("a", "1")})
	if into.count() != 1 || len(into.versions) != 1 {
		t.Errorf("entries %v, versions %v", into.entries, into.versions)
	}
	for _, k := range foreign {
		if resp, err := client.Get(ctx, k); err != nil || len(resp.Kvs) != 1 {
			t.Errorf("%s is lost: %v", k, err)
		}
	}
}

// TestLostAnswer loses the answer to a write that etcd made: the store finds out that it happened, and it happens once.
func TestLostAnswer(t *testing.T) {
	cluster := etcdtest.Start(t, etcdtest.Options{})
	proxy := etcdtest.NewProxy(t, cluster.Endpoints()[0])
	s, into := openReady(t, etcdstore.Config{Endpoints: []string{proxy.Endpoint()}, DataDir: t.TempDir()})
	other, intoOther := openReady(t, etcdstore.Config{Endpoints: cluster.Endpoints(), DataDir: t.TempDir()})
	commit(t, s, into, []configapi.Put{put("f", "0")})

	for _, overwritten := range []int{0, 3, 1000} {
		t.Run(fmt.Sprint("overwritten ", overwritten), func(t *testing.T) {
			value := fmt.Sprint("lost ", overwritten)
			proxy.Silence()
			type result struct {
				revision int64
				err      error
			}
			results := make(chan result, 1)
			write := configapi.Write{Space: "default", Version: into.version(), Puts: []configapi.Put{put("f", value)}}
			go func() {
				revision, err := s.Commit(context.Background(), write)
				results <- result{revision, err}
			}()
			var made int64
			intoOther.until(t, "the write", func() bool {
				e := intoOther.entries[key("f")]
				made = e.ModRevision
				return string(e.Value) == value
			})
			for range overwritten {
				commit(t, other, intoOther, []configapi.Put{put("g", "by another")})
			}
			reads := rangesServed(t, cluster)
			proxy.Cut()
			proxy.Mend()
			got := <-results
			if reads = rangesServed(t, cluster) - reads; reads > 50 {
				t.Errorf("finding out took %d reads", reads)
			}
			if got.err != nil || got.revision != made {
				t.Fatalf("revision %d, %v; it happened at %d", got.revision, got.err, made)
			}
			commit(t, s, into, []configapi.Put{put("h", "1")})
			if e := into.entries[key("f")]; e.ModRevision != made {
				t.Errorf("f changed again at %d", e.ModRevision)
			}
		})
	}
}

// rangesServed tells how many reads a cluster of one has served so far.
func rangesServed(t *testing.T, cluster *etcdtest.Cluster) (n int) {
	t.Helper()
	resp, err := http.Get(cluster.Endpoints()[0] + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "grpc_server_started_total{") && strings.Contains(lines.Text(), `grpc_method="Range"`) {
			if n, err = strconv.Atoi(lines.Text()[strings.LastIndexByte(lines.Text(), ' ')+1:]); err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatal("etcd does not tell how many reads it served")
	return 0
}

// TestMemberThatDoesNotAnswer has one of two ways to etcd swallow every answer: a write goes the other way in time.
func TestMemberThatDoesNotAnswer(t *testing.T) {
	cluster := etcdtest.Start(t, etcdtest.Options{})
	mute, good := etcdtest.NewProxy(t, cluster.Endpoints()[0]), etcdtest.NewProxy(t, cluster.Endpoints()[0])
	s, into := openReady(t, etcdstore.Config{Endpoints: []string{mute.Endpoint(), good.Endpoint()}, DataDir: t.TempDir()})
	for i := range 10 { // until both ways are open
		commit(t, s, into, []configapi.Put{put("f", strconv.Itoa(i))})
	}
	version := into.version()
	mute.Silence()
	retried := false
	for i := range 4 {
		start := time.Now()
		write := configapi.Write{Space: "default", Version: version, Puts: []configapi.Put{put("g", strconv.Itoa(i))}}
		revision, err := s.Commit(t.Context(), write)
		took := time.Since(start)
		if err != nil || took > 4*time.Second {
			t.Errorf("write %d took %s: %v", i, took, err)
		}
		version, retried = revision, retried || took > time.Second
	}
	if !retried {
		t.Error("no write went the way without an answer")
	}
	mute.Cut()
	mute.Mend()
}

func TestErrorSaysWhetherItWasWritten(t *testing.T) {
	cluster := etcdtest.Start(t, etcdtest.Options{})
	proxy := etcdtest.NewProxy(t, cluster.Endpoints()[0])
	s, into := openReady(t, etcdstore.Config{Endpoints: []string{proxy.Endpoint()}, DataDir: t.TempDir()})
	commit(t, s, into, []configapi.Put{put("f", "0")})
	write := configapi.Write{Space: "default", Version: into.version(), Puts: []configapi.Put{put("f", "1")}}
	brief := func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
		defer cancel()
		_, err := s.Commit(ctx, write)
		return err
	}
	expect := func(err error, want string) {
		t.Helper()
		if eventgateway.KindOf(err) != eventgateway.Unavailable || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v; want it to say %q", err, want)
		}
	}
	// No answer comes, and none to the question after it.
	proxy.Silence()
	expect(brief(), "may have been written")
	// There is no connection to send anything over.
	proxy.Cut()
	waitState(t, s, "disconnected")
	expect(brief(), "nothing was written")
	proxy.Mend()
	waitState(t, s, "connected")
	// The caller goes away before anything is sent.
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := s.Commit(ctx, configapi.Write{Space: "default", Version: into.version(), Puts: []configapi.Put{put("z", "1")}})
	expect(err, "nothing was written")
	commit(t, s, into, []configapi.Put{put("g", "1")})
	if _, found, _ := into.get("z"); found {
		t.Error("written although the error says not")
	}
}
