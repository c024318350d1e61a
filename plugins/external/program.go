package external

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os/exec"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/plugins"
	"github.com/eventgateway/eventgateway/plugins/external/proto"
)

// stopGrace is how long a program may take to end once it was told to.
const stopGrace = 2 * time.Second

// program is one run of the program.
type program struct {
	process       *process
	client        *plugin.Client
	outputs       []*output
	calls         proto.PluginClient
	subscriptions []plugins.Subscription
}

// startProgram starts the program and asks what it subscribes to. When ctx is done first, the program is killed.
func (p *Plugin) startProgram(ctx context.Context) (*program, error) {
	path, err := exec.LookPath(p.Command[0])
	if err != nil {
		return nil, err
	}
	g := &program{process: newProcess(&exec.Cmd{Path: path, Args: p.Command, Dir: p.Dir})}
	config := &plugin.ClientConfig{
		HandshakeConfig: proto.Handshake,
		Plugins:         plugin.PluginSet{proto.Name: &proto.GRPC{}},
		RunnerFunc: func(_ hclog.Logger, cmd *exec.Cmd, _ string) (runner.Runner, error) {
			g.process.cmd.Env = append(append([]string{}, p.Env...), cmd.Env...)
			return g.process, nil
		},
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		AutoMTLS:         true,
		SkipHostEnv:      true,
		StartTimeout:     startTimeout,
		Logger:           hclog.New(&hclog.LoggerOptions{Level: hclog.Off, Output: io.Discard}),
		Stderr:           g.output(p.logger),
		SyncStdout:       g.output(p.logger),
		SyncStderr:       g.output(p.logger),
	}
	g.client = plugin.NewClient(config)
	defer context.AfterFunc(ctx, func() { _ = g.process.Kill(ctx) })()
	if err := g.connect(ctx, config, p.RequireMTLS); err != nil {
		// What the program did not do in time is not its own error.
		if ctx.Err() != nil {
			err = fmt.Errorf("the program could not be called in time: %w", ctx.Err())
		}
		_ = g.process.Kill(ctx)
		g.close(ctx)
		return nil, err
	}
	return g, nil
}

// output returns a writer for what the program writes.
func (g *program) output(logger *slog.Logger) io.Writer {
	o := &output{logger: logger}
	g.outputs = append(g.outputs, o)
	return o
}

func (g *program) connect(ctx context.Context, config *plugin.ClientConfig, requireMTLS bool) error {
	if _, err := g.client.Start(); err != nil {
		return errors.New(brief(err.Error())) // it may hold what the program wrote
	}
	// A program that takes part in mutual TLS has answered with its certificate.
	if config.TLSConfig != nil && config.TLSConfig.RootCAs == nil {
		if requireMTLS {
			return errors.New("the program does not take part in mutual TLS, which require_mtls asks for")
		}
		config.TLSConfig = nil
	}
	protocol, err := g.client.Client()
	if err != nil {
		return err
	}
	calls, err := protocol.Dispense(proto.Name)
	if err != nil {
		return err
	}
	g.calls = calls.(proto.PluginClient)
	response, err := g.calls.Subscriptions(ctx, &proto.SubscriptionsRequest{})
	if err != nil {
		return fmt.Errorf("asking the program for its subscriptions: %w", err)
	}
	for _, s := range response.GetSubscriptions() {
		g.subscriptions = append(g.subscriptions, plugins.Subscription{Event: s.GetEvent(), Type: proto.ToType(s.GetType())})
	}
	return nil
}

// brief bounds a text that is not ours.
func brief(text string) string {
	const limit = 512
	if len(text) > limit {
		text = text[:limit] + "…"
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}

// react has the program react to ev.
func (g *program) react(ctx context.Context, ev *eventgateway.Event) error {
	response, err := g.calls.React(ctx, &proto.ReactRequest{Event: proto.FromEvent(ev)})
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		switch s := status.Convert(err); s.Code() {
		case codes.Unavailable, codes.Canceled, codes.DeadlineExceeded:
			// It has just ended, or is about to be ended.
			return &downError{reason: s.Message()}
		default:
			return fmt.Errorf("the program: %s: %s", s.Code(), s.Message())
		}
	}
	if refusal := response.GetRefusal(); refusal != nil {
		return &plugins.Refusal{Status: int(refusal.GetStatus()), Message: refusal.GetMessage()}
	}
	return nil
}

// close ends the program: it is told to, and killed when that takes too long or ctx is done. It returns when the program has
// ended.
func (g *program) close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, stopGrace)
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = g.process.Kill(ctx) })()
	g.process.endInput()
	g.client.Kill()
	g.process.close()
	for _, o := range g.outputs {
		o.end()
	}
}

// downError is why a program cannot be called now.
type downError struct{ reason string }

func (e *downError) Error() string { return "the program cannot be called: " + e.reason }

// StatusCode returns the status a sender gets whose event is stopped for it.
func (e *downError) StatusCode() int { return http.StatusServiceUnavailable }
