//go:build clients

package clients

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway/integration/gatewaytest"
)

// key is what the locked Configuration API asks for.
const key = "s3cret"

// TestClients runs the script of each client against a gateway of its own.
func TestClients(t *testing.T) {
	dir := install(t)
	// A gateway whose store has never been reached shows how each client tells that of every method.
	storeless := gatewaytest.Start(t, gatewaytest.Unloaded(),
		gatewaytest.Extra("app", "etcd http://"+gatewaytest.FreeAddrs(t, 1)[0]))
	for _, client := range []struct{ name, script string }{
		{"fdk", "fdk.js"},
		{"sdk-0.2", "spaces.js"},
		{"sdk-0.3", "spaces.js"},
		{"sdk-0.10", "cloudevents.js"},
		{"sdk-0.11", "cloudevents.js"},
	} {
		t.Run(client.name, func(t *testing.T) {
			g := gatewaytest.Start(t, gatewaytest.Caddyfile(gatewaytest.DefaultCaddyfile+`
http://127.0.0.1:{{.Port1}} {
	@stranger not header Authorization "bearer `+key+`"
	error @stranger 401
	event_gateway_config
}`))
			run(t, dir, "node", []string{filepath.Join("scripts", client.script)},
				"CLIENT="+client.name,
				"EVENTS_URL="+g.Events,
				"CONFIGURATION_URL="+g.Config,
				"EVENTS_WITHOUT_STORE_URL="+storeless.Events,
				"CONFIGURATION_WITHOUT_STORE_URL="+storeless.Config,
				"LOCKED_CONFIGURATION_URL="+g.Expand("http://127.0.0.1:{{.Port1}}"),
				"KEY="+key)
		})
	}
}

// install installs the clients beside a copy of the scripts, so that nothing is left in the source tree.
func install(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for _, name := range []string{"package.json", "package-lock.json", ".npmrc"} {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.CopyFS(filepath.Join(dir, "scripts"), os.DirFS("scripts")); err != nil {
		t.Fatal(err)
	}
	run(t, dir, "npm", []string{"ci"})
	return dir
}

// run runs a program to its end, which must be a good one.
func run(t *testing.T, dir, program string, args []string, env ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if errors.Is(err, exec.ErrNotFound) {
		t.Fatalf("these tests need Node.js and npm: %v", err)
	}
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
	}
}
