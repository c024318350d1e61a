package natsprovider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/integration/certtest"
	"github.com/eventgateway/eventgateway/providers"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// patience is how long anything that ought to happen soon may take on a busy machine.
const patience = 30 * time.Second

// serve runs a server with a configuration for the length of a test.
func serve(t *testing.T, config string) *server.Server {
	t.Helper()
	file := t.TempDir() + "/nats.conf"
	if err := os.WriteFile(file, []byte("listen: 127.0.0.1:-1\n"+config), 0o600); err != nil {
		t.Fatal(err)
	}
	options, err := server.ProcessConfigFile(file)
	if err != nil {
		t.Fatal(err)
	}
	options.NoLog, options.NoSigs, options.StoreDir = true, true, t.TempDir()
	return run(t, options)
}

func run(t *testing.T, options *server.Options) *server.Server {
	t.Helper()
	s, err := server.NewServer(options)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	if !s.ReadyForConnections(patience) {
		t.Fatal("the server does not start")
	}
	return s
}

// address is where a server is, host:port.
func address(s *server.Server) string { return s.Addr().String() }

// connect makes a connection beside the gateway's.
func connect(t *testing.T, s *server.Server, options ...nats.Option) *nats.Conn {
	t.Helper()
	c, err := nats.Connect("nats://"+address(s), options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// subscribe returns the messages of a subject, from now on.
func subscribe(t *testing.T, c *nats.Conn, subject string) <-chan *nats.Msg {
	t.Helper()
	messages := make(chan *nats.Msg, 1000)
	if _, err := c.ChanSubscribe(subject, messages); err != nil {
		t.Fatal(err)
	}
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
	return messages
}

// receive waits for a message.
func receive(t *testing.T, messages <-chan *nats.Msg) *nats.Msg {
	t.Helper()
	select {
	case m := <-messages:
		return m
	case <-time.After(patience):
		t.Fatal("no message came")
		return nil
	}
}

// answer has a subject answered.
func answer(t *testing.T, c *nats.Conn, subject string, with func(*nats.Msg) *nats.Msg) {
	t.Helper()
	if _, err := c.Subscribe(subject, func(m *nats.Msg) {
		if reply := with(m); reply != nil {
			_ = m.RespondMsg(reply)
		}
	}); err != nil {
		t.Fatal(err)
	}
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
}

// function opens a function for the length of a test. fields are those beside urls.
func function(t *testing.T, url, fields string) *providers.Handle {
	t.Helper()
	if !strings.Contains(url, "://") {
		url = "nats://" + url
	}
	h := providers.Open(&eventgateway.Function{
		Space: "test", ID: "fn", Type: "nats", Provider: json.RawMessage(fmt.Sprintf(`{"urls":[%q],%s}`, url, fields)),
	}, providers.Env{Space: "test", FunctionID: "fn", Logger: slog.New(slog.DiscardHandler), MaxResponse: 64 << 10})
	t.Cleanup(h.Close)
	return h
}

// call is a small event.
func call() *providers.Call {
	return &providers.Call{
		Payload: []byte(`{"data":"payload-m4rker"}`), ContentType: "application/json", Event: &eventgateway.Event{ID: "1", Type: "made"},
	}
}

// send is a call that has to succeed.
func send(t *testing.T, h *providers.Handle, c *providers.Call) *providers.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	result, err := h.Invoke(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// fail is a call that has to fail; its error shows no credential and no payload.
func fail(t *testing.T, h *providers.Handle, c *providers.Call) *providers.Error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	result, err := h.Invoke(ctx, c)
	e, ok := errors.AsType[*providers.Error](err)
	if !ok {
		t.Fatalf("got %v, error %v, want a *providers.Error", result, err)
	}
	for _, private := range []string{"s3cret", "m4rker"} {
		if strings.Contains(fmt.Sprint(e.Message, e.Err), private) {
			t.Errorf("the error shows %s: %v, %v", private, e, e.Err)
		}
	}
	return e
}

// expect checks a failure.
func expect(t *testing.T, e *providers.Error, failure providers.Failure, permanent bool, message string) {
	t.Helper()
	if e.Failure != failure || e.Permanent != permanent || !strings.Contains(e.Message, message) {
		t.Errorf("got %s, permanent %t: %v; want %s, %t: %s", e.Failure, e.Permanent, e, failure, permanent, message)
	}
}

// eventually waits for a condition that nothing signals.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !holds(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", patience, what)
		}
	}
}

// noClients waits until no client is kept.
func noClients(t *testing.T) {
	t.Helper()
	eventually(t, "no client is kept for no function", func() bool {
		clients.mu.Lock()
		defer clients.mu.Unlock()
		return len(clients.open) == 0
	})
}

// certificates are an authority's, and a pair that it issued.
type certificates struct {
	ca, certificate, key      string
	caFile, certFile, keyFile string
}

func newCertificates(t *testing.T) *certificates {
	t.Helper()
	ca := certtest.NewCA(t)
	c := &certificates{caFile: ca.File}
	c.certFile, c.keyFile = ca.Issue("gateway")
	c.ca, c.certificate, c.key = read(t, ca.File), read(t, c.certFile), read(t, c.keyFile)
	return c
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// secret is a line of the private key, which is how it would show.
func (c *certificates) secret() string { return strings.Split(c.key, "\n")[1] }

func quote(text string) string {
	quoted, _ := json.Marshal(text)
	return string(quoted)
}
