package gatewaytest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"text/template"
	"time"

	"github.com/eventgateway/eventgateway/integration/processtest"
)

// Gateway is a running gateway.
type Gateway struct {
	t testing.TB
	// Events, Config and Admin are the base URLs of the three APIs; Ports are further free ports for the Caddyfile.
	Events, Config, Admin string
	// Dir holds the Caddyfile and everything the process writes.
	Dir string

	vars   vars
	cmd    *exec.Cmd
	log    *logBuffer
	exited chan struct{}
	// reloaded is set once another configuration was loaded.
	reloaded atomic.Bool
}

// Start starts a gateway and waits until it answers. It is stopped when the test ends.
func Start(t testing.TB, opts ...Option) *Gateway {
	t.Helper()
	o := &options{caddyfile: DefaultCaddyfile, extra: map[string]string{}}
	for _, opt := range opts {
		opt(o)
	}
	if o.dir == "" {
		o.dir = t.TempDir()
	}
	addr := FreeAddrs(t, 6)
	g := &Gateway{t: t, Dir: o.dir, Events: "http://" + addr[0], Config: "http://" + addr[1], Admin: "http://" + addr[2]}
	_, p1, _ := net.SplitHostPort(addr[3])
	_, p2, _ := net.SplitHostPort(addr[4])
	_, p3, _ := net.SplitHostPort(addr[5])
	g.vars = vars{
		Events: addr[0], Config: addr[1], Admin: addr[2], Data: filepath.Join(o.dir, "data"),
		Port1: p1, Port2: p2, Port3: p3, Extra: o.extra,
	}
	g.writeCaddyfile(o.caddyfile)
	g.run(o.env)
	if !o.unready {
		g.waitReady(o.unloaded)
	}
	return g
}

// Expand fills in a Caddyfile template with this gateway's variables.
func (g *Gateway) Expand(text string) string {
	g.t.Helper()
	tmpl, err := template.New("caddyfile").Option("missingkey=zero").Parse(text)
	if err != nil {
		g.t.Fatal(err)
	}
	var b strings.Builder
	if err := tmpl.Execute(&b, g.vars); err != nil {
		g.t.Fatal(err)
	}
	return b.String()
}

func (g *Gateway) writeCaddyfile(text string) {
	g.t.Helper()
	if err := os.WriteFile(filepath.Join(g.Dir, "Caddyfile"), []byte(g.Expand(text)), 0o600); err != nil {
		g.t.Fatal(err)
	}
}

func (g *Gateway) run(env []string) {
	g.t.Helper()
	g.log = &logBuffer{}
	g.cmd = exec.Command(Binary(g.t), "run", "--config", filepath.Join(g.Dir, "Caddyfile"), "--adapter", "caddyfile")
	g.cmd.Env = append(os.Environ(), "XDG_DATA_HOME="+g.Dir, "XDG_CONFIG_HOME="+g.Dir, "GORACE=halt_on_error=1")
	g.cmd.Env = append(g.cmd.Env, env...)
	g.cmd.Stdout, g.cmd.Stderr = g.log, g.log
	if err := g.cmd.Start(); err != nil {
		g.t.Fatal(err)
	}
	exited, cmd := make(chan struct{}), g.cmd
	g.exited = exited
	go func() {
		_ = cmd.Wait()
		close(exited)
	}()
	g.t.Cleanup(func() {
		g.Stop()
		if g.t.Failed() {
			g.t.Logf("log of the gateway:\n%s", g.log.tail())
		}
	})
}

func (g *Gateway) waitReady(unloaded bool) {
	g.t.Helper()
	Eventually(g.t, 30*time.Second, func() error {
		select {
		case <-g.exited:
			g.t.Fatalf("the gateway exited:\n%s", g.Log())
		default:
		}
		resp, err := http.Get(g.Admin + "/event_gateway/v1/status")
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		var status struct{ Loaded bool }
		if err := json.NewDecoder(resp.Body).Decode(&status); err != nil || resp.StatusCode != http.StatusOK {
			return fmt.Errorf("status %d: %w", resp.StatusCode, err)
		}
		if !status.Loaded && !unloaded {
			return errors.New("the configuration is not loaded")
		}
		return g.listening()
	})
}

// listening reports whether the sites of the Caddyfile accept connections: the admin endpoint is there before them.
func (g *Gateway) listening() error {
	caddyfile, err := os.ReadFile(filepath.Join(g.Dir, "Caddyfile"))
	if err != nil {
		return err
	}
	for _, addr := range []string{g.vars.Events, g.vars.Config} {
		if !bytes.Contains(caddyfile, []byte(addr)) {
			continue
		}
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			return err
		}
		conn.Close()
	}
	return nil
}

// Pid returns the process id.
func (g *Gateway) Pid() int { return g.cmd.Process.Pid }

// Signal sends a signal to the process.
func (g *Gateway) Signal(sig os.Signal) { _ = g.cmd.Process.Signal(sig) }

// Stop ends the gateway gracefully and waits. A gateway that does not end within two minutes fails the test, and tells what its
// goroutines do.
func (g *Gateway) Stop() {
	g.t.Helper()
	g.Signal(syscall.SIGTERM)
	select {
	case <-g.exited:
		return
	case <-time.After(2 * time.Minute):
	}
	before := len(g.Log())
	g.Signal(syscall.SIGABRT)
	select {
	case <-g.exited:
	case <-time.After(10 * time.Second):
		g.Kill()
	}
	g.t.Errorf("the gateway did not stop within two minutes; its goroutines:\n%s", g.Log()[before:])
}

// Kill ends the gateway with SIGKILL and waits.
func (g *Gateway) Kill() {
	_ = g.cmd.Process.Kill()
	<-g.exited
}

// Exited is closed when the process has ended.
func (g *Gateway) Exited() <-chan struct{} { return g.exited }

// client keeps no connections: a server that goes away in a reload may close one just when it is used again, and a POST is
// not sent twice.
var client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// Reload loads another Caddyfile template and returns the admin endpoint's answer.
func (g *Gateway) Reload(template string) (status int, body string) {
	g.t.Helper()
	resp, err := client.Post(g.Admin+"/load", "text/caddyfile", strings.NewReader(g.Expand(template)))
	if err != nil {
		g.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	if resp.StatusCode == http.StatusOK {
		g.reloaded.Store(true)
	}
	g.awaitAdmin()
	return resp.StatusCode, string(b)
}

// awaitAdmin waits, after a reload, until the admin endpoint before is gone: Caddy closes it only once it has answered, and
// resets the connections that its listener still holds then. One that does not go, because somebody uses it, is not waited
// for much longer.
func (g *Gateway) awaitAdmin() {
	for range 500 {
		log := g.Log()
		if strings.Count(log, `"admin endpoint started"`)-strings.Count(log, `"stopped previous server"`) <= 1 {
			return
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// Do sends a request with a JSON body (nil for none) and fails the test if the status is not want. It returns the body. After a
// reload a GET is sent again until it is answered: a connection that the old listener's queue still held when Caddy closed it is
// reset.
func (g *Gateway) Do(method, url string, body any, want int) []byte {
	g.t.Helper()
	var r io.Reader
	if s, ok := body.(string); ok {
		r = strings.NewReader(s)
	} else if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			g.t.Fatal(err)
		}
		r = bytes.NewReader(b)
	}
	req, err := http.NewRequest(method, url, r)
	if err != nil {
		g.t.Fatal(err)
	}
	if r != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := client.Do(req)
	if err != nil && r == nil && method == http.MethodGet && g.reloaded.Load() {
		Eventually(g.t, time.Minute, func() error {
			resp, err = client.Do(req)
			return err
		})
	}
	if err != nil {
		g.t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		g.t.Fatal(err)
	}
	if resp.StatusCode != want {
		g.t.Fatalf("%s %s: status %d, want %d: %s", method, url, resp.StatusCode, want, answer)
	}
	return answer
}

// FreeAddrs returns addresses on the loopback interface, with ports that processtest.FreePorts has.
func FreeAddrs(t testing.TB, n int) []string {
	t.Helper()
	addrs := make([]string, n)
	for i, port := range processtest.FreePorts(t, n) {
		addrs[i] = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	}
	return addrs
}

// Eventually calls check until it returns nil, and fails the test when it has not within the time.
func Eventually(t testing.TB, within time.Duration, check func() error) {
	t.Helper()
	deadline := time.Now().Add(within)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %v", within, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
