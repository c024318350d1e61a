package integration

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/eventgateway/eventgateway/integration/gatewaytest"
)

// buildGuard builds the sample plugin in Go.
func buildGuard(t *testing.T) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "guard")
	cmd := exec.Command("go", "build", "-o", path, "../plugins/external/examples/guard-go")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
}

// guardPlugin is the option that runs the sample.
func guardPlugin(path, more string) string {
	return fmt.Sprintf(`plugin external {
		name guard
		command %s
		env GUARD_PREFIX secret.
		restart_backoff 10ms 100ms
		%s
	}`, path, more)
}

// programs returns the process IDs of the programs a gateway says it has started, in that order.
func programs(g *gatewaytest.Gateway) (pids []int) {
	for line := range strings.Lines(g.Log()) {
		var entry struct {
			Msg string
			PID int
		}
		if json.Unmarshal([]byte(line), &entry) == nil && entry.Msg == "the plugin's program has started" {
			pids = append(pids, entry.PID)
		}
	}
	return pids
}

// gone checks that a process has ended, be it that nobody has asked for its status.
func gone(pid int) error {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return nil
	}
	if _, state, _ := strings.Cut(string(stat), ") "); err == nil && strings.HasPrefix(state, "Z") {
		return nil
	}
	return fmt.Errorf("process %d runs", pid)
}

// tell emits an event and returns the answer.
func (s *stage) tell(event string) (status int, body string) {
	s.t.Helper()
	post := func() (*http.Response, error) {
		req, err := http.NewRequest(http.MethodPost, s.Events, strings.NewReader("{}"))
		if err != nil {
			s.t.Fatal(err)
		}
		req.Header.Set("Event", event)
		req.Header.Set("Content-Type", "application/json")
		return s.client.Do(req)
	}
	resp, err := post()
	if err != nil { // a reload may close an idle connection just as it is used
		resp, err = post()
	}
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// TestPluginProgram runs the sample plugin in Go: it refuses events and hears of failures, is started again when it is killed,
// while the events it would have to see are refused, and ends with its configuration.
func TestPluginProgram(t *testing.T) {
	guard := buildGuard(t)
	s := newStage(t, gatewaytest.Extra("app", guardPlugin(guard, "require_mtls")))
	record, calls := recorder("ok")
	s.function("f", record)
	s.function("broken", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadRequest) })
	s.subscribe("open.made POST / f")
	s.subscribe("secret.made POST / f")
	s.subscribe("open.broken POST / broken", fields{"type": "sync"})

	if status, body := s.tell("secret.made"); status != http.StatusForbidden || !strings.Contains(body, "events of type secret.made are not for you") {
		t.Errorf("secret.made: %d %s", status, body)
	}
	if status, body := s.tell("open.made"); status != http.StatusAccepted {
		t.Errorf("open.made: %d %s", status, body)
	}
	if got := (<-calls).event(t); got.Event != "open.made" {
		t.Errorf("the function got %s", got.Event)
	}
	if status, _ := s.tell("open.broken"); status != http.StatusBadGateway {
		t.Errorf("open.broken: %d", status)
	}
	gatewaytest.Eventually(t, patience, func() error {
		for line := range strings.Lines(s.Log()) {
			if strings.Contains(line, `"a call has failed"`) && strings.Contains(line, `"broken"`) && strings.Contains(line, `"warn"`) {
				return nil
			}
		}
		return fmt.Errorf("the plugin has not logged the failure")
	})
	for name, atLeast := range map[string]float64{
		`eventgateway_plugin_reactions_total{outcome="refused",plugin="guard",type="gateway.event.received"}`: 1,
		`eventgateway_plugin_reactions_total{outcome="done",plugin="guard",type="gateway.event.received"}`:    2,
	} {
		if got := metric(t, s.Gateway, name); got < atLeast {
			t.Errorf("%s is %v", name, got)
		}
	}

	first := programs(s.Gateway)
	if len(first) != 1 {
		t.Fatalf("programs %v were started", first)
	}
	if err := syscall.Kill(first[0], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	gatewaytest.Eventually(t, patience, func() error {
		switch status, body := s.tell("open.made"); status {
		case http.StatusAccepted:
			if len(programs(s.Gateway)) > 1 {
				return nil
			}
			return fmt.Errorf("the program still answers")
		case http.StatusServiceUnavailable:
			return fmt.Errorf("it is not there again")
		default:
			t.Fatalf("open.made: %d %s", status, body)
			return nil
		}
	})
	if status, _ := s.tell("secret.made"); status != http.StatusForbidden {
		t.Errorf("secret.made, after the restart: %d", status)
	}

	second := programs(s.Gateway)[1]
	if status, body := s.Reload(gatewaytest.DefaultCaddyfile + "http://127.0.0.1:{{.Port1}} {\n\trespond ok\n}\n"); status != http.StatusOK {
		t.Fatalf("reload: %d %s", status, body)
	}
	gatewaytest.Eventually(t, patience, func() error { return gone(second) })
	if status, _ := s.tell("secret.made"); status != http.StatusForbidden {
		t.Errorf("secret.made, after the reload: %d", status)
	}
	all := programs(s.Gateway)
	s.Stop()
	for _, pid := range all {
		if err := gone(pid); err != nil {
			t.Errorf("after the gateway's end: %v", err)
		}
	}
}

// TestPluginProgramOfAKilledGateway kills the gateway: the program goes too.
func TestPluginProgramOfAKilledGateway(t *testing.T) {
	g := gatewaytest.Start(t, gatewaytest.Extra("app", guardPlugin(buildGuard(t), "")))
	pids := programs(g)
	if len(pids) != 1 || gone(pids[0]) == nil {
		t.Fatalf("programs %v were started", pids)
	}
	g.Kill()
	gatewaytest.Eventually(t, patience, func() error { return gone(pids[0]) })
}

// TestPluginProgramThatDoesNotStart is a configuration that is refused, while the one before serves on.
func TestPluginProgramThatDoesNotStart(t *testing.T) {
	guard := buildGuard(t)
	s := newStage(t, gatewaytest.Extra("app", guardPlugin(guard, "")))
	for _, program := range []string{"/no/such/program", "/bin/true"} {
		template := strings.Replace(gatewaytest.DefaultCaddyfile, "{{.Extra.app}}", guardPlugin(program, ""), 1)
		status, body := s.Reload(template)
		if status == http.StatusOK || !strings.Contains(body, "plugin guard: ") || !strings.Contains(body, program) {
			t.Errorf("%s: %d %s", program, status, body)
		}
		if status, _ := s.tell("secret.made"); status != http.StatusForbidden {
			t.Errorf("after %s: %d", program, status)
		}
	}
}
