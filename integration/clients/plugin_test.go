//go:build clients

package clients

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway/integration/gatewaytest"
)

// TestPluginInNode runs the sample plugin in JavaScript: it refuses events, is told what fails, and ends with the gateway.
func TestPluginInNode(t *testing.T) {
	sample := filepath.Join("..", "..", "plugins", "external")
	proto, err := filepath.Abs(filepath.Join(sample, "proto", "plugin.proto"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, name := range []string{"plugin.js", "package.json", "package-lock.json", ".npmrc"} {
		content, err := os.ReadFile(filepath.Join(sample, "examples", "guard-node", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run(t, dir, "npm", []string{"ci"})
	g := gatewaytest.Start(t, gatewaytest.Extra("app", fmt.Sprintf(`plugin external {
		command node %s
		env PLUGIN_PROTO %s
		env GUARD_PREFIX secret.
	}
	function broken {
		http http://127.0.0.1:1
	}
	subscription open.broken {
		function broken
		type sync
	}`, filepath.Join(dir, "plugin.js"), proto)))
	for event, want := range map[string]struct {
		status int
		text   string
	}{
		"open.made":   {http.StatusAccepted, ""},
		"secret.made": {http.StatusForbidden, "events of type secret.made are not for you"},
		"open.broken": {http.StatusBadGateway, ""},
	} {
		if status, body := emit(t, g, event); status != want.status || !strings.Contains(body, want.text) {
			t.Errorf("%s: %d %s", event, status, body)
		}
	}
	gatewaytest.Eventually(t, time.Minute, func() error {
		if !strings.Contains(g.Log(), `"a call has failed"`) {
			return errors.New("the plugin has not logged the failure")
		}
		return nil
	})
	g.Stop()
	if out := g.Log(); strings.Contains(out, "stopping the plugins") {
		t.Errorf("the plugin did not stop:\n%s", out)
	}
}

// emit sends an event and returns the answer.
func emit(t *testing.T, g *gatewaytest.Gateway, event string) (status int, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, g.Events, strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Event", event)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}
