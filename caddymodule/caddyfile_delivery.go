package caddymodule

import (
	"strconv"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/internal/caddyblock"
)

// unmarshalDelivery reads a delivery policy: of one subscription, or the default of all. What stands in the block is added
// to what to has: lists add up, and a setting that is there already is an error. Syntax:
//
//	delivery {
//	    attempts     <number>
//	    backoff      [<initial> [<factor> [<maximum>]]] {
//	        initial <duration>
//	        factor  <number>
//	        maximum <duration>
//	        jitter  <number>
//	    }
//	    max_age      <duration>
//	    timeout      <duration>
//	    retry_on     <outcomes...>
//	    dead_letter  <function>
//	    ordering_key <expression>
//	}
func unmarshalDelivery(to *eventgateway.Delivery, d *caddyfile.Dispenser) error {
	return caddyblock.Read(d, "delivery",
		caddyblock.Int("attempts", &to.Attempts),
		caddyblock.Merged("backoff", &to.Backoff, unmarshalBackoff),
		caddyblock.Duration("max_age", &to.MaxAge),
		caddyblock.Duration("timeout", &to.Timeout),
		caddyblock.Strings("retry_on", &to.RetryOn),
		caddyblock.String("dead_letter", &to.DeadLetter),
		caddyblock.String("ordering_key", &to.OrderingKey),
	)
}

// unmarshalBackoff reads the waits between attempts: from the line itself, from a block, or from both.
func unmarshalBackoff(to *eventgateway.Backoff, d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	if len(args) > 3 {
		return d.ArgErr()
	}
	for i, text := range args {
		if err := setBackoff(d, []string{"initial", "factor", "maximum"}[i], text, to); err != nil {
			return err
		}
	}
	said := len(args) > 0
	option := func(name string) caddyblock.Option {
		return caddyblock.Func(name, func(d *caddyfile.Dispenser) error {
			said = true
			var text string
			if !d.AllArgs(&text) {
				return d.ArgErr()
			}
			return setBackoff(d, name, text, to)
		})
	}
	if err := caddyblock.Read(d, "backoff", option("initial"), option("factor"), option("maximum"), option("jitter")); err != nil {
		return err
	}
	if !said {
		return d.ArgErr()
	}
	return nil
}

func setBackoff(d *caddyfile.Dispenser, name, text string, to *eventgateway.Backoff) error {
	switch name {
	case "initial":
		return parseWait(d, name, text, &to.Initial)
	case "factor":
		return parseFactor(d, text, &to.Factor)
	case "maximum":
		return parseWait(d, name, text, &to.Maximum)
	default:
		return parseJitter(d, text, &to.Jitter)
	}
}

func parseWait(d *caddyfile.Dispenser, name, text string, to *eventgateway.Duration) error {
	if *to != 0 {
		return d.Errf("backoff %s is given twice", name)
	}
	v, err := caddy.ParseDuration(text)
	if err != nil || v <= 0 {
		return d.Errf("backoff %s: %q is not accepted: want a positive duration such as 30s", name, text)
	}
	*to = eventgateway.Duration(v)
	return nil
}

func parseFactor(d *caddyfile.Dispenser, text string, to *float64) error {
	if *to != 0 {
		return d.Err("backoff factor is given twice")
	}
	v, err := strconv.ParseFloat(text, 64)
	if within := v >= 1 && v <= eventgateway.MaxBackoffFactor; err != nil || !within {
		return d.Errf("backoff factor: %q is not accepted: want a number from 1 to %d", text, eventgateway.MaxBackoffFactor)
	}
	*to = v
	return nil
}

func parseJitter(d *caddyfile.Dispenser, text string, to **float64) error {
	if *to != nil {
		return d.Err("backoff jitter is given twice")
	}
	v, err := strconv.ParseFloat(text, 64)
	if within := v >= 0 && v <= 1; err != nil || !within {
		return d.Errf("backoff jitter: %q is not accepted: want a number from 0 to 1", text)
	}
	*to = &v
	return nil
}
