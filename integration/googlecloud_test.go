package integration

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway/integration/gatewaytest"
	"github.com/eventgateway/eventgateway/integration/processtest"
	"github.com/eventgateway/eventgateway/providers/googleaccount/googletest"
)

// frameworkFunctions starts functions in Go that were built with Google's framework, and returns their URL and the JSON they
// write; see clouds/google.
func frameworkFunctions(t *testing.T) (url string, lines <-chan string) {
	t.Helper()
	program := processtest.Program{Package: "./google", Dir: "clouds"}
	address := gatewaytest.FreeAddrs(t, 1)[0]
	_, port, _ := net.SplitHostPort(address)
	cmd := exec.Command(program.Build(t))
	cmd.Env = append(os.Environ(), "PORT="+port)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	written, ended := make(chan string, 1000), make(chan struct{})
	go func() {
		defer close(ended)
		for scanner := bufio.NewScanner(out); scanner.Scan(); {
			if line := scanner.Text(); strings.HasPrefix(line, "{") { // the framework writes too
				written <- line
			}
		}
	}()
	t.Cleanup(func() {
		in.Close()
		<-ended
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	})
	gatewaytest.Eventually(t, patience, func() error {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
		}
		return err
	})
	return "http://" + address, written
}

// onGoogle has a gateway run on a machine with a service account, and nothing else of Google's.
func onGoogle(t *testing.T, google *googletest.Google) []gatewaytest.Option {
	t.Helper()
	return []gatewaytest.Option{
		gatewaytest.Env("GCE_METADATA_HOST", google.Host), gatewaytest.Env("GOOGLE_APPLICATION_CREDENTIALS", ""),
		gatewaytest.Env("HOME", t.TempDir()),
		gatewaytest.Env("GOOGLE_SDK_GO_LOGGING_LEVEL", "debug"), // which has Google's libraries log whole requests, where they are let
	}
}

// TestGoogleFunctions calls functions built with Google's framework for Go, behind a gate that wants an ID token for its own URL, with
// tokens of each kind of credentials.
func TestGoogleFunctions(t *testing.T) {
	google := googletest.Start(t)
	backend, written := frameworkFunctions(t)
	gate := google.Gate(t, backend)
	account := google.ServiceAccount()
	s := newStage(t, append(onGoogle(t, google),
		gatewaytest.Env("TEST_GOOGLE_KEY", account),
		gatewaytest.Extra("app", `
			function static {
				googlecloudfunctions `+gate+`/http {
					credentials {env.TEST_GOOGLE_KEY}
				}
			}`),
	)...)
	function := func(id, path string, provider fields, more ...fields) {
		t.Helper()
		all := append([]fields{{"type": "googlecloudfunctions", "provider": fields{"url": gate + path}.with(provider)}}, more...)
		s.register(id, "", all...)
	}
	function("machine", "/http", nil)
	function("account", "/http", fields{"credentials": account})
	function("federation", "/http", fields{"credentials": google.Federation(true)})
	for _, id := range []string{"machine", "account", "federation", "static"} {
		s.subscribe("http POST /" + id + "/:name " + id)
		for range 3 {
			a := s.send(http.MethodPost, "/"+id+"/Ada", `{"greeting":"Hello"}`, "Content-Type", "application/json")
			if a.status != http.StatusCreated || a.body != "Hello, Ada (http POST)" || a.header.Get("X-Framework") != "go" {
				t.Errorf("%s: got %d %v %s", id, a.status, a.header, a.body)
			}
		}
	}
	// The two functions with the same key share their tokens.
	for path, want := range map[string]int{
		"/token": 1, "/v1/token": 1, "/computeMetadata/v1/instance/service-accounts/default/identity": 1,
	} {
		if got := google.Asked(path); got != want {
			t.Errorf("%s was asked %d times, want %d", path, got, want)
		}
	}

	function("structured", "/events", nil, fields{"format": "cloudevents"})
	function("binary", "/events", nil, fields{"format": "cloudevents-binary"})
	s.subscribe("order.placed POST / structured", fields{"type": "async"})
	s.subscribe("order.placed POST / binary", fields{"type": "async"})
	a := s.send(http.MethodPost, "/", `{"total":7}`, "Content-Type", "application/json", "Ce-Specversion", "1.0", "Ce-Type", "order.placed",
		"Ce-Id", "o-1", "Ce-Source", "/shop", "Ce-Subject", "cart", "Ce-Tenant", "t1")
	if a.status != http.StatusAccepted {
		t.Fatalf("got %d %s", a.status, a.body)
	}
	for range 2 {
		var got struct {
			ID, Type, Source, Subject, DataType string
			Extensions                          map[string]any
			Data                                json.RawMessage
		}
		select {
		case line := <-written:
			if err := json.Unmarshal([]byte(line), &got); err != nil {
				t.Fatalf("%v: %s", err, line)
			}
		case <-time.After(patience):
			t.Fatal("a function did not get the event")
		}
		if got.ID != "o-1" || got.Type != "order.placed" || got.Source != "/shop" || got.Subject != "cart" || got.DataType != "application/json" ||
			got.Extensions["tenant"] != "t1" || string(got.Data) != `{"total":7}` {
			t.Errorf("got %+v", got)
		}
	}

	// What the gate and the functions refuse.
	function("elsewhere", "/http", fields{"audience": "https://another.run.app", "credentials": account})
	function("another", "/http", fields{"audience": "https://another.run.app"})
	function("refusing", "/events", nil, fields{"format": "cloudevents"})
	for id, want := range map[string]string{
		"elsewhere": "check provider.audience", "another": "server_identity", "refusing": "status 500",
	} {
		s.subscribe("refused POST /"+id+" "+id, fields{"type": "sync"})
		a := s.send(http.MethodPost, "/"+id, "{}", "Content-Type", "application/json", "Ce-Specversion", "1.0", "Ce-Type", "refused",
			"Ce-Id", "r-1", "Ce-Source", "/shop")
		if a.status != http.StatusBadGateway || !strings.Contains(a.body, want) {
			t.Errorf("%s: got %d %s, want %q", id, a.status, a.body, want)
		}
	}

	shown := string(s.Do(http.MethodGet, s.Config+"/v1/spaces/default/functions", nil, 200)) + s.Log()
	var key struct {
		PrivateKey string `json:"private_key"`
	}
	if err := json.Unmarshal([]byte(account), &key); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{strings.Split(key.PrivateKey, "\n")[3], "eyJhbGci", "subject-token-of-another-cloud"} {
		if strings.Contains(shown, secret) {
			t.Errorf("the Configuration API or the log shows %q", secret)
		}
	}
}

// TestGooglePubSub publishes through a gateway, to a topic that wants an access token.
func TestGooglePubSub(t *testing.T) {
	const path = "/v1/projects/test-project/topics/orders:publish"
	google := googletest.Start(t)
	type message struct {
		Data        []byte
		Attributes  map[string]string
		OrderingKey string
	}
	published := make(chan message, 1000)
	topic := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var request struct{ Messages []message }
		decoder := json.NewDecoder(bytes.NewReader(body))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&request); err != nil || google.CheckAccess(r) != nil || r.Method+r.RequestURI != http.MethodPost+path {
			t.Errorf("got %s %s: %v, %v", r.Method, r.RequestURI, err, google.CheckAccess(r))
		}
		var ids []string
		for _, m := range request.Messages {
			ids = append(ids, "id-of-"+string(m.Data))
			published <- m
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"messageIds": ids})
	}))
	defer topic.Close()
	s := newStage(t, onGoogle(t, google)...)
	provider := fields{
		"topic": "projects/test-project/topics/orders", "credentials": google.Federation(false), "endpoint": topic.URL, "orderingKey": "data.customer",
	}
	s.register("orders", "", fields{"type": "googlepubsub", "provider": provider, "format": "raw"})
	s.subscribe("asked POST /asked orders", fields{"type": "sync"})
	a := s.send(http.MethodPost, "/asked", `{"customer":"c1"}`, "Event", "asked", "Content-Type", "application/json")
	if a.status != http.StatusOK || strings.TrimSpace(a.body) != `{"messageIds":["id-of-{\"customer\":\"c1\"}"]}` {
		t.Errorf("got %d %s", a.status, a.body)
	}
	m := <-published
	if m.OrderingKey != "c1" || m.Attributes["event-type"] != "asked" || m.Attributes["event-id"] == "" || m.Attributes["content-type"] != "application/json" {
		t.Errorf("got %+v", m)
	}

	delete(provider, "orderingKey")
	s.register("fast", "", fields{"type": "googlepubsub", "provider": provider, "format": "raw"})
	s.subscribe("placed POST / fast")
	const events = 200
	var want, got []string
	for i := range events {
		data := fmt.Sprintf(`{"order":%d}`, i)
		want = append(want, data)
		if a := s.send(http.MethodPost, "/", data, "Event", "placed", "Content-Type", "application/json"); a.status != http.StatusAccepted {
			t.Fatalf("got %d %s", a.status, a.body)
		}
	}
	for range events {
		select {
		case m := <-published:
			got = append(got, string(m.Data))
		case <-time.After(patience):
			t.Fatalf("%d of %d events were published", len(got), events)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q", got)
	}
}
