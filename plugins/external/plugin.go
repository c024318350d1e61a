// Package external is a plugin that is a program of its own: the gateway starts it and calls it over gRPC, by the protocol of
// HashiCorp's go-plugin. It is the Caddy module event_gateway.plugins.external.
package external

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/plugins"
)

func init() {
	caddy.RegisterModule(new(Plugin))
}

const (
	module = "external"

	defaultRestartBackoff = 500 * time.Millisecond
	defaultRestartMaximum = 30 * time.Second
)

// Plugin is a plugin that is a program of its own. The gateway starts the program with the configuration, starts it again when
// it ends, and ends it with the configuration; it does not outlive the gateway.
type Plugin struct {
	// The name by which logs and metrics know it, where there are several. Default: "external".
	Name string `json:"name,omitempty"`

	// The program and its arguments. The program is an absolute path, or a name looked for in the gateway's PATH. Placeholders
	// are expanded. Required.
	Command []string `json:"command"`

	// The environment of the program, each as NAME=value. It gets nothing of the gateway's own environment: what it needs of
	// that, such as PATH={env.PATH}, is named here. Placeholders are expanded.
	Env []string `json:"env,omitempty"`

	// The directory it runs in, an absolute path. Default: the gateway's.
	Dir string `json:"dir,omitempty"`

	// How long it may take to react to an event. Default: 5s.
	Timeout caddy.Duration `json:"timeout,omitempty"`

	// Let events go on where a sync reaction to them failed or took too long, or the program does not run. Default: they are
	// stopped, and the sender gets a 503 or a 500.
	FailOpen bool `json:"fail_open,omitempty"`

	// How many async reactions run at a time. With 1 the events come in their order. Default: 8.
	Workers int `json:"workers,omitempty"`

	// Refuse to talk to a program that does not take part in mutual TLS. Default: such a program, which may well be one that is
	// not written in Go, is talked to in plain text.
	RequireMTLS bool `json:"require_mtls,omitempty"`

	// How long to wait before the program is started again. The wait doubles each time, up to restart_maximum, and begins anew
	// once the program has run that long. Default: 500ms.
	RestartBackoff caddy.Duration `json:"restart_backoff,omitempty"`

	// The longest wait before the program is started again. Default: 30s.
	RestartMaximum caddy.Duration `json:"restart_maximum,omitempty"`

	logger        *slog.Logger
	subscriptions []plugins.Subscription
	current       atomic.Pointer[program] // nil while the program does not run
	cancel        context.CancelFunc      // ends the supervisor
	ended         chan struct{}           // closed when the supervisor has ended
}

// CaddyModule returns the Caddy module information.
func (*Plugin) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: plugins.Namespace + "." + module, New: func() caddy.Module { return new(Plugin) }}
}

// Provision sets up the plugin. It starts nothing.
func (p *Plugin) Provision(ctx caddy.Context) error {
	repl := caddy.NewReplacer()
	for field, texts := range map[string][]string{"command": p.Command, "env": p.Env} {
		for i, text := range texts {
			expanded, err := repl.ReplaceOrErr(text, true, false)
			if err != nil {
				return fmt.Errorf("%s[%d]: %w", field, i, err)
			}
			texts[i] = expanded
		}
	}
	if p.RestartBackoff == 0 {
		p.RestartBackoff = caddy.Duration(defaultRestartBackoff)
	}
	if p.RestartMaximum == 0 {
		p.RestartMaximum = max(caddy.Duration(defaultRestartMaximum), p.RestartBackoff)
	}
	p.logger = ctx.Slogger().With(slog.String("plugin", p.Label()))
	return nil
}

// Validate reports the first field that is wrong. It neither looks for the program nor starts it.
func (p *Plugin) Validate() error {
	if p.Name != "" {
		if err := eventgateway.ValidateID("name", p.Name); err != nil {
			return err
		}
	}
	if len(p.Command) == 0 || p.Command[0] == "" {
		return eventgateway.InvalidField("command", "", "a program and its arguments")
	}
	if name := p.Command[0]; name != filepath.Base(name) && !filepath.IsAbs(name) {
		return eventgateway.InvalidField("command", name, "an absolute path, or a name to be found in PATH")
	}
	if p.Dir != "" && !filepath.IsAbs(p.Dir) {
		return eventgateway.InvalidField("dir", p.Dir, "an absolute path")
	}
	for i, variable := range p.Env {
		// The value may be a credential, and so may all of it be where the name was forgotten.
		if name, _, ok := strings.Cut(variable, "="); !ok || name == "" || strings.Contains(variable, "\x00") {
			return eventgateway.Errorf(eventgateway.Invalid, "env[%d]: not accepted: want NAME=value", i)
		}
	}
	for _, d := range []struct {
		field string
		value caddy.Duration
	}{
		{"timeout", p.Timeout},
		{"restart_backoff", p.RestartBackoff},
		{"restart_maximum", p.RestartMaximum},
	} {
		if d.value < 0 {
			return eventgateway.InvalidField(d.field, time.Duration(d.value).String(), "a positive duration, or 0s for the default")
		}
	}
	if p.RestartMaximum < p.RestartBackoff {
		return eventgateway.InvalidField("restart_maximum", time.Duration(p.RestartMaximum).String(),
			"a duration not shorter than restart_backoff")
	}
	if p.Workers < 0 {
		return eventgateway.Errorf(eventgateway.Invalid, "workers: %d is not accepted: want a positive number, or 0 for the default", p.Workers)
	}
	return nil
}

// Label implements plugins.Labeled.
func (p *Plugin) Label() string {
	if p.Name == "" {
		return module
	}
	return p.Name
}

// Tuning implements plugins.Tuned.
func (p *Plugin) Tuning() plugins.Tuning {
	return plugins.Tuning{Timeout: time.Duration(p.Timeout), FailOpen: p.FailOpen, Workers: p.Workers}
}

// Subscriptions returns what the program said when it was first started.
func (p *Plugin) Subscriptions() []plugins.Subscription { return p.subscriptions }

// Interface guards
var (
	_ plugins.Plugin        = (*Plugin)(nil)
	_ plugins.Starter       = (*Plugin)(nil)
	_ plugins.Tuned         = (*Plugin)(nil)
	_ plugins.Labeled       = (*Plugin)(nil)
	_ caddy.Provisioner     = (*Plugin)(nil)
	_ caddy.Validator       = (*Plugin)(nil)
	_ caddyfile.Unmarshaler = (*Plugin)(nil)
)
