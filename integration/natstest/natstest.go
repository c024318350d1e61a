// Package natstest runs real nats-server processes with JetStream on loopback ports for tests: one alone, or a cluster.
package natstest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/eventgateway/eventgateway/integration/processtest"
)

// deadline bounds every wait; a machine under load takes its time.
const deadline = 60 * time.Second

// Options says what kind of cluster to start.
type Options struct {
	// Size is the number of members. Default: 1.
	Size int
	// Username and Password, or Token, are what clients have to log in with. Default: nothing.
	Username, Password, Token string
	// TLS, when set, has members serve clients over TLS only, with this certificate.
	TLS *ServerTLS
	// Config is added to every member's configuration file.
	Config string
	// Client is what Cluster.Connect needs beside the login to reach the members, such as nats.Secure.
	Client []nats.Option
}

// ServerTLS are the files of members that serve TLS.
type ServerTLS struct {
	CertFile, KeyFile string
	// ClientCAFile, when set, has members ask for client certificates signed by it.
	ClientCAFile string
}

// Cluster is a number of nats-server processes.
type Cluster struct {
	t       testing.TB
	options Options
	members []*member
	running processtest.Group
}

type member struct {
	name                    string
	client, route, monitor  int
	dir, configFile, logged string
}

var server = processtest.Program{Package: "github.com/nats-io/nats-server/v2"}

// Start starts a cluster and waits until its JetStream serves. It ends with the test.
func Start(t testing.TB, options Options) *Cluster {
	t.Helper()
	c := &Cluster{t: t, options: options}
	server.Build(t)
	ports := processtest.FreePorts(t, 3*max(options.Size, 1))
	for i := range max(options.Size, 1) {
		dir := t.TempDir()
		c.members = append(c.members, &member{
			name: fmt.Sprintf("m%d", i), client: ports[3*i], route: ports[3*i+1], monitor: ports[3*i+2],
			dir:        filepath.Join(dir, "data"),
			configFile: filepath.Join(dir, "nats.conf"), logged: filepath.Join(dir, "log"),
		})
	}
	for _, m := range c.members {
		if err := os.WriteFile(m.configFile, []byte(c.config(m)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c.running = make(processtest.Group, len(c.members))
	t.Cleanup(func() { c.Kill() })
	c.Restart()
	return c
}

// URLs are the members' addresses, without logins.
func (c *Cluster) URLs() []string {
	urls := make([]string, len(c.members))
	for i := range c.members {
		urls[i] = c.URL(i)
	}
	return urls
}

// URL is the address of one member, without a login.
func (c *Cluster) URL(index int) string {
	return fmt.Sprintf("nats://127.0.0.1:%d", c.members[index].client)
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
		return processtest.Start(c.t, m.logged, server.Build(c.t), "-c", m.configFile)
	}, indexes...)
}

// Kill ends the members with these indexes, or all, at once, as a crash does.
func (c *Cluster) Kill(indexes ...int) { c.running.Kill(indexes...) }

// Stop ends the members with these indexes, or all, as a shutdown does.
func (c *Cluster) Stop(indexes ...int) { c.running.Stop(indexes...) }

// StoreDir is where a member keeps its data. Copy it or put another in its place only while the member does not run.
func (c *Cluster) StoreDir(index int) string { return c.members[index].dir }

// Login are the options of a client with which members let it in.
func (c *Cluster) Login() []nats.Option {
	opts := append([]nats.Option{}, c.options.Client...)
	switch {
	case c.options.Token != "":
		opts = append(opts, nats.Token(c.options.Token))
	case c.options.Username != "":
		opts = append(opts, nats.UserInfo(c.options.Username, c.options.Password))
	}
	return opts
}

// Connect returns a connection to the cluster that comes back for ever. It is closed when the test ends.
func (c *Cluster) Connect(opts ...nats.Option) *nats.Conn {
	c.t.Helper()
	all := append(c.Login(), nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond))
	servers := nats.GetDefaultOptions()
	servers.Servers = c.URLs()
	for _, opt := range append(all, opts...) {
		if err := opt(&servers); err != nil {
			c.t.Fatal(err)
		}
	}
	conn, err := servers.Connect()
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(conn.Close)
	return conn
}

// WaitServing waits until every member that runs is ready and, in a cluster, knows the leader of JetStream.
func (c *Cluster) WaitServing() {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	for i, m := range c.members {
		for c.running[i] != nil {
			err := m.healthy(ctx)
			if err == nil {
				break
			}
			if ctx.Err() != nil {
				c.t.Fatalf("%s does not serve: %v\n%s", m.name, err, c.logs())
			}
			select {
			case <-time.After(20 * time.Millisecond):
			case <-c.running[i].Ended():
				c.t.Fatalf("%s has ended\n%s", m.name, c.logs())
			}
		}
	}
}
