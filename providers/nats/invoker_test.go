package natsprovider

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway/providers"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

func (c *certificates) login() []nats.Option {
	return []nats.Option{
		nats.RootCAs(c.caFile), nats.ClientCert(c.certFile, c.keyFile), nats.UserInfo("gateway", "password-s3cret"),
	}
}

func addStream(t *testing.T, c *nats.Conn, name string, subjects ...string) jetstream.Stream {
	t.Helper()
	js, err := jetstream.New(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	s, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: name, Subjects: subjects, MaxMsgSize: 10_000})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func headersOf(m *nats.Msg) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(m.Header)) {
		fmt.Fprintf(&b, "%s=%s\n", name, strings.Join(m.Header[name], "|"))
	}
	return b.String()
}

func TestPublish(t *testing.T) {
	s := serve(t, "")
	messages := subscribe(t, connect(t, s), "orders.*")
	h := function(t, address(s), `"subject":"orders.new"`)
	plain := call()
	plain.Header = http.Header{"Event-Gateway-Event-Id": {"1"}, "X-Tenant": {"7", "8"}}
	if got, want := string(send(t, h, plain).Body), `{"subject":"orders.new"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	m := receive(t, messages)
	if m.Subject != "orders.new" || !bytes.Equal(m.Data, plain.Payload) ||
		headersOf(m) != "Content-Type=application/json\nEvent-Gateway-Event-Id=1\nX-Tenant=7|8\n" {
		t.Errorf("got subject %s, data %s, headers\n%s", m.Subject, m.Data, headersOf(m))
	}
	binary := call()
	binary.ContentType = "text/plain"
	binary.Header = http.Header{"Ce-Specversion": {"1.0"}, "Ce-Subject": {"K%C3%A4se"}, "Traceparent": {"00-1-2-01"}}
	send(t, h, binary)
	if m := receive(t, messages); headersOf(m) !=
		"Content-Type=text/plain\nTraceparent=00-1-2-01\nce-datacontenttype=text/plain\nce-specversion=1.0\nce-subject=K%C3%A4se\n" {
		t.Errorf("got headers\n%s", headersOf(m))
	}
}

// A stream stores every delivery once, however often it is attempted.
func TestJetStream(t *testing.T) {
	s := serve(t, "jetstream {}")
	c := connect(t, s)
	stream := addStream(t, c, "ORDERS", "orders.>")
	h := function(t, address(s), `"subject":"orders.new","jetStream":true`)
	delivery := func(event, subscription string) *providers.Call {
		c := call()
		c.Header = http.Header{"Event-Gateway-Event-Id": {event}, "Event-Gateway-Subscription-Id": {subscription}, "Nats-Msg-Id": {"theirs"}}
		return c
	}
	for _, step := range []struct{ event, subscription, want string }{
		{"1", "a", `{"stream":"ORDERS","seq":1}`},
		{"1", "a", `{"stream":"ORDERS","seq":1,"duplicate":true}`},
		{"1", "b", `{"stream":"ORDERS","seq":2}`},
		{"2", "a", `{"stream":"ORDERS","seq":3}`},
	} {
		if got := string(send(t, h, delivery(step.event, step.subscription)).Body); got != step.want {
			t.Errorf("event %s by %s: got %s, want %s", step.event, step.subscription, got, step.want)
		}
	}
	if got, want := string(send(t, h, call()).Body), `{"stream":"ORDERS","seq":4}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	stored, err := stream.GetMsg(t.Context(), 4)
	if err != nil || stored.Header.Get("Nats-Msg-Id") != "1/fn" || !bytes.Equal(stored.Data, call().Payload) {
		t.Errorf("got %v, error %v", stored, err)
	}

	expect(t, fail(t, function(t, address(s), `"subject":"nobody","jetStream":true`), call()),
		providers.Unreachable, false, "no stream takes subject nobody")
	large := call()
	large.Payload = make([]byte, 20_000)
	expect(t, fail(t, h, large), providers.FunctionFailed, true, "larger than the stream")
	answer(t, c, "service", func(m *nats.Msg) *nats.Msg { return &nats.Msg{Data: m.Data} })
	expect(t, fail(t, function(t, address(s), `"subject":"service","jetStream":true`), call()), providers.BadAnswer, false, "is no stream")
}

func TestRequest(t *testing.T) {
	s := serve(t, "")
	c := connect(t, s)
	answer(t, c, "hello", func(m *nats.Msg) *nats.Msg {
		return &nats.Msg{Data: append([]byte("you said "), m.Data...), Header: nats.Header{"content-type": {"text/plain"}}}
	})
	result := send(t, function(t, address(s), `"subject":"hello","request":true`), call())
	if got := string(result.Body); got != `you said {"data":"payload-m4rker"}` || result.ContentType != "text/plain" {
		t.Errorf("got %s of type %q", got, result.ContentType)
	}

	answer(t, c, "failing", func(m *nats.Msg) *nats.Msg {
		return &nats.Msg{Data: m.Data, Header: nats.Header{"Nats-Service-Error": {string(m.Data)}, "Nats-Service-Error-Code": {"503"}}}
	})
	e := fail(t, function(t, address(s), `"subject":"failing","request":true`), call())
	expect(t, e, providers.FunctionFailed, false, "the function failed with code 503")
	if e.Status != 503 {
		t.Errorf("got status %d", e.Status)
	}
	answer(t, c, "worse", func(m *nats.Msg) *nats.Msg {
		return &nats.Msg{Header: nats.Header{"Nats-Service-Error": {string(m.Data)}}}
	})
	expect(t, fail(t, function(t, address(s), `"subject":"worse","request":true`), call()), providers.FunctionFailed, false, "the function failed")
	answer(t, c, "large", func(*nats.Msg) *nats.Msg { return &nats.Msg{Data: make([]byte, 64<<10+1)} })
	expect(t, fail(t, function(t, address(s), `"subject":"large","request":true`), call()), providers.BadAnswer, false, "larger than the 65536")
	expect(t, fail(t, function(t, address(s), `"subject":"nobody","request":true`), call()), providers.Unreachable, false,
		"nobody answers on subject nobody")

	// A service that does not answer costs its caller alone.
	hanging := subscribe(t, c, "hanging")
	h := function(t, address(s), `"subject":"hanging","request":true`)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		select {
		case <-hanging:
			cancel()
		case <-time.After(patience):
		}
	}()
	if _, err := h.Invoke(ctx, call()); providers.FailureOf(err) != providers.Canceled {
		t.Errorf("got error %v", err)
	}
	ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := h.Invoke(ctx, call()); providers.FailureOf(err) != providers.TimedOut {
		t.Errorf("got error %v", err)
	}
}

// A thousand functions have one connection, which is made with the first call, and goes with the last function.
func TestSharedConnection(t *testing.T) {
	s := serve(t, "")
	before := runtime.NumGoroutine()
	var handles []*providers.Handle
	for n := range 1000 {
		handles = append(handles, function(t, address(s), fmt.Sprintf(`"subject":"s%d"`, n)))
	}
	if n := s.NumClients(); n != 0 {
		t.Errorf("%d connections before a call", n)
	}
	var all sync.WaitGroup
	for _, h := range handles {
		all.Go(func() {
			if _, err := h.Invoke(t.Context(), call()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := s.NumClients(); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
	for _, h := range handles {
		h.Close()
	}
	noClients(t)
	eventually(t, "the connection is closed", func() bool { return s.NumClients() == 0 })
	eventually(t, "its goroutines ended", func() bool { return runtime.NumGoroutine() <= before })
}
