package providertest_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/providertest"
)

func init() {
	caddy.RegisterModule(new(lines))
}

// lines is a small provider that does not speak HTTP and only hands events over: a line for each, which is answered by "taken".
type lines struct {
	URL string `json:"url"`
}

func (*lines) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: providers.Namespace + ".lines", New: func() caddy.Module { return new(lines) }}
}

func (p *lines) Validate() error {
	if p.URL == "" {
		return eventgateway.Errorf(eventgateway.Invalid, "url: missing")
	}
	return nil
}

func (p *lines) Open(providers.Env) (providers.Invoker, error) { return p, nil }

func (p *lines) Invoke(ctx context.Context, call *providers.Call) (*providers.Result, error) {
	u, err := url.Parse(p.URL)
	if err != nil {
		return nil, providers.Errorf(providers.Unreachable, "no address")
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", u.Host)
	if err != nil {
		return nil, providers.NetworkError(ctx, "the server", err)
	}
	if fault != "keeps connections" {
		defer conn.Close()
	} else {
		kept.Store(conn, true)
	}
	if fault != "outlives its context" {
		defer context.AfterFunc(ctx, func() { conn.Close() })()
	}
	if _, err := fmt.Fprintf(conn, "%s\n", call.Payload); err != nil {
		return nil, providers.NetworkError(ctx, "the server", err)
	}
	answer, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return nil, providers.NetworkError(ctx, "the server", err)
	}
	if fault == "answers something else" {
		answer = string(call.Payload)
	}
	return &providers.Result{Body: []byte(strings.TrimSpace(answer))}, nil
}

// startLines starts a server that takes lines.
func startLines(t *testing.T) (address string) {
	return "http://" + providertest.Listen(t, func(conn net.Conn) {
		for lines := bufio.NewScanner(conn); lines.Scan(); {
			_, _ = conn.Write([]byte("taken\n"))
		}
	})
}

// TestLines runs the suite on lines.
func TestLines(t *testing.T) {
	providertest.Run(t, providertest.Config{
		Type:   "lines",
		Fields: func(edge string) string { return `{"url":"` + edge + `"}` },
		Server: startLines,
		Takes: func(result []byte) error {
			if string(result) != "taken" {
				return fmt.Errorf("got %d bytes that are not what the server says", len(result))
			}
			return nil
		},
	})
}

// kept are connections that a fault keeps; the garbage collector would close them.
var kept sync.Map

func TestSuiteFindsFaultsWithoutHTTP(t *testing.T) {
	if fault != "" {
		t.Skip("runs the others")
	}
	for fault, where := range map[string]string{
		"keeps connections":      "Leaks",
		"outlives its context":   "Faults/hanging",
		"answers something else": "Calls/success",
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestLines$")
			cmd.Env = append(os.Environ(), "SUSPECT_FAULT="+fault)
			out, err := cmd.CombinedOutput()
			if err == nil {
				t.Fatal("the suite passed")
			}
			if !strings.Contains(string(out), "--- FAIL: TestLines/"+where) {
				t.Errorf("the suite failed elsewhere than in %s:\n%s", where, out)
			}
		})
	}
}
