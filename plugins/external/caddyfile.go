package external

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/eventgateway/eventgateway/internal/caddyblock"
)

// UnmarshalCaddyfile sets up the plugin from Caddyfile tokens:
//
//	external {
//	    name            <name>
//	    command         <program> [<arguments...>]
//	    env             <name> <value>
//	    dir             <directory>
//	    timeout         <duration>
//	    fail_open
//	    workers         <number>
//	    require_mtls
//	    restart_backoff <initial> [<maximum>]
//	}
//
// The command may as well follow the plugin's name. env may be given several times.
func (p *Plugin) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the plugin's name
	p.Command = d.RemainingArgs()
	if err := caddyblock.Read(d, "plugin external",
		caddyblock.String("name", &p.Name),
		caddyblock.Func("command", p.unmarshalCommand),
		caddyblock.Func("env", p.unmarshalEnv),
		caddyblock.String("dir", &p.Dir),
		caddyblock.Duration("timeout", &p.Timeout),
		caddyblock.Flag("fail_open", &p.FailOpen),
		caddyblock.Int("workers", &p.Workers),
		caddyblock.Flag("require_mtls", &p.RequireMTLS),
		caddyblock.Func("restart_backoff", p.unmarshalRestartBackoff),
	); err != nil {
		return err
	}
	if len(p.Command) == 0 {
		return d.Err("plugin external wants a command")
	}
	return nil
}

func (p *Plugin) unmarshalCommand(d *caddyfile.Dispenser) error {
	if len(p.Command) > 0 {
		return d.Err("command is given twice")
	}
	if p.Command = d.RemainingArgs(); len(p.Command) == 0 {
		return d.ArgErr()
	}
	return nil
}

func (p *Plugin) unmarshalEnv(d *caddyfile.Dispenser) error {
	var name, value string
	if !d.AllArgs(&name, &value) {
		return d.ArgErr()
	}
	p.Env = append(p.Env, name+"="+value)
	return nil
}

func (p *Plugin) unmarshalRestartBackoff(d *caddyfile.Dispenser) error {
	texts := d.RemainingArgs()
	if len(texts) == 0 || len(texts) > 2 {
		return d.ArgErr()
	}
	for i, text := range texts {
		to := []*caddy.Duration{&p.RestartBackoff, &p.RestartMaximum}[i]
		if *to != 0 {
			return d.Err("restart_backoff is given twice")
		}
		value, err := caddy.ParseDuration(text)
		if err != nil || value <= 0 {
			return d.Errf("restart_backoff: %q is not accepted: want a positive duration such as 5s", text)
		}
		*to = caddy.Duration(value)
	}
	return nil
}
