package integration

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/eventgateway/eventgateway/integration/certtest"
	"github.com/eventgateway/eventgateway/integration/etcdtest"
	"github.com/eventgateway/eventgateway/integration/gatewaytest"
)

// reloadOnCluster loads the default Caddyfile with another etcd block.
func reloadOnCluster(t *testing.T, g *gatewaytest.Gateway, cluster *etcdtest.Cluster, lines ...string) {
	t.Helper()
	block := "etcd " + strings.Join(cluster.Endpoints(), " ") + " {\n" + strings.Join(lines, "\n") + "\n}"
	if status, body := g.Reload(strings.Replace(gatewaytest.DefaultCaddyfile, "{{.Extra.app}}", block, 1)); status != 200 {
		t.Fatalf("reload: %d %s", status, body)
	}
}

// keepServing sends requests until the function it returns is called, which fails the test if one was not answered.
func keepServing(t *testing.T, g *gatewaytest.Gateway) (served *traffic, end func()) {
	t.Helper()
	served = &traffic{}
	stop := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() { served.run(t, g, stop) })
	end = sync.OnceFunc(func() { close(stop); running.Wait() })
	t.Cleanup(end)
	return served, end
}

// writable waits until a gateway takes a write again.
func writable(t *testing.T, g *gatewaytest.Gateway, id string) {
	t.Helper()
	gatewaytest.Eventually(t, time.Minute, func() error {
		a, err := ask(http.MethodPost, g.Config+"/v1/spaces/default/functions",
			fields{"functionId": id, "type": "http", "provider": fields{"url": "http://127.0.0.1:1"}})
		if err != nil || a.status != 201 {
			return fmt.Errorf("%d %s: %w", a.status, a.body, err)
		}
		return nil
	})
}

// TestPasswordChange changes the password of the gateway's user, first in etcd and then, by a reload, in the gateway.
func TestPasswordChange(t *testing.T) {
	cluster := etcdtest.Start(t, etcdtest.Options{})
	root := enableAuth(t, cluster, "gateway", "first-marker")
	hello, _ := helloFunction(t)
	g := gatewaytest.Start(t, onCluster(cluster, "username gateway", "password {env.ETCD_PASSWORD}"),
		gatewaytest.Env("ETCD_PASSWORD", "first-marker"))
	subscribe(g, "hello", hello.URL, "/hello")
	served, end := keepServing(t, g)
	more(t, "before", 50, &served.answered)

	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := root.UserChangePassword(ctx, "gateway", "second-marker"); err != nil {
		t.Fatal(err)
	}
	refused := mustAsk(t, 503, http.MethodPost, g.Config+"/v1/spaces/default/functions",
		fields{"functionId": "refused", "type": "http", "provider": fields{"url": "http://127.0.0.1:1"}})
	if !strings.Contains(refused.body, "refuses the username or password; nothing was written") {
		t.Errorf("with the old password a write is answered with %s", refused.body)
	}
	more(t, "with the old password", 50, &served.answered)
	reloadOnCluster(t, g, cluster, "username gateway", "password second-marker")
	writable(t, g, "after-reload")
	waitState(t, g, "connected")
	more(t, "after", 50, &served.answered)

	// What others write arrives again.
	other := gatewaytest.Start(t, onCluster(cluster, "username gateway", "password second-marker"))
	last := mustAsk(t, 201, http.MethodPost, other.Config+"/v1/spaces/default/subscriptions",
		fields{"functionId": "hello", "event": "http", "method": "GET", "path": "/other"}).revision()
	waitRevision(t, g, last)
	mustAsk(t, 200, http.MethodGet, g.Events+"/other", nil)
	mustAsk(t, 404, http.MethodGet, g.Config+"/v1/spaces/default/functions/refused", nil)
	end()
	t.Logf("while the password changed: %s", served)
	status := string(g.Do(http.MethodGet, g.Config+"/v1/status", nil, 200))
	for _, text := range []string{g.Log(), other.Log(), refused.body, status} {
		if strings.Contains(text, "-marker") {
			t.Errorf("a password is shown: %s", text)
		}
	}
}

// enableAuth makes a user who may use what belongs to the gateway, turns authentication on, and returns a client for root.
func enableAuth(t *testing.T, cluster *etcdtest.Cluster, user, password string) *clientv3.Client {
	t.Helper()
	client := cluster.Client()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	const from = "/event-gateway/v1/"
	for _, step := range []func() error{
		func() error { _, err := client.RoleAdd(ctx, "gateway"); return err },
		func() error {
			_, err := client.RoleGrantPermission(ctx, "gateway", from, clientv3.GetPrefixRangeEnd(from),
				clientv3.PermissionType(clientv3.PermReadWrite))
			return err
		},
		func() error { _, err := client.RoleAdd(ctx, "root"); return err },
		func() error { _, err := client.UserAdd(ctx, "root", "root"); return err },
		func() error { _, err := client.UserGrantRole(ctx, "root", "root"); return err },
		func() error { _, err := client.UserAdd(ctx, user, password); return err },
		func() error { _, err := client.UserGrantRole(ctx, user, "gateway"); return err },
		func() error { _, err := client.AuthEnable(ctx); return err },
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	root, err := clientv3.New(clientv3.Config{
		Endpoints: cluster.Endpoints(), Username: "root", Password: "root", Logger: zap.NewNop(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return root
}

// TestEtcdClientCertificates has etcd accept nobody without a certificate, and renews the gateway's by a reload.
func TestEtcdClientCertificates(t *testing.T) {
	ca := certtest.NewCA(t)
	cert, key := ca.Issue("etcd")
	cluster := etcdtest.Start(t, etcdtest.Options{
		TLS:    &etcdtest.ServerTLS{CertFile: cert, KeyFile: key, ClientCAFile: ca.File},
		Client: ca.ClientConfig("test"),
	})
	tls := func(name string) string {
		cert, key := ca.Issue(name)
		return "tls {\nca " + ca.File + "\ncert " + cert + " " + key + "\n}"
	}
	hello, _ := helloFunction(t)
	g := gatewaytest.Start(t, onCluster(cluster, tls("gateway")))
	subscribe(g, "hello", hello.URL, "/hello")
	served, end := keepServing(t, g)
	more(t, "before", 50, &served.answered)
	reloadOnCluster(t, g, cluster, tls("renewed"))
	gatewaytest.Eventually(t, patience, func() error {
		if !strings.Contains(g.Log(), "connected to etcd with new settings") {
			return fmt.Errorf("the gateway has not changed to its new certificate")
		}
		return nil
	})
	writable(t, g, "after-reload")
	waitState(t, g, "connected")
	more(t, "after", 50, &served.answered)
	end()
	t.Logf("while the certificate changed: %s", served)

	// Without a certificate there is no way in, and the status says so.
	outside := gatewaytest.Start(t, onCluster(cluster, "tls {\nca "+ca.File+"\n}"), gatewaytest.Unloaded())
	waitState(t, outside, "disconnected")
	gatewaytest.Eventually(t, patience, func() error {
		// An attempt may also end before etcd's reason has arrived, and what is written then fails in its place.
		s := statusOf(t, outside)
		if s.Loaded || !strings.Contains(s.Store.Error, "certificate required") && !strings.Contains(s.Store.Error, "demand a client certificate") {
			return fmt.Errorf("without a certificate the status is %+v", s)
		}
		return nil
	})
}

// TestFailedReloadKeepsEtcdPassword reloads with another password, and with a plugin that keeps that configuration from starting.
func TestFailedReloadKeepsEtcdPassword(t *testing.T) {
	cluster := etcdtest.Start(t, etcdtest.Options{})
	enableAuth(t, cluster, "gateway", "right-marker")
	g := gatewaytest.Start(t, onCluster(cluster, "username gateway", "password right-marker"))
	block := "etcd " + strings.Join(cluster.Endpoints(), " ") + " {\nusername gateway\npassword wrong-marker\n}\n" +
		"plugin external {\ncommand /bin/false\n}"
	status, body := g.Reload(strings.Replace(gatewaytest.DefaultCaddyfile, "{{.Extra.app}}", block, 1))
	if status != 400 || !strings.Contains(body, "starting the plugins") {
		t.Fatalf("reload: %d %s", status, body)
	}
	// The wrong password was tried meanwhile, or would have been; the right one is again what it connects with.
	gatewaytest.Eventually(t, patience, func() error {
		if !strings.Contains(g.Log(), "connected to etcd with new settings") {
			return fmt.Errorf("the gateway has not gone back to its password")
		}
		return nil
	})
	writable(t, g, "after-reload")
	waitState(t, g, "connected")
}
