package external

import (
	"strconv"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
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
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		var err error
		switch option := d.Val(); option {
		case "name":
			err = setString(d, &p.Name)
		case "command":
			err = p.unmarshalCommand(d)
		case "env":
			var name, value string
			if !d.AllArgs(&name, &value) {
				return d.ArgErr()
			}
			p.Env = append(p.Env, name+"="+value)
		case "dir":
			err = setString(d, &p.Dir)
		case "timeout":
			err = setDurations(d, &p.Timeout)
		case "fail_open":
			err = setFlag(d, &p.FailOpen)
		case "workers":
			err = p.unmarshalWorkers(d)
		case "require_mtls":
			err = setFlag(d, &p.RequireMTLS)
		case "restart_backoff":
			err = setDurations(d, &p.RestartBackoff, &p.RestartMaximum)
		default:
			err = d.Errf("unknown option %q of plugin external: want name, command, env, dir, timeout, fail_open, workers, "+
				"require_mtls or restart_backoff", option)
		}
		if err != nil {
			return err
		}
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

func (p *Plugin) unmarshalWorkers(d *caddyfile.Dispenser) error {
	var text string
	if err := setString(d, &text); err != nil {
		return err
	}
	n, err := strconv.Atoi(text)
	if err != nil || n <= 0 {
		return d.Errf("workers: %q is not accepted: want a positive number", text)
	}
	p.Workers = n
	return nil
}

func setString(d *caddyfile.Dispenser, to *string) error {
	option := d.Val()
	if *to != "" {
		return d.Errf("%s is given twice", option)
	}
	if !d.AllArgs(to) || *to == "" {
		return d.ArgErr()
	}
	return nil
}

func setFlag(d *caddyfile.Dispenser, to *bool) error {
	if d.NextArg() {
		return d.ArgErr()
	}
	*to = true
	return nil
}

// setDurations reads one argument at least, and at most as many as there are places for.
func setDurations(d *caddyfile.Dispenser, to ...*caddy.Duration) error {
	option := d.Val()
	texts := d.RemainingArgs()
	if len(texts) == 0 || len(texts) > len(to) {
		return d.ArgErr()
	}
	for i, text := range texts {
		if *to[i] != 0 {
			return d.Errf("%s is given twice", option)
		}
		value, err := caddy.ParseDuration(text)
		if err != nil || value <= 0 {
			return d.Errf("%s: %q is not accepted: want a positive duration such as 5s", option, text)
		}
		*to[i] = caddy.Duration(value)
	}
	return nil
}
