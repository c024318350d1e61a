package integration

import (
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway/integration/gatewaytest"
)

func TestShutdownDelayServesToTheEnd(t *testing.T) {
	fn, calls := helloFunction(t)
	g := gatewaytest.Start(t, gatewaytest.Extra("global", "shutdown_delay 2s"))
	subscribe(g, "hello", fn.URL, "/hello")
	g.Do(http.MethodPost, g.Config+"/v1/spaces/default/subscriptions",
		map[string]any{"functionId": "hello", "event": "user.created"}, 201)
	g.Signal(syscall.SIGTERM)
	gatewaytest.Eventually(t, 5*time.Second, func() error {
		if !strings.Contains(g.Log(), "shutdown") {
			return fmt.Errorf("the shutdown has not begun")
		}
		return nil
	})
	served, accepted := 0, 0
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for {
		resp, err := client.Get(g.Events + "/hello")
		if err != nil {
			break // the listener is closed: the delay is over
		}
		resp.Body.Close()
		if resp.StatusCode != 200 {
			t.Fatalf("status %d during the shutdown delay", resp.StatusCode)
		}
		served++
		req, _ := http.NewRequest(http.MethodPost, g.Events+"/", strings.NewReader("x"))
		req.Header.Set("Event", "user.created")
		if resp, err = client.Do(req); err != nil {
			break
		}
		resp.Body.Close()
		if resp.StatusCode == 202 {
			accepted++
		}
	}
	<-g.Exited()
	if served == 0 || accepted == 0 {
		t.Fatalf("served %d requests and accepted %d events during the shutdown delay", served, accepted)
	}
	if got := int(calls.Load()); got != served+accepted {
		t.Fatalf("the function was called %d times for %d answers and %d accepted events", got, served, accepted)
	}
}

func TestDrainOnExit(t *testing.T) {
	slow, called, answer := slowFunction(t)
	g := gatewaytest.Start(t)
	g.Do(http.MethodPost, g.Config+"/v1/spaces/default/functions",
		map[string]any{"functionId": "slow", "type": "http", "provider": map[string]any{"url": slow.URL}}, 201)
	g.Do(http.MethodPost, g.Config+"/v1/spaces/default/subscriptions",
		map[string]any{"functionId": "slow", "event": "user.created"}, 201)
	for range 3 {
		emit(t, g, "user.created", `{}`, 202)
	}
	<-called
	g.Signal(syscall.SIGTERM)
	gatewaytest.Eventually(t, 10*time.Second, func() error {
		resp, err := http.Get(g.Events + "/")
		if err == nil {
			resp.Body.Close()
			return fmt.Errorf("still accepting")
		}
		return nil
	})
	answer()
	<-g.Exited()
	if strings.Contains(g.Log(), "deliveries_lost") {
		t.Errorf("events were lost:\n%s", g.Log())
	}
}
