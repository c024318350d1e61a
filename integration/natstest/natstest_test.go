package natstest_test

import (
	"context"
	"crypto/tls"
	"os"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/eventgateway/eventgateway/integration/certtest"
	"github.com/eventgateway/eventgateway/integration/natstest"
	"github.com/eventgateway/eventgateway/integration/processtest"
)

const deadline = 60 * time.Second

func TestMain(m *testing.M) { os.Exit(processtest.Run(m)) }

func stream(t *testing.T, conn *nats.Conn, replicas int) jetstream.JetStream {
	t.Helper()
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	if _, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: "s", Subjects: []string{"s.>"}, Replicas: replicas}); err != nil {
		t.Fatal(err)
	}
	return js
}

// publish publishes until the cluster takes it.
func publish(t *testing.T, js jetstream.JetStream) uint64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	for {
		attempt, done := context.WithTimeout(ctx, time.Second)
		ack, err := js.Publish(attempt, "s.a", nil)
		done()
		if err == nil {
			return ack.Sequence
		}
		if ctx.Err() != nil {
			t.Fatal(err)
		}
	}
}

func TestSingle(t *testing.T) {
	c := natstest.Start(t, natstest.Options{})
	js := stream(t, c.Connect(), 1)
	if seq := publish(t, js); seq != 1 {
		t.Fatalf("sequence %d", seq)
	}
	c.Kill()
	c.Restart()
	if seq := publish(t, js); seq != 2 {
		t.Fatalf("sequence %d after a restart", seq)
	}
	if leader := c.StreamLeader("s"); leader != 0 {
		t.Errorf("leader %d of a member alone", leader)
	}
	if leader := c.StreamLeader("other"); leader != -1 {
		t.Errorf("leader %d of a stream that does not exist", leader)
	}
}

func TestClusterLosesItsLeader(t *testing.T) {
	c := natstest.Start(t, natstest.Options{Size: 3})
	js := stream(t, c.Connect(), 3)
	first := publish(t, js)
	leader := c.StreamLeader("s")
	if leader < 0 {
		t.Fatal("no leader")
	}
	c.Kill(leader)
	if seq := publish(t, js); seq <= first {
		t.Fatalf("sequence %d after %d", seq, first)
	}
	if now := c.StreamLeader("s"); now == leader || now < 0 {
		t.Errorf("leader %d after %d was killed", now, leader)
	}
	c.Restart(leader)
	c.Stop()
	c.Restart()
	publish(t, js)
}

func TestLogin(t *testing.T) {
	ca := certtest.NewCA(t)
	cert, key := ca.Issue("server")
	files := &natstest.ServerTLS{CertFile: cert, KeyFile: key, ClientCAFile: ca.File}
	secure := func(name string) nats.Option {
		return func(o *nats.Options) error {
			o.Secure, o.TLSConfig = true, ca.ClientConfig(name)
			return nil
		}
	}
	for _, test := range []struct {
		name    string
		options natstest.Options
		other   nats.Option
	}{
		{"password", natstest.Options{Username: "u", Password: "p"}, nats.UserInfo("u", "other")},
		{"token", natstest.Options{Token: "t"}, nats.Token("other")},
		{
			"certificate",
			natstest.Options{TLS: files, Client: []nats.Option{secure("client")}},
			nats.Secure(&tls.Config{MinVersion: tls.VersionTLS12}),
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := natstest.Start(t, test.options)
			publish(t, stream(t, c.Connect(), 1))
			if conn, err := nats.Connect(c.URL(0)); err == nil {
				conn.Close()
				t.Error("let in without a login")
			}
			if conn, err := nats.Connect(c.URL(0), test.other); err == nil {
				conn.Close()
				t.Error("let in with a wrong login")
			}
		})
	}
}
