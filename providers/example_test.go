package providers_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/egress"
)

// Line is a provider: functions that take one line over TCP and answer with one.
type Line struct {
	// Address is where the function listens, host:port. Required.
	Address string `json:"address"`

	maxResponse int64
	dial        egress.DialFunc
}

func (*Line) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: providers.Namespace + ".line", New: func() caddy.Module { return new(Line) }}
}

// Validate reports the first wrong field. It does no I/O.
func (p *Line) Validate() error {
	if _, _, err := net.SplitHostPort(p.Address); err != nil {
		return eventgateway.InvalidField("address", p.Address, "host:port")
	}
	return nil
}

// Open makes the function callable. It does no network I/O.
func (p *Line) Open(env providers.Env) (providers.Invoker, error) {
	return &Line{Address: p.Address, maxResponse: env.MaxResponse, dial: env.Egress.DialContext}, nil
}

// Invoke calls the function: where the server's egress rules allow it, bounded in time by ctx and in memory by MaxResponse,
// with every failure classified.
func (p *Line) Invoke(ctx context.Context, call *providers.Call) (*providers.Result, error) {
	conn, err := p.dial(ctx, "tcp", p.Address)
	if err != nil {
		return nil, providers.NetworkError(ctx, p.Address, err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if _, err := conn.Write(append(bytes.ReplaceAll(call.Payload, []byte("\n"), nil), '\n')); err != nil {
		return nil, providers.NetworkError(ctx, p.Address, err)
	}
	line, err := bufio.NewReader(io.LimitReader(conn, p.maxResponse+1)).ReadBytes('\n')
	switch {
	case int64(len(line)) > p.maxResponse:
		return nil, providers.TooLarge(p.maxResponse)
	case err != nil:
		return nil, providers.NetworkError(ctx, p.Address, err)
	}
	return &providers.Result{ContentType: "application/json", Body: bytes.TrimSpace(line)}, nil
}

// A provider from outside registers itself in an init function of its package; the gateway finds it by the function's
// type. The function here answers what it is sent.
func Example() {
	caddy.RegisterModule(new(Line))

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer listener.Close()
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		line, _ := bufio.NewReader(conn).ReadBytes('\n')
		_, _ = conn.Write(line)
	}()

	h := providers.Open(&eventgateway.Function{
		Space: "default", ID: "hello", Type: "line", Provider: fmt.Appendf(nil, `{"address":%q}`, listener.Addr()),
	}, providers.Env{Space: "default", FunctionID: "hello", Logger: slog.Default(), MaxResponse: 1 << 20})
	defer h.Close()
	result, err := h.Invoke(context.Background(), &providers.Call{
		Payload: []byte(`{"event":"user.created"}`), ContentType: "application/json",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(string(result.Body))
	// Output: {"event":"user.created"}
}

// The page on writing providers shows the one above, as it is compiled here.
func TestDocumentedProvider(t *testing.T) {
	source, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../docs/providers/README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, sample, _ := strings.Cut(string(source), "\n// Line is a provider:")
	sample, _, found := strings.Cut(sample, "\n// A provider from outside")
	if !found || !strings.Contains(string(page), strings.TrimSpace(sample)) {
		t.Error("docs/providers/README.md shows another provider than the one in example_test.go")
	}
}
