//go:build clients

package clients

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway/integration/gatewaytest"
)

const lambdaARN = "arn:aws:lambda:eu-west-1:123456789012:function:"

// TestServerlessOffline calls Lambda functions in Node.js that serverless-offline runs: with http events, which they answer as they
// do behind the API Gateway of the emulator, and with custom events, by both types of invocation.
func TestServerlessOffline(t *testing.T) {
	notes := make(chan note, 100)
	taker := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var n note
		if err := json.NewDecoder(r.Body).Decode(&n); err != nil {
			t.Error(err)
		}
		notes <- n
	}))
	t.Cleanup(taker.Close)
	apiGateway, lambda := startServerless(t, taker.URL)
	g := gatewaytest.Start(t)
	for _, fn := range []struct{ name, format, invocationType string }{
		{"v1", "apigateway-v1", ""},
		{"v2", "apigateway-v2", "RequestResponse"},
		{"greet", "event", ""},
		{"broken", "event", ""},
		{"missing", "event", ""},
		{"note", "cloudevents-binary", "RequestResponse"},
		{"queued", "cloudevents", "Event"},
	} {
		provider := map[string]any{
			"arn": lambdaARN + fn.name, "region": "eu-west-1", "endpoint": lambda,
			"awsAccessKeyId": "AKIDEXAMPLE", "awsSecretAccessKey": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
		}
		if fn.invocationType != "" {
			provider["invocationType"] = fn.invocationType
		}
		g.Do(http.MethodPost, g.Config+"/v1/spaces/default/functions", map[string]any{
			"functionId": fn.name, "type": "awslambda", "format": fn.format, "timeout": "2m", "provider": provider,
		}, http.StatusCreated)
	}
	for _, s := range []map[string]any{
		{"functionId": "v1", "event": "http", "method": "POST", "path": "/v1/users/:id"},
		{"functionId": "v2", "event": "http", "method": "POST", "path": "/v2/users/:id"},
		{"functionId": "greet", "event": "http", "method": "POST", "path": "/greet/:name"},
		{"functionId": "broken", "event": "http", "method": "POST", "path": "/broken"},
		{"functionId": "missing", "event": "http", "method": "POST", "path": "/missing"},
		{"functionId": "note", "event": "order.placed"},
		{"functionId": "queued", "event": "order.placed"},
		{"functionId": "note", "event": "asked", "type": "sync"},
		{"functionId": "queued", "event": "handed", "type": "sync"},
	} {
		g.Do(http.MethodPost, g.Config+"/v1/spaces/default/subscriptions", s, http.StatusCreated)
	}

	for _, version := range []string{"v1", "v2"} {
		for _, r := range serverlessRequests {
			r.method, r.path = http.MethodPost, "/"+version+r.path
			t.Run(r.path, func(t *testing.T) {
				compare(t, r.sendTold(t, apiGateway), r.sendTold(t, g.Events))
			})
		}
	}
	t.Run("own schema", func(t *testing.T) {
		resp, body := postJSON(t, g.Events+"/greet/Ada", `{"greeting":"Hello"}`)
		if resp.StatusCode != http.StatusCreated || body != "Hello, Ada (http POST)" || resp.Header.Get("X-Shop") != "1" {
			t.Errorf("got %d %v %s", resp.StatusCode, resp.Header, body)
		}
	})
	for _, f := range []struct{ function, failure, message string }{
		{"broken", "function_error", "the function failed without handling it: Error"},
		{"missing", "unreachable", "there is no function missing in eu-west-1"},
	} {
		t.Run(f.function, func(t *testing.T) { fail(t, g, f.function, f.failure, f.message) })
	}
	t.Run("custom event", func(t *testing.T) { noteOrder(t, g, notes) })
	t.Run("sync event", func(t *testing.T) {
		if status, body := send(t, g, "asked", `{}`); status != http.StatusOK || body != `{"noted":true}` {
			t.Errorf("got %d %s, want the answer", status, body)
		}
		nextNote(t, notes)
		if status, body := send(t, g, "handed", `{}`); status != http.StatusAccepted || body != "" {
			t.Errorf("got %d %s, want 202 and nothing", status, body)
		}
		nextNote(t, notes)
	})
}

// serverlessRequests are such that the API Gateway of the emulator tells of them as that of AWS does. It takes binary bodies for
// text, and says that there are no cookies where there are none.
var serverlessRequests = []expressRequest{
	{path: "/users/7", body: `{"a": "ü"}`, headers: []string{"Content-Type", "application/json", "Cookie", "a=1"}},
	{
		path: "/users/%C3%BC%20x?q=1&q=2&q=a%26b", body: "a=1&b=%C3%BC+x",
		headers: []string{"Content-Type", "application/x-www-form-urlencoded", "Cookie", "a=1; b=2"},
	},
	{path: "/users/7?as=picture", body: "x", headers: []string{"Content-Type", "text/plain", "Cookie", "a=1"}},
}

// sendTold sends the request, and leaves of the answer's header what the function told.
func (r expressRequest) sendTold(t *testing.T, base string) expressAnswer {
	t.Helper()
	answer := r.send(t, base)
	told := map[string]string{}
	for _, name := range []string{"Content-Type", "X-Shop"} {
		told[name] = answer.header[name]
	}
	answer.header = told
	return answer
}

// fail sends a request to a function that cannot answer, which is told and counted as its failure, without what was sent.
func fail(t *testing.T, g *gatewaytest.Gateway, function, failure, message string) {
	resp, body := postJSON(t, g.Events+"/"+function, `{"card":"private"}`)
	if resp.StatusCode != http.StatusBadGateway || !strings.Contains(body, message) {
		t.Errorf("got %d %s, want 502 that says %q", resp.StatusCode, body, message)
	}
	if strings.Contains(body, "private") || strings.Contains(body, "cannot take") || strings.Contains(g.Log(), "private") {
		t.Errorf("what was sent is in %s or the log", body)
	}
	count := fmt.Sprintf("eventgateway_function_invocations_total{function=%q,outcome=%q,space=\"default\"} 1\n", function, failure)
	gatewaytest.Eventually(t, time.Minute, func() error {
		if !strings.Contains(string(g.Do(http.MethodGet, g.Admin+"/metrics", nil, http.StatusOK)), count) {
			return fmt.Errorf("the metrics are without %s", count)
		}
		return nil
	})
}

// note is what the function note was called with.
type note struct {
	Function string
	Event    json.RawMessage
	Custom   map[string]string
}

// noteOrder sends a CloudEvent that two functions get, one from the gateway and one as Lambda's own event.
func noteOrder(t *testing.T, g *gatewaytest.Gateway, notes <-chan note) {
	resp, body := postJSON(t, g.Events+"/", `{"total":7}`,
		"Ce-Specversion", "1.0", "Ce-Type", "order.placed", "Ce-Id", "o-1", "Ce-Source", "/shop", "Ce-Tenant", "t1")
	if resp.StatusCode != http.StatusAccepted {
		t.Fatalf("got %d %s", resp.StatusCode, body)
	}
	seen := map[string]note{}
	for len(seen) < 2 {
		n := nextNote(t, notes)
		seen[strings.TrimPrefix(n.Function, lambdaARN)] = n
	}
	beside := seen["note"]
	if string(beside.Event) != `{"total":7}` {
		t.Errorf("note got %s, want the data", beside.Event)
	}
	for name, want := range map[string]string{
		"ce-id": "o-1", "ce-type": "order.placed", "ce-source": "/shop", "ce-tenant": "t1", "event-gateway-attempt": "1",
	} {
		if got := beside.Custom[name]; got != want {
			t.Errorf("note got %s %q, want %q", name, got, want)
		}
	}
	var whole struct {
		ID, Type, Source, Tenant string
		Data                     struct{ Total int }
	}
	if err := json.Unmarshal(seen["queued"].Event, &whole); err != nil {
		t.Fatalf("queued got %s: %v", seen["queued"].Event, err)
	}
	if whole.ID != "o-1" || whole.Type != "order.placed" || whole.Source != "/shop" || whole.Tenant != "t1" || whole.Data.Total != 7 {
		t.Errorf("queued got %s", seen["queued"].Event)
	}
}

func nextNote(t *testing.T, notes <-chan note) note {
	t.Helper()
	select {
	case n := <-notes:
		return n
	case <-time.After(time.Minute):
		t.Fatal("a function did not get the event")
		return note{}
	}
}

// startServerless runs the functions for the length of the test, and returns where the emulator's API Gateway and its Lambda are.
func startServerless(t *testing.T, notes string) (apiGateway, lambda string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("serverless")); err != nil {
		t.Fatal(err)
	}
	run(t, dir, "npm", []string{"ci"})
	addrs := gatewaytest.FreeAddrs(t, 2)
	_, httpPort, _ := net.SplitHostPort(addrs[0])
	_, lambdaPort, _ := net.SplitHostPort(addrs[1])
	cmd := exec.Command("node", filepath.Join("node_modules", "serverless", "bin", "serverless.js"), "offline",
		"--httpPort", httpPort, "--lambdaPort", lambdaPort)
	// Its settings and caches are not those of who runs the test, and nobody is told of the run.
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "HOME="+t.TempDir(), "SLS_TELEMETRY_DISABLED=1", "SLS_NOTIFICATIONS_MODE=off", "NOTES="+notes)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		_ = cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-exited
		if t.Failed() {
			t.Logf("log of serverless-offline:\n%s", &log)
		}
	})
	gatewaytest.Eventually(t, 3*time.Minute, func() error {
		select {
		case <-exited:
			t.Fatal("serverless-offline exited")
		default:
		}
		for _, addr := range addrs {
			conn, err := net.Dial("tcp", addr)
			if err != nil {
				return fmt.Errorf("serverless-offline does not listen: %w", err)
			}
			conn.Close()
		}
		return nil
	})
	return "http://" + addrs[0], "http://" + addrs[1]
}
