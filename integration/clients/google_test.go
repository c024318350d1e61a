//go:build clients

package clients

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway/integration/gatewaytest"
	"github.com/eventgateway/eventgateway/providers/googleaccount/googletest"
)

// TestGoogleFunctionsInNode calls functions built with Google's framework for Node.js, behind a gate that wants an ID token, with http
// events and CloudEvents in both modes.
func TestGoogleFunctionsInNode(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("google")); err != nil {
		t.Fatal(err)
	}
	run(t, dir, "npm", []string{"ci"})
	google := googletest.Start(t)
	greet, _ := serveFunction(t, dir, "greet")
	note, lines := serveFunction(t, dir, "note")
	g := gatewaytest.Start(t)
	create := func(kind string, resource map[string]any) {
		t.Helper()
		g.Do(http.MethodPost, g.Config+"/v1/spaces/default/"+kind, resource, http.StatusCreated)
	}
	gate := google.Gate(t, note)
	for id, fn := range map[string]struct{ url, format string }{
		"greet": {google.Gate(t, greet), "event"}, "structured": {gate, "cloudevents"}, "binary": {gate, "cloudevents-binary"},
	} {
		create("functions", map[string]any{
			"functionId": id, "type": "googlecloudfunctions", "format": fn.format,
			"provider": map[string]any{"url": fn.url, "credentials": google.ServiceAccount()},
		})
	}
	create("subscriptions", map[string]any{"functionId": "greet", "event": "http", "method": "POST", "path": "/greet/:name"})
	create("subscriptions", map[string]any{"functionId": "structured", "event": "order.placed"})
	create("subscriptions", map[string]any{"functionId": "binary", "event": "order.placed"})
	create("subscriptions", map[string]any{"functionId": "binary", "event": "refused", "type": "sync"})

	resp, body := postJSON(t, g.Events+"/greet/Ada", `{"greeting":"Hello"}`)
	if resp.StatusCode != http.StatusCreated || body != "Hello, Ada (http POST)" || resp.Header.Get("X-Framework") != "node" {
		t.Errorf("got %d %v %s", resp.StatusCode, resp.Header, body)
	}
	cloudEvent := func(typ string) (*http.Response, string) {
		return postJSON(t, g.Events+"/", `{"total":7}`, "Ce-Specversion", "1.0", "Ce-Type", typ, "Ce-Id", "o-1", "Ce-Source", "/shop", "Ce-Tenant", "t1")
	}
	if resp, body := cloudEvent("order.placed"); resp.StatusCode != http.StatusAccepted {
		t.Fatalf("got %d %s", resp.StatusCode, body)
	}
	for range 2 {
		select {
		case line := <-lines:
			var got struct {
				ID, Type, Source, SpecVersion, Tenant string
				Data                                  struct{ Total int }
			}
			if err := json.Unmarshal([]byte(line), &got); err != nil {
				t.Fatalf("%v: %s", err, line)
			}
			if got.ID != "o-1" || got.Type != "order.placed" || got.Source != "/shop" || got.SpecVersion != "1.0" || got.Tenant != "t1" || got.Data.Total != 7 {
				t.Errorf("got %s", line)
			}
		case <-time.After(time.Minute):
			t.Fatal("a function did not get the event")
		}
	}
	if resp, body := cloudEvent("refused"); resp.StatusCode != http.StatusBadGateway || !strings.Contains(body, "status 500") {
		t.Errorf("got %d %s", resp.StatusCode, body)
	}
}

// serveFunction runs one function as Google does, and returns where it is and the JSON it writes.
func serveFunction(t *testing.T, dir, target string) (url string, lines <-chan string) {
	t.Helper()
	address := gatewaytest.FreeAddrs(t, 1)[0]
	_, port, _ := net.SplitHostPort(address)
	cmd := exec.Command("node", filepath.Join("node_modules", "@google-cloud", "functions-framework", "build", "src", "main.js"),
		"--target="+target, "--port="+port)
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	written, ended := make(chan string, 100), make(chan struct{})
	go func() {
		defer close(ended)
		for scanner := bufio.NewScanner(out); scanner.Scan(); {
			if line := scanner.Text(); strings.HasPrefix(line, "{") { // the framework writes too
				written <- line
			}
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
		_ = cmd.Wait()
	})
	gatewaytest.Eventually(t, time.Minute, func() error {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
		}
		return err
	})
	return "http://" + address, written
}

// postJSON posts JSON; headers are names and values in turn.
func postJSON(t *testing.T, url, body string, headers ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(answer)
}
