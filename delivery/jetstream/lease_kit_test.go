package jetstream

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/eventgateway/eventgateway/integration/etcdtest"
)

// natsServer runs a server in the test's process that listens on a loopback port.
func natsServer(t testing.TB) *server.Server {
	t.Helper()
	srv, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: -1, NoSigs: true, NoLog: true, JetStream: true, StoreDir: t.TempDir(),
	})
	if err != nil {
		t.Fatal(err)
	}
	srv.Start()
	t.Cleanup(func() {
		srv.Shutdown()
		srv.WaitForShutdown()
	})
	if !srv.ReadyForConnections(patience) {
		t.Fatal("the server is not ready")
	}
	return srv
}

// referee watches that no two instances work on one partition at a time.
type referee struct {
	t       testing.TB
	mu      sync.Mutex
	holders map[int]*instance
	changed chan struct{}
}

func newReferee(t testing.TB) *referee {
	return &referee{t: t, holders: map[int]*instance{}, changed: make(chan struct{})}
}

func (r *referee) change(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
	close(r.changed)
	r.changed = make(chan struct{})
}

// await waits until the instances together work on all partitions, and each on so many of them.
func (r *referee) await(shares map[*instance]int) {
	r.t.Helper()
	deadline := time.After(2 * patience)
	for {
		r.mu.Lock()
		have, changed := map[*instance]int{}, r.changed
		for _, i := range r.holders {
			have[i]++
		}
		r.mu.Unlock()
		ok := true
		for i, want := range shares {
			ok = ok && have[i] == want
		}
		if ok {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			var names []string
			for i, n := range have {
				names = append(names, fmt.Sprint(i.name, "=", n))
			}
			slices.Sort(names)
			r.t.Fatalf("waited in vain for the shares; they are %s", strings.Join(names, " "))
		}
	}
}

// instance is one that shares partitions.
type instance struct {
	name   string
	ref    *referee
	nc     *nats.Conn
	leases *leases
	// leave ends it gracefully; done is closed when it has ended.
	leave context.CancelFunc
	done  chan struct{}
	err   error
}

const testPartitions = 7

// join has an instance share the partitions with the others of the referee.
func (r *referee) join(name, url string, ttl time.Duration) *instance {
	r.t.Helper()
	nc, err := nats.Connect(url, nats.MaxReconnects(-1), nats.ReconnectWait(20*time.Millisecond), nats.ReconnectBufSize(-1),
		nats.IgnoreDiscoveredServers())
	if err != nil {
		r.t.Fatal(err)
	}
	js, err := jetstream.New(nc)
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, leave := context.WithCancel(context.Background())
	kv, err := ensureBucket(ctx, js, names{"test"}, 0)
	if err != nil {
		r.t.Fatal(err)
	}
	i := &instance{name: name, ref: r, nc: nc, leave: leave, done: make(chan struct{})}
	i.leases = &leases{
		kv: kv, partitions: testPartitions, ttl: ttl, alive: context.Background(), take: i.take, drop: i.drop,
		logger: slog.New(slog.NewTextHandler(r.t.Output(), nil)).With("instance", name),
	}
	go func() {
		defer close(i.done)
		i.err = i.leases.run(ctx)
	}()
	r.t.Cleanup(func() {
		leave()
		<-i.done
		nc.Close()
	})
	return i
}

func (i *instance) take(partition int) {
	i.ref.change(func() {
		if other := i.ref.holders[partition]; other != nil {
			i.ref.t.Errorf("%s takes partition %d while %s works on it", i.name, partition, other.name)
		}
		i.ref.holders[partition] = i
	})
}

func (i *instance) drop(_ context.Context, partitions []int) {
	i.ref.change(func() {
		for _, partition := range partitions {
			if i.ref.holders[partition] != i {
				i.ref.t.Errorf("%s drops partition %d, on which it does not work", i.name, partition)
			}
			delete(i.ref.holders, partition)
		}
	})
}

// crash ends an instance without telling the others.
func (i *instance) crash() {
	i.nc.Close()
	<-i.done
}

// behind returns a proxy to a server, and its URL.
func behind(t testing.TB, srv *server.Server) (*etcdtest.Proxy, string) {
	return proxied(t, srv.ClientURL())
}

// proxied returns a proxy to the server with a URL, and its own URL.
func proxied(t testing.TB, url string) (*etcdtest.Proxy, string) {
	t.Helper()
	proxy := etcdtest.NewProxy(t, url)
	return proxy, strings.Replace(proxy.Endpoint(), "http://", "nats://", 1)
}

// long tells that tests are to be run in full length.
func long() bool { return os.Getenv("EVENT_GATEWAY_LONG") != "" }
