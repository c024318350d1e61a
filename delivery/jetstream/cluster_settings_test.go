package jetstream

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/delivery"
	"github.com/eventgateway/eventgateway/integration/natstest"
)

func TestClusterSettings(t *testing.T) {
	for _, test := range []struct {
		name string
		q    Queue
		want string
	}{
		{"no scheme", Queue{URLs: []string{"nats-1", "NATS-2:4333"}}, ""},
		{"schemes", Queue{URLs: []string{"nats://a:1", "tls://[::1]"}}, ""},
		{"all", Queue{URLs: []string{"a"}, Token: "x", Replicas: 5, Partitions: 256, TLS: &TLS{CA: "x", Cert: "y", Key: "z"}}, ""},
		{"login in a URL", Queue{URLs: []string{"nats://u:secret@a"}}, "urls: a login does not belong in a URL"},
		{"another scheme", Queue{URLs: []string{"https://a"}}, `urls: "https://a" is not accepted: want a URL such as nats://`},
		{"a path", Queue{URLs: []string{"nats://a/b"}}, "urls: "},
		{"a port", Queue{URLs: []string{"a:99999"}}, "urls: "},
		{"no host", Queue{URLs: []string{":4222"}}, "urls: "},
		{"an empty URL", Queue{URLs: []string{""}}, "urls: "},
		{"half a login", Queue{URLs: []string{"a"}, Password: "secret"}, "username and password go together"},
		{"two logins", Queue{URLs: []string{"a"}, Token: "secret", Credentials: "f"}, "exclude each other"},
		{"half a certificate", Queue{URLs: []string{"a"}, TLS: &TLS{Cert: "x"}}, "cert and key go together"},
		{"sync", Queue{URLs: []string{"a"}, Sync: SyncAlways}, "sync: not accepted beside urls"},
		{"reserve", Queue{URLs: []string{"a"}, Reserve: 1}, "reserve: not accepted beside urls"},
		{"replicas", Queue{URLs: []string{"a"}, Replicas: 6}, "replicas: 6 is not accepted: want 1 to 5"},
		{"partitions", Queue{URLs: []string{"a"}, Partitions: 257}, "partitions: 257 is not accepted: want 1 to 256"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := test.q.Validate()
			switch {
			case test.want == "":
				if err != nil {
					t.Error(err)
				}
			case err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "secret"):
				t.Errorf("error %v, want %q", err, test.want)
			case eventgateway.KindOf(err) != eventgateway.Invalid:
				t.Errorf("%v is of kind %d", err, eventgateway.KindOf(err))
			}
		})
	}
}

func TestClusterIdentity(t *testing.T) {
	env := delivery.Env{Name: "/event-gateway/v1"}
	id := func(q Queue) string { return q.Identity(env) }
	base := Queue{URLs: []string{"nats://a:4222", "b"}, Username: "u", Password: "p"}
	for _, same := range []Queue{
		{URLs: []string{"B:4222", "a"}, Username: "u2", Password: "p2"},
		{URLs: []string{"a", "b", "b"}, Username: "u", Password: "p", MaxBytes: 1 << 30, Replicas: 3},
	} {
		if id(same) != id(base) {
			t.Errorf("%q is not %q", id(same), id(base))
		}
	}
	for _, other := range []Queue{
		{},
		{URLs: []string{"a"}, Username: "u", Password: "p"},
		{URLs: []string{"a", "b"}, Token: "t"},
		{URLs: []string{"a", "b"}},
		{URLs: []string{"a", "b"}, Username: "u", Password: "p", TLS: &TLS{}},
	} {
		if id(other) == id(base) {
			t.Errorf("%+v is the same", other)
		}
	}
	if base.Identity(delivery.Env{Name: "/other"}) == id(base) {
		t.Error("another name is the same queue")
	}
	if strings.Contains(id(base), "p") && strings.Contains(id(base), "login=p") {
		t.Errorf("%q has the password", id(base))
	}
}

func TestFilesThatAreNotThere(t *testing.T) {
	dir := t.TempDir()
	junk := filepath.Join(dir, "junk")
	if err := os.WriteFile(junk, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	missing := filepath.Join(dir, "missing")
	for want, q := range map[string]Queue{
		"credentials: ":         {Credentials: missing},
		"credentials":           {Credentials: junk},
		"tls.ca: ":              {TLS: &TLS{CA: missing}},
		"no PEM certificate":    {TLS: &TLS{CA: junk}},
		"tls.cert and tls.key:": {TLS: &TLS{Cert: junk, Key: junk}},
	} {
		q.URLs = []string{"a"}
		l, err := q.Open(testEnv(t, dir))
		if err == nil {
			closeLog(t, l)
			t.Errorf("%+v was opened", q)
			continue
		}
		if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

func TestAServerThatIsTooOld(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				fmt.Fprintf(conn, "INFO {\"server_id\":\"x\",\"version\":\"2.11.9\",\"proto\":1,\"headers\":true,\"max_payload\":1048576}\r\n")
				for in := bufio.NewScanner(conn); in.Scan(); {
					if in.Text() == "PING" {
						fmt.Fprint(conn, "PONG\r\n")
					}
				}
			}()
		}
	}()
	n := openNode(t, &Queue{URLs: []string{l.Addr().String()}}, longTTL)
	eventually(t, "the reason", func() bool {
		return n.Status().Error == "the NATS server has version 2.11.9: want 2.12 or later"
	})
	for version, want := range map[string]bool{
		"2.12.0": true, "2.12.0-RC.1": true, "3.0.0": true, "v2.13.1": true, "2.9.99": false, "1.99.0": false, "dev": true,
	} {
		if got := versionAtLeast(version, 2, 12); got != want {
			t.Errorf("version %s: %t", version, got)
		}
	}
}

func TestSettingsThatTheClusterDoesNotTake(t *testing.T) {
	c, q := aCluster(t)
	n := openNode(t, &Queue{URLs: q.URLs, Replicas: 3}, longTTL)
	eventually(t, "the reason", func() bool { return strings.Contains(n.Status().Error, "replicas > 1 not supported") })
	closeLog(t, n.Log)

	first := openNode(t, &Queue{URLs: q.URLs, Partitions: 4}, longTTL)
	first.awaitShare(t, 4, 4)
	second := openNode(t, q, longTTL)
	eventually(t, "the reason", func() bool {
		return strings.Contains(second.Status().Error, "is divided into 4 partitions and cannot be changed: want partitions 4, not 16")
	})
	if err := first.Reconfigure(q); err == nil || !strings.Contains(err.Error(), "partitions: 16 is not accepted") {
		t.Errorf("Reconfigure: %v", err)
	}
	closeLog(t, second.Log)
	third := openNode(t, &Queue{URLs: q.URLs, Partitions: 4}, longTTL)
	third.awaitShare(t, 2, 2)

	// A name of its own keeps a gateway apart from the others.
	env := testEnv(t, t.TempDir())
	env.Name = "/elsewhere"
	apart, err := q.openClusterWith(env, longTTL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeLog(t, apart) })
	n = &node{apart, newSink()}
	apart.Start(n.sink)
	n.awaitShare(t, 16, 16)
	mustAppend(t, apart, "apart")
	n.awaitIDs(t, "apart")
	if len(first.ids())+len(third.ids()) != 0 {
		t.Error("the event of another gateway came by")
	}
	_ = c
}

func TestWithoutJetStream(t *testing.T) {
	c := natstest.Start(t, natstest.Options{Config: `accounts { A { users: [ { user: a, password: b } ] } }
no_auth_user: a`})
	n := openNode(t, &Queue{URLs: c.URLs()}, longTTL)
	eventually(t, "the reason", func() bool { return strings.Contains(n.Status().Error, "not enabled") })
}
