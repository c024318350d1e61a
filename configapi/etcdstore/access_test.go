package etcdstore_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/configapi"
	"github.com/eventgateway/eventgateway/configapi/etcdstore"
	"github.com/eventgateway/eventgateway/integration/certtest"
	"github.com/eventgateway/eventgateway/integration/etcdtest"
)

// withAuth turns authentication on, with users who may use the default prefix only.
func withAuth(t *testing.T, client *clientv3.Client, users ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(client.RoleAdd(ctx, "gateway"))
	must(client.RoleGrantPermission(ctx, "gateway", "/event-gateway/v1/", clientv3.GetPrefixRangeEnd("/event-gateway/v1/"),
		clientv3.PermissionType(clientv3.PermReadWrite)))
	must(client.RoleAdd(ctx, "root"))
	must(client.UserAdd(ctx, "root", "root-secret"))
	must(client.UserGrantRole(ctx, "root", "root"))
	for _, user := range users {
		must(client.UserAdd(ctx, user, user+"-secret"))
		must(client.UserGrantRole(ctx, user, "gateway"))
	}
	must(client.AuthEnable(ctx))
}

func TestUserAndPassword(t *testing.T) {
	cluster := etcdtest.Start(t, etcdtest.Options{})
	withAuth(t, cluster.Client(), "one", "two")
	cfg := etcdstore.Config{Endpoints: cluster.Endpoints(), DataDir: t.TempDir(), Username: "one", Password: "wrong-secret"}

	var logs bytes.Buffer
	into := newSink()
	s, err := etcdstore.Open(cfg, into, slog.New(slog.NewTextHandler(&logs, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if err != nil {
		t.Fatal(err)
	}
	if status := waitState(t, s, "disconnected"); !strings.Contains(status.Error, "refuses the username or password") {
		t.Errorf("status %+v", status)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	_, err = s.Commit(ctx, configapi.Write{Space: "default", Puts: []configapi.Put{put("a", "1")}})
	if eventgateway.KindOf(err) != eventgateway.Unavailable || !strings.Contains(err.Error(), "nothing was written") ||
		!strings.Contains(err.Error(), "refuses the username or password") {
		t.Errorf("commit: %v", err)
	}
	cfg.Password = "one-secret"
	if err := s.Reconfigure(cfg); err != nil {
		t.Fatal(err)
	}
	waitReady(t, s)
	commit(t, s, into, []configapi.Put{put("a", "1")})

	// After a restart etcd knows no login any more.
	cluster.Kill()
	cluster.Restart()
	commit(t, s, into, []configapi.Put{put("a", "2")})
	waitState(t, s, "connected")

	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	into.check(t)
	if strings.Contains(logs.String(), "secret") {
		t.Errorf("a password is in the log:\n%s", logs.String())
	}

	t.Run("without permission", func(t *testing.T) {
		cfg := cfg
		cfg.Prefix, cfg.DataDir = "/elsewhere", t.TempDir()
		s := open(t, cfg, newSink())
		if status := waitState(t, s, "disconnected"); !strings.Contains(status.Error, "denies the permission") {
			t.Errorf("status %+v", status)
		}
	})
	t.Run("without login", func(t *testing.T) {
		s := open(t, etcdstore.Config{Endpoints: cluster.Endpoints(), DataDir: t.TempDir()}, newSink())
		if status := waitState(t, s, "disconnected"); !strings.Contains(status.Error, "wants a login") {
			t.Errorf("status %+v", status)
		}
	})
}

func TestReconfigureUnderLoad(t *testing.T) {
	cluster := etcdtest.Start(t, etcdtest.Options{})
	withAuth(t, cluster.Client(), "one", "two")
	cfg := etcdstore.Config{Endpoints: cluster.Endpoints(), DataDir: t.TempDir(), Username: "one", Password: "one-secret"}
	before := len(goroutines())
	into := newSink()
	s, err := etcdstore.Open(cfg, into, testLogger(t))
	if err != nil {
		t.Fatal(err)
	}
	waitReady(t, s)
	commit(t, s, into, []configapi.Put{put("first", "")})
	loads := into.loads

	stop := make(chan struct{})
	var running sync.WaitGroup
	w := &writer{store: s, sink: into, id: "w"}
	running.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				increment(t, s, into, w.id) // an error is a failure
				w.acked.Add(1)
			}
		}
	})
	for i := range 10 {
		user := []string{"two", "one"}[i%2]
		cfg.Username, cfg.Password = user, user+"-secret"
		if err := s.Reconfigure(cfg); err != nil {
			t.Fatal(err)
		}
		n := w.acked.Load()
		eventually(t, "writes", func() bool { return w.acked.Load() > n+5 })
	}
	// Settings that do not work leave the connection that does.
	wrong := cfg
	wrong.Password = "wrong"
	if err := s.Reconfigure(wrong); err != nil {
		t.Fatal(err)
	}
	n := w.acked.Load()
	eventually(t, "writes", func() bool { return w.acked.Load() > n+20 })
	if status := s.Status(); status.State != "connected" {
		t.Errorf("status %+v", status)
	}
	close(stop)
	running.Wait()
	if into.loads != loads {
		t.Errorf("listed again %d times", into.loads-loads)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	into.check(t)
	eventually(t, "goroutines to end", func() bool { return len(goroutines()) <= before })
}

func TestReconfigureRefusesAnotherStore(t *testing.T) {
	dir := t.TempDir()
	cfg := etcdstore.Config{Endpoints: []string{nowhere, "http://127.0.0.1:2"}, DataDir: dir}
	s := open(t, cfg, newSink())
	reordered := cfg
	reordered.Endpoints = []string{"127.0.0.1:2", nowhere}
	if err := s.Reconfigure(reordered); err != nil {
		t.Error(err)
	}
	for _, other := range []etcdstore.Config{
		{DataDir: dir},
		{Endpoints: []string{nowhere}, DataDir: dir},
		{Endpoints: cfg.Endpoints, Prefix: "/other", DataDir: dir},
		{Endpoints: cfg.Endpoints, DataDir: dir, DialTimeout: -1},
		{Endpoints: []string{"::"}, DataDir: dir},
	} {
		if err := s.Reconfigure(other); err == nil {
			t.Errorf("%+v was taken", other)
		}
	}
}

func TestClientCertificates(t *testing.T) {
	ca := certtest.NewCA(t)
	cert, certKey := ca.Issue("server")
	cluster := etcdtest.Start(t, etcdtest.Options{
		TLS:    &etcdtest.ServerTLS{CertFile: cert, KeyFile: certKey, ClientCAFile: ca.File},
		Client: ca.ClientConfig("test"),
	})
	cfg := etcdstore.Config{Endpoints: cluster.Endpoints(), DataDir: t.TempDir(), TLS: ca.ClientConfig("gateway")}
	s, into := openReady(t, cfg)
	commit(t, s, into, []configapi.Put{put("a", "1")})
	cfg.TLS = ca.ClientConfig("renewed")
	if err := s.Reconfigure(cfg); err != nil {
		t.Fatal(err)
	}
	commit(t, s, into, []configapi.Put{put("a", "2")})

	for _, test := range []struct {
		name string
		cfg  etcdstore.Config
		want string
	}{
		{"no client certificate", etcdstore.Config{TLS: ca.ClientConfig("")}, "certificate required"},
		{"another authority", etcdstore.Config{TLS: certtest.NewCA(t).ClientConfig("gateway")}, "unknown authority"},
		{"the system's authorities", etcdstore.Config{}, "unknown authority"},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.cfg.Endpoints, test.cfg.DataDir = cluster.Endpoints(), t.TempDir()
			s := open(t, test.cfg, newSink())
			eventually(t, "the reason", func() bool { return strings.Contains(s.Status().Error, test.want) })
			if state := s.Status().State; state != "disconnected" {
				t.Errorf("state %s", state)
			}
		})
	}
}

func TestCloseWhileConnecting(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	before := len(goroutines())
	for _, cfg := range []etcdstore.Config{
		{Endpoints: []string{nowhere}},
		{Endpoints: []string{silent.Addr().String()}},
		{Endpoints: []string{nowhere}, Username: "u", Password: "p"},
		{Endpoints: []string{silent.Addr().String()}, Username: "u", Password: "p"},
		{Endpoints: []string{"etcd.invalid:2379"}},
	} {
		t.Run(fmt.Sprint(cfg.Endpoints[0], " ", cfg.Username), func(t *testing.T) {
			for _, wait := range []bool{false, true} {
				cfg.DataDir = t.TempDir()
				s, err := etcdstore.Open(cfg, newSink(), testLogger(t))
				if err != nil {
					t.Fatal(err)
				}
				if wait && cfg.Endpoints[0] == nowhere {
					waitState(t, s, "disconnected")
				}
				ended := make(chan error)
				go func() {
					_, err := s.Commit(context.Background(), configapi.Write{Space: "default"})
					ended <- err
				}()
				start := time.Now()
				if err := s.Close(); err != nil {
					t.Error(err)
				}
				if took := time.Since(start); took > 20*time.Second {
					t.Errorf("closing took %s", took)
				}
				if err := <-ended; eventgateway.KindOf(err) != eventgateway.Unavailable {
					t.Errorf("commit: %v", err)
				}
				_, err = s.Commit(context.Background(), configapi.Write{Space: "default"})
				if eventgateway.KindOf(err) != eventgateway.Unavailable || !strings.Contains(err.Error(), "closed") {
					t.Errorf("commit after close: %v", err)
				}
			}
		})
	}
	eventually(t, "goroutines to end", func() bool { return len(goroutines()) <= before })
}
