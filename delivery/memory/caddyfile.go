package memory

import (
	"strconv"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/dustin/go-humanize"
)

// UnmarshalCaddyfile sets up the queue from Caddyfile tokens:
//
//	memory {
//	    max_deliveries   <number>
//	    max_bytes        <size>
//	    max_per_function <number>
//	    dead_letters {
//	        max_age   <duration>
//	        max_bytes <size>
//	        max_count <number>
//	    }
//	}
func (q *Queue) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the queue's name
	if d.NextArg() {
		return d.ArgErr()
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		var err error
		switch option := d.Val(); option {
		case "max_deliveries":
			err = set(d, &q.MaxDeliveries, strconv.Atoi, "a positive number")
		case "max_bytes":
			err = set(d, &q.MaxBytes, parseSize, "a size such as 256MiB or 1GiB")
		case "max_per_function":
			err = set(d, &q.MaxPerFunction, strconv.Atoi, "a positive number")
		case "dead_letters":
			if q.DeadLetters == nil {
				q.DeadLetters = new(DeadLetters)
			}
			err = q.DeadLetters.unmarshal(d)
		default:
			err = d.Errf("unknown option %q of queue memory: want max_deliveries, max_bytes, max_per_function or dead_letters", option)
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
		switch option := d.Val(); option {
		case "max_age":
			err = set(d, &l.MaxAge, parseDuration, "a positive duration such as 336h")
		case "max_bytes":
			err = set(d, &l.MaxBytes, parseSize, "a size such as 256MiB or 1GiB")
		case "max_count":
			err = set(d, &l.MaxCount, strconv.Atoi, "a positive number")
		default:
			err = d.Errf("unknown option %q of dead_letters: want max_age, max_bytes or max_count", option)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// set reads the one argument of an option, which must be positive.
func set[T int | int64 | caddy.Duration](d *caddyfile.Dispenser, to *T, parse func(string) (T, error), accepted string) error {
	option, text := d.Val(), ""
	if *to != 0 {
		return d.Errf("%s is given twice", option)
	}
	if !d.AllArgs(&text) {
		return d.ArgErr()
	}
	value, err := parse(text)
	if err != nil || value <= 0 {
		return d.Errf("%s: %q is not accepted: want %s", option, text, accepted)
	}
	*to = value
	return nil
}

// parseSize reads a size; one that is too large for an int64 comes out negative.
func parseSize(text string) (int64, error) {
	n, err := humanize.ParseBytes(text)
	return int64(n), err
}

func parseDuration(text string) (caddy.Duration, error) {
	v, err := caddy.ParseDuration(text)
	return caddy.Duration(v), err
}
