package integration

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway/integration/gatewaytest"
	"github.com/eventgateway/eventgateway/integration/kafkatest"
	"github.com/eventgateway/eventgateway/integration/natstest"
	"github.com/nats-io/nats.go"
)

// define registers a function and an async subscription to event for it.
func define(g *gatewaytest.Gateway, function map[string]any, event string) {
	g.Do(http.MethodPost, g.Config+"/v1/spaces/default/functions", function, 201)
	g.Do(http.MethodPost, g.Config+"/v1/spaces/default/subscriptions",
		map[string]any{"functionId": function["functionId"], "event": event}, 201)
}

// Events reach a topic in their order and with their key; with a broker that comes later too.
func TestKafkaFunction(t *testing.T) {
	broker := kafkatest.Start(t, "orders")
	g := gatewaytest.Start(t, gatewaytest.Extra("app", `
		function static {
			kafka orders {
				brokers `+broker.Address+`
				key     data.customer
			}
		}`))
	define(g, map[string]any{
		"functionId": "orders", "type": "kafka", "format": "cloudevents-binary",
		"provider": map[string]any{"brokers": []string{broker.Address}, "topic": "orders", "key": "data.customer"},
	}, "order.created")
	g.Do(http.MethodPost, g.Config+"/v1/spaces/default/subscriptions", map[string]any{"functionId": "static", "event": "order.paid"}, 201)
	emit(t, g, "order.created", `{"customer":"c7","n":1}`, 202)
	record := broker.Read("orders", 1)[0]
	headers := map[string]string{}
	for _, h := range record.Headers {
		headers[h.Key] = string(h.Value)
	}
	if string(record.Key) != "c7" || string(record.Value) != `{"customer":"c7","n":1}` || headers["ce_type"] != "order.created" ||
		headers["content-type"] != "application/json" || headers["ce_id"] == "" || headers["event-gateway-attempt"] != "1" {
		t.Errorf("got key %s, value %s, headers %v", record.Key, record.Value, headers)
	}
	emit(t, g, "order.paid", `{"customer":"c8"}`, 202)
	if record := broker.Read("orders", 2)[1]; string(record.Key) != "c8" || !strings.Contains(string(record.Value), `"event":"order.paid"`) {
		t.Errorf("got key %s, value %s", record.Key, record.Value)
	}

	// A synchronous sender is told what the cluster said.
	g.Do(http.MethodPost, g.Config+"/v1/spaces/default/subscriptions",
		map[string]any{"functionId": "orders", "event": "order.sync", "type": "sync"}, 201)
	var said struct {
		Topic  string
		Offset int
	}
	answer := sendSync(t, g, "order.sync", `{"customer":"c9"}`, 200)
	if err := json.Unmarshal(answer, &said); err != nil || said.Topic != "orders" || said.Offset != 2 {
		t.Errorf("got %s, error %v", answer, err)
	}
	broker.Stop()
	if answer := sendSync(t, g, "order.sync", `{"customer":"s3cret"}`, 502); !strings.Contains(string(answer), "connection refused") {
		t.Errorf("got %s", answer)
	}
}

// sendSync sends a custom event that a sync subscription answers.
func sendSync(t *testing.T, g *gatewaytest.Gateway, event, data string, want int) []byte {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, g.Events+"/", strings.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Event", event)
	resp, body := answerTo(t, req)
	if resp.StatusCode != want {
		t.Fatalf("%s: %d, want %d: %s", event, resp.StatusCode, want, body)
	}
	return body
}

// Events reach a subject, a stream and a service; the service's reply is the answer to a request.
func TestNATSFunctions(t *testing.T) {
	cluster := natstest.Start(t, natstest.Options{Username: "gateway", Password: "nats-s3cret"})
	conn := cluster.Connect()
	js, err := conn.JetStream()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.AddStream(&nats.StreamConfig{Name: "ORDERS", Subjects: []string{"orders.>"}}); err != nil {
		t.Fatal(err)
	}
	heard := make(chan *nats.Msg, 10)
	if _, err := conn.ChanSubscribe("notes", heard); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Subscribe("hello", func(m *nats.Msg) { _ = m.Respond([]byte(`{"statusCode":201,"body":"from NATS"}`)) }); err != nil {
		t.Fatal(err)
	}
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
	g := gatewaytest.Start(t)
	function := func(id, subject string, more map[string]any) map[string]any {
		fields := map[string]any{"urls": cluster.URLs(), "subject": subject, "user": "gateway", "password": "nats-s3cret"}
		for name, value := range more {
			fields[name] = value
		}
		return map[string]any{"functionId": id, "type": "nats", "provider": fields}
	}
	define(g, function("notes", "notes", nil), "note")
	define(g, function("orders", "orders.new", map[string]any{"jetStream": true}), "order")
	g.Do(http.MethodPost, g.Config+"/v1/spaces/default/functions", function("hello", "hello", map[string]any{"request": true}), 201)
	g.Do(http.MethodPost, g.Config+"/v1/spaces/default/subscriptions",
		map[string]any{"functionId": "hello", "event": "http", "method": "GET", "path": "/hello"}, 201)

	emit(t, g, "note", `{"n":1}`, 202)
	select {
	case m := <-heard:
		if m.Header.Get("Event-Gateway-Attempt") != "1" || !strings.Contains(string(m.Data), `"data":{"n":1}`) {
			t.Errorf("got %s, headers %v", m.Data, m.Header)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("no message came")
	}
	for range 3 {
		emit(t, g, "order", `{}`, 202)
	}
	gatewaytest.Eventually(t, 30*time.Second, func() error {
		info, err := js.StreamInfo("ORDERS")
		if err != nil {
			return err
		}
		if info.State.Msgs != 3 {
			return fmt.Errorf("the stream has %d messages, want 3", info.State.Msgs)
		}
		return nil
	})
	req, err := http.NewRequest(http.MethodGet, g.Events+"/hello", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if resp, body := answerTo(t, req); resp.StatusCode != 201 || string(body) != "from NATS" {
		t.Errorf("got %d %s", resp.StatusCode, body)
	}
}

// answerTo makes a request and reads its answer.
func answerTo(t *testing.T, req *http.Request) (*http.Response, []byte) {
	t.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, body
}
