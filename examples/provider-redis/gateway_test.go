package redisprovider_test

import (
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"

	"github.com/eventgateway/eventgateway/integration/gatewaytest"
)

// TestInGateway calls functions of this type, a static and a stored one, in a gateway that was built with it and that
// EVENT_GATEWAY_BINARY names.
func TestInGateway(t *testing.T) {
	if os.Getenv("EVENT_GATEWAY_BINARY") == "" {
		t.Skip("EVENT_GATEWAY_BINARY names no gateway that was built with this provider; README.md tells how to build it")
	}
	server := miniredis.RunT(t)
	server.RequireAuth("pa55-w0rd")
	g := gatewaytest.Start(t, gatewaytest.Env("REDIS_PASSWORD", "pa55-w0rd"), gatewaytest.Extra("app", `
		function static {
			format raw
			redis `+server.Addr()+` {
				list static
				password {env.REDIS_PASSWORD}
			}
		}
		subscription {
			event order.made
			type sync
			function static
		}`))
	g.Do(http.MethodPost, g.Config+"/v1/spaces/default/functions", map[string]any{
		"functionId": "stored", "type": "redis", "format": "raw",
		"provider": map[string]any{"address": server.Addr(), "list": "stored", "password": "pa55-w0rd"},
	}, http.StatusCreated)
	g.Do(http.MethodPost, g.Config+"/v1/spaces/default/subscriptions", map[string]any{
		"event": "order.paid", "type": "sync", "functionId": "stored",
	}, http.StatusCreated)

	for list, event := range map[string]string{"static": "order.made", "stored": "order.paid"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, g.Events, strings.NewReader(`{"order":7}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Event", event)
		req.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: %d %s, error %v", event, resp.StatusCode, answer, err)
		}
		if got, err := server.List(list); err != nil || len(got) != 1 || got[0] != `{"order":7}` {
			t.Errorf("the list %s is %q, error %v", list, got, err)
		}
	}
	if strings.Contains(g.Log()+string(g.Do(http.MethodGet, g.Config+"/v1/spaces/default/functions", nil, http.StatusOK)), "pa55-w0rd") {
		t.Error("the password is told")
	}
}
