// Package etcdtest runs clusters of real etcd processes on loopback ports for tests.
package etcdtest

import (
	"context"
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"

	"github.com/eventgateway/eventgateway/integration/processtest"
)

// deadline bounds every wait; a machine under load takes its time.
const deadline = 60 * time.Second

// Options says what kind of cluster to start.
type Options struct {
	// Size is the number of members. Default: 1.
	Size int
	// Args are added to every member's command line.
	Args []string
	// TLS, when set, has members serve clients over TLS only, with this certificate.
	TLS *ServerTLS
	// Client is what Cluster.Client needs to reach members that serve TLS.
	Client *tls.Config
}

// ServerTLS are the files of members that serve TLS.
type ServerTLS struct {
	CertFile, KeyFile string
	// ClientCAFile, when set, has members ask for client certificates signed by it.
	ClientCAFile string
}

// Cluster is a number of etcd processes.
type Cluster struct {
	t       testing.TB
	options Options
	members []*member
	running processtest.Group
	token   string
}

type member struct {
	name         string
	client, peer string
	dir          string
}

var server = processtest.Program{Package: "go.etcd.io/etcd/server/v3"}

// Start starts a cluster and waits until it serves. It ends with the test.
func Start(t testing.TB, options Options) *Cluster {
	t.Helper()
	c := &Cluster{t: t, options: options, token: fmt.Sprintf("etcdtest-%d", time.Now().UnixNano())}
	server.Build(t)
	ports := processtest.FreePorts(t, 2*max(options.Size, 1))
	for i := range max(options.Size, 1) {
		scheme := "http"
		if options.TLS != nil {
			scheme = "https"
		}
		c.members = append(c.members, &member{
			name:   fmt.Sprintf("m%d", i),
			client: fmt.Sprintf("%s://127.0.0.1:%d", scheme, ports[2*i]),
			peer:   fmt.Sprintf("http://127.0.0.1:%d", ports[2*i+1]),
			dir:    filepath.Join(t.TempDir(), "data"),
		})
	}
	c.running = make(processtest.Group, len(c.members))
	t.Cleanup(func() { c.Kill() })
	c.Restart()
	return c
}

// Endpoints are the members' addresses.
func (c *Cluster) Endpoints() []string {
	endpoints := make([]string, len(c.members))
	for i, m := range c.members {
		endpoints[i] = m.client
	}
	return endpoints
}

// Restart starts the members with these indexes, or all, where they left off, and waits until the cluster serves.
func (c *Cluster) Restart(indexes ...int) {
	c.t.Helper()
	c.Launch(indexes...)
	c.WaitServing()
}

// Launch is Restart without the wait.
func (c *Cluster) Launch(indexes ...int) {
	c.t.Helper()
	c.running.Launch(func(i int) *processtest.Process {
		m := c.members[i]
		return processtest.Start(c.t, m.dir+".log", server.Build(c.t), c.args(m)...)
	}, indexes...)
}

func (c *Cluster) args(m *member) []string {
	var all []string
	for _, other := range c.members {
		all = append(all, other.name+"="+other.peer)
	}
	args := []string{
		"--name", m.name, "--data-dir", m.dir, "--listen-client-urls", m.client, "--advertise-client-urls", m.client,
		"--listen-peer-urls", m.peer, "--initial-advertise-peer-urls", m.peer,
		"--initial-cluster", strings.Join(all, ","), "--initial-cluster-token", c.token,
		"--log-level", "warn",
	}
	// A member alone has nobody to wait for.
	if len(c.members) == 1 {
		args = append(args, "--heartbeat-interval", "10", "--election-timeout", "100")
	} else {
		args = append(args, "--heartbeat-interval", "50", "--election-timeout", "500")
	}
	if files := c.options.TLS; files != nil {
		args = append(args, "--cert-file", files.CertFile, "--key-file", files.KeyFile)
		if files.ClientCAFile != "" {
			args = append(args, "--client-cert-auth", "--trusted-ca-file", files.ClientCAFile)
		}
	}
	return append(args, c.options.Args...)
}

// Kill ends the members with these indexes, or all, at once, as a crash does.
func (c *Cluster) Kill(indexes ...int) { c.running.Kill(indexes...) }

// Stop ends the members with these indexes, or all, as a shutdown does.
func (c *Cluster) Stop(indexes ...int) { c.running.Stop(indexes...) }

// DataDir is where a member keeps its data. Copy it or put another in its place only while the member does not run.
func (c *Cluster) DataDir(index int) string { return c.members[index].dir }

// Client returns a client for the whole cluster. It is closed when the test ends.
func (c *Cluster) Client() *clientv3.Client {
	c.t.Helper()
	client := c.dial()
	c.t.Cleanup(func() { client.Close() })
	return client
}

// dial makes a client that soon tries again when a member does not listen yet.
func (c *Cluster) dial() *clientv3.Client {
	c.t.Helper()
	retry := backoff.Config{BaseDelay: 20 * time.Millisecond, Multiplier: 1.5, MaxDelay: time.Second}
	client, err := clientv3.New(clientv3.Config{
		Endpoints: c.Endpoints(), TLS: c.options.Client, Logger: zap.NewNop(),
		DialOptions: []grpc.DialOption{grpc.WithConnectParams(grpc.ConnectParams{Backoff: retry, MinConnectTimeout: time.Second})},
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return client
}

// WaitServing waits until the cluster answers a read that needs a majority.
func (c *Cluster) WaitServing() {
	c.t.Helper()
	client := c.dial()
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	for {
		attempt, done := context.WithTimeout(ctx, time.Second)
		_, err := client.Get(attempt, "health")
		done()
		// An error of etcd itself, such as about a missing login, is an answer too.
		if err == nil || strings.HasPrefix(err.Error(), "etcdserver: user name is empty") {
			return
		}
		if ctx.Err() != nil {
			c.t.Fatalf("etcd does not serve: %v\n%s", err, c.logs())
		}
	}
}

func (c *Cluster) logs() string {
	var all strings.Builder
	for _, m := range c.members {
		log, _ := os.ReadFile(m.dir + ".log")
		fmt.Fprintf(&all, "--- %s\n%s", m.name, log[max(0, len(log)-4096):])
	}
	return all.String()
}
