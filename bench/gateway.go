package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/template"
	"time"
)

// gateway is a caddy process with one site for every row.
type gateway struct {
	// Gateway, Respond, Proxy and Admin are the addresses of its listeners, Backend that of the functions.
	Gateway, Respond, Proxy, Admin, Backend string
	Body, Dir                               string
	// Queue is the queue's directive, with its block.
	Queue string

	cmd    *exec.Cmd
	stderr bytes.Buffer
	ended  chan struct{}
}

var caddyfile = template.Must(template.New("Caddyfile").Parse(`{
	admin {{.Admin}}
	auto_https off
	persist_config off
	default_bind 127.0.0.1
	log {
		level ERROR
	}
	event_gateway {
		data_dir "{{.Dir}}/event_gateway"
		queue {{.Queue}}
		function bench {
			http http://{{.Backend}}/fn
		}
		function async {
			http http://{{.Backend}}/event
		}
		subscription http {
			method GET
			path /bench
			function bench
		}
		subscription bench.async {
			path /
			function async
		}
	}
}
http://{{.Gateway}} {
	event_gateway
}
http://{{.Respond}} {
	header Content-Type "text/plain; charset=utf-8"
	respond "{{.Body}}"
}
http://{{.Proxy}} {
	reverse_proxy {{.Backend}}
}
`))

// buildBinary builds caddy with the module of this checkout.
func buildBinary(ctx context.Context, dir string) (string, error) {
	progress("building caddy with the module …")
	path := filepath.Join(dir, "caddy.exe")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", path, "github.com/eventgateway/eventgateway/integration/caddy")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building caddy: %w\n%s", err, out)
	}
	return path, nil
}

// startGateway starts binary with a queue and its files under dir, and waits until it serves.
func startGateway(ctx context.Context, binary, dir, backend, queue string) (*gateway, error) {
	dir, err := os.MkdirTemp(dir, "gateway-")
	if err != nil {
		return nil, err
	}
	g := &gateway{Backend: backend, Body: answerBody, Dir: filepath.ToSlash(dir), Queue: queue, ended: make(chan struct{})}
	if err := freeAddresses(ctx, &g.Gateway, &g.Respond, &g.Proxy, &g.Admin); err != nil {
		return nil, err
	}
	var config bytes.Buffer
	if err := caddyfile.Execute(&config, g); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "Caddyfile")
	if err := os.WriteFile(path, config.Bytes(), 0o600); err != nil {
		return nil, err
	}
	// Not bound to ctx: stop ends it gently.
	g.cmd = exec.CommandContext(context.WithoutCancel(ctx), binary, "run", "--config", path, "--adapter", "caddyfile")
	g.cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
	g.cmd.Stderr = &g.stderr
	if err := g.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting caddy: %w", err)
	}
	go func() {
		_ = g.cmd.Wait()
		close(g.ended)
	}()
	if err := g.waitReady(ctx); err != nil {
		g.stop()
		return nil, fmt.Errorf("%w\n%s", err, strings.TrimSpace(g.stderr.String()))
	}
	return g, nil
}

// freeAddresses finds loopback addresses nobody listens on.
func freeAddresses(ctx context.Context, addrs ...*string) error {
	for _, addr := range addrs {
		listener, err := listen(ctx)
		if err != nil {
			return err
		}
		// All are held until the last is found, so that they differ.
		defer func() { _ = listener.Close() }()
		*addr = listener.Addr().String()
	}
	return nil
}

const startTimeout = 30 * time.Second

func (g *gateway) waitReady(ctx context.Context) error {
	deadline := time.After(startTimeout)
	for {
		var err error
		for _, url := range []string{"http://" + g.Gateway + "/bench", "http://" + g.Respond + "/", "http://" + g.Proxy + "/plain"} {
			var body []byte
			if body, err = get(ctx, url); err != nil {
				break
			}
			if string(body) != answerBody {
				return fmt.Errorf("%s answered with %.80q", url, body)
			}
		}
		if err == nil {
			return nil
		}
		select {
		case <-g.ended:
			return errors.New("caddy ended")
		case <-ctx.Done():
			return ctx.Err()
		case <-deadline:
			return fmt.Errorf("caddy does not serve: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// queued returns how many deliveries wait or run.
func (g *gateway) queued(ctx context.Context) (int, error) {
	body, err := get(ctx, "http://"+g.Admin+"/event_gateway/v1/status")
	if err != nil {
		return 0, err
	}
	var status struct {
		Queue *struct{ Waiting, Running int }
	}
	if err := json.Unmarshal(body, &status); err != nil {
		return 0, fmt.Errorf("reading the status: %w", err)
	}
	if status.Queue == nil {
		return 0, errors.New("the status says nothing of the queue")
	}
	return status.Queue.Waiting + status.Queue.Running, nil
}

// stop ends caddy, gently at first, and returns when it has ended.
func (g *gateway) stop() {
	if err := g.cmd.Process.Signal(os.Interrupt); err == nil {
		select {
		case <-g.ended:
			return
		case <-time.After(startTimeout):
		}
	}
	_ = g.cmd.Process.Kill()
	<-g.ended
}
