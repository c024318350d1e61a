package jetstream

import (
	"strconv"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/dustin/go-humanize"
)

// UnmarshalCaddyfile sets up the queue from Caddyfile tokens:
//
//	jetstream {
//	    sync             always
//	    max_bytes        <size>
//	    max_deliveries   <number>
//	    max_memory       <size>
//	    max_per_function <number>
//	    reserve          <size>
//	    dead_letters {
//	        max_age   <duration>
//	        max_bytes <size>
//	    }
//	    urls        <urls...>
//	    credentials <file>
//	    username    <name>
//	    password    <password>
//	    token       <token>
//	    tls {
//	        ca          <pem_file>
//	        cert        <cert_file> <key_file>
//	        server_name <name>
//	    }
//	    replicas   <number>
//	    partitions <number>
//	}
func (q *Queue) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the queue's name
	if d.NextArg() {
		return d.ArgErr()
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		var err error
		switch name := d.Val(); name {
		case "sync":
			err = setString(d, &q.Sync)
		case "max_bytes":
			err = setSize(d, &q.MaxBytes)
		case "max_deliveries":
			err = setInt(d, &q.MaxDeliveries)
		case "max_memory":
			err = setSize(d, &q.MaxMemory)
		case "max_per_function":
			err = setInt(d, &q.MaxPerFunction)
		case "reserve":
			err = setSize(d, &q.Reserve)
		case "dead_letters":
			if q.DeadLetters == nil {
				q.DeadLetters = new(DeadLetters)
			}
			err = q.DeadLetters.unmarshal(d)
		case "urls":
			err = addStrings(d, &q.URLs)
		case "credentials":
			err = setString(d, &q.Credentials)
		case "username":
			err = setString(d, &q.Username)
		case "password":
			err = setString(d, &q.Password)
		case "token":
			err = setString(d, &q.Token)
		case "tls":
			if q.TLS == nil {
				q.TLS = new(TLS)
			}
			err = q.TLS.unmarshal(d)
		case "replicas":
			err = setInt(d, &q.Replicas)
		case "partitions":
			err = setInt(d, &q.Partitions)
		default:
			err = d.Errf("unknown option %q of queue jetstream: want sync, max_bytes, max_deliveries, max_memory, "+
				"max_per_function, reserve, dead_letters, urls, credentials, username, password, token, tls, replicas or "+
				"partitions", name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (l *DeadLetters) unmarshal(d *caddyfile.Dispenser) error {
	if d.NextArg() {
		return d.ArgErr()
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		var err error
		switch name := d.Val(); name {
		case "max_age":
			err = setDuration(d, &l.MaxAge)
		case "max_bytes":
			err = setSize(d, &l.MaxBytes)
		default:
			err = d.Errf("unknown option %q of dead_letters: want max_age or max_bytes", name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (t *TLS) unmarshal(d *caddyfile.Dispenser) error {
	if d.NextArg() {
		return d.ArgErr()
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		var err error
		switch name := d.Val(); name {
		case "ca":
			err = setString(d, &t.CA)
		case "cert":
			if err = once(d, t.Cert == ""); err == nil && !d.AllArgs(&t.Cert, &t.Key) {
				err = d.ArgErr()
			}
		case "server_name":
			err = setString(d, &t.ServerName)
		default:
			err = d.Errf("unknown option %q of tls: want ca, cert or server_name", name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// once reports an error if the setting in the dispenser's current line stands for the second time.
func once(d *caddyfile.Dispenser, unset bool) error {
	if !unset {
		return d.Errf("%s is given twice", d.Val())
	}
	return nil
}

func setString(d *caddyfile.Dispenser, to *string) error {
	if err := once(d, *to == ""); err != nil {
		return err
	}
	if !d.AllArgs(to) {
		return d.ArgErr()
	}
	return nil
}

func addStrings(d *caddyfile.Dispenser, to *[]string) error {
	args := d.RemainingArgs()
	if len(args) == 0 {
		return d.ArgErr()
	}
	*to = append(*to, args...)
	return nil
}

func setInt(d *caddyfile.Dispenser, to *int) error {
	name, text := d.Val(), ""
	if err := once(d, *to == 0); err != nil {
		return err
	}
	if !d.AllArgs(&text) {
		return d.ArgErr()
	}
	n, err := strconv.Atoi(text)
	if err != nil || n <= 0 {
		return d.Errf("%s: %q is not accepted: want a positive number", name, text)
	}
	*to = n
	return nil
}

func setSize(d *caddyfile.Dispenser, to *int64) error {
	name, text := d.Val(), ""
	if err := once(d, *to == 0); err != nil {
		return err
	}
	if !d.AllArgs(&text) {
		return d.ArgErr()
	}
	n, err := humanize.ParseBytes(text)
	if err != nil || n == 0 || n > 1<<50 {
		return d.Errf("%s: %q is not accepted: want a size such as 256MiB or 10GiB", name, text)
	}
	*to = int64(n)
	return nil
}

func setDuration(d *caddyfile.Dispenser, to *caddy.Duration) error {
	name, text := d.Val(), ""
	if err := once(d, *to == 0); err != nil {
		return err
	}
	if !d.AllArgs(&text) {
		return d.ArgErr()
	}
	v, err := caddy.ParseDuration(text)
	if err != nil || v <= 0 {
		return d.Errf("%s: %q is not accepted: want a positive duration such as 336h", name, text)
	}
	*to = caddy.Duration(v)
	return nil
}
