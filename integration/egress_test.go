package integration

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway/integration/gatewaytest"
)

// egressOf is DefaultCaddyfile with egress rules and a static function.
func egressOf(rules, static string) string {
	return strings.Replace(gatewaytest.DefaultCaddyfile, "{{.Extra.app}}", "egress {\n"+rules+"\n}\n"+static, 1)
}

// TestEgress calls functions where none may be: told to the caller and in the log, never connected to, and reached as soon as a
// configuration allows it.
func TestEgress(t *testing.T) {
	fn, calls := helloFunction(t)
	_, port, err := net.SplitHostPort(fn.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	static := `
		function static {
			http http://localhost:` + port + `
		}
		subscription http {
			method GET
			path /static
			function static
		}`
	g := gatewaytest.Start(t, gatewaytest.Caddyfile(egressOf("", static)))
	subscribe(g, "metadata", "http://169.254.169.254/latest/meta-data/iam/security-credentials/", "/metadata")
	subscribe(g, "mapped", "http://[::ffff:a9fe:a9fe]/", "/mapped")
	subscribe(g, "stored", fn.URL, "/stored")

	const metadata = "it is link-local or a cloud's metadata service"
	refused := func(path, host, reason string) {
		t.Helper()
		body := string(g.Do(http.MethodGet, g.Events+path, nil, 502))
		if want := "cannot reach " + host + ": " + reason; !strings.Contains(body, want) {
			t.Errorf("%s: answered %s, want %q in it", path, body, want)
		}
	}
	logged := func(host, reason string) {
		t.Helper()
		gatewaytest.Eventually(t, patience, func() error {
			for line := range strings.Lines(g.Log()) {
				if strings.Contains(line, "a function was not called because of where it is") &&
					strings.Contains(line, `"`+host+`"`) && strings.Contains(line, reason) {
					return nil
				}
			}
			// The log leaves out refusals that come fast one after the other.
			_, _ = http.Get(g.Events + "/metadata")
			return fmt.Errorf("no log line about %s that says %q", host, reason)
		})
	}
	reload := func(rules string) {
		t.Helper()
		if status, body := g.Reload(egressOf(rules, static)); status != 200 {
			t.Fatalf("%d %s", status, body)
		}
	}

	refused("/metadata", "169.254.169.254", metadata)
	logged("169.254.169.254", metadata)
	refused("/mapped", "[::ffff:a9fe:a9fe]", metadata)
	for _, path := range []string{"/stored", "/static"} {
		g.Do(http.MethodGet, g.Events+path, nil, 200) // loopback is open unless it is denied
	}

	reload("deny 127.0.0.0/8 ::1")
	before := calls.Load()
	address := fn.Listener.Addr().String()
	refused("/stored", address, "the gateway's egress option denies 127.0.0.0/8")
	refused("/static", "localhost:"+port, "the gateway's egress option denies ")
	if calls.Load() != before {
		t.Error("a function at a denied address was called")
	}

	reload("allow 203.0.113.0/24\nonly_allowed")
	refused("/stored", address, "the gateway's egress option has only_allowed")

	if status, body := g.Reload(egressOf("deny 10.1.2.3/8", static)); status == 200 || !strings.Contains(body, "want the network itself, 10.0.0.0/8") {
		t.Errorf("a rule that is none: %d %s", status, body)
	}
	refused("/stored", address, "the gateway's egress option has only_allowed")

	reload("allow localhost 127.0.0.1\nonly_allowed")
	for _, path := range []string{"/stored", "/static"} {
		g.Do(http.MethodGet, g.Events+path, nil, 200)
	}
	if calls.Load() != before+2 {
		t.Error("not called although it is allowed")
	}
}
