package caddymodule

import (
	"strconv"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/eventgateway/eventgateway"
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
func unmarshalDelivery(d *caddyfile.Dispenser, to *eventgateway.Delivery) error {
	if d.NextArg() {
		return d.ArgErr()
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		var err error
		switch name := d.Val(); name {
		case "attempts":
			err = setInt(d, &to.Attempts)
		case "backoff":
			if to.Backoff == nil {
				to.Backoff = new(eventgateway.Backoff)
			}
			err = unmarshalBackoff(d, to.Backoff)
		case "max_age":
			err = setDuration(d, (*caddy.Duration)(&to.MaxAge))
		case "timeout":
			err = setDuration(d, (*caddy.Duration)(&to.Timeout))
		case "retry_on":
			err = addStrings(d, &to.RetryOn)
		case "dead_letter":
			err = setString(d, &to.DeadLetter)
		case "ordering_key":
			err = setString(d, &to.OrderingKey)
		default:
			err = d.Errf("unrecognized delivery subdirective %q: want attempts, backoff, max_age, timeout, retry_on, dead_letter or "+
				"ordering_key", name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// unmarshalBackoff reads the waits between attempts: from the line itself, from a block, or from both.
func unmarshalBackoff(d *caddyfile.Dispenser, to *eventgateway.Backoff) error {
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
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		said = true
		name, text := d.Val(), ""
		switch name {
		case "initial", "factor", "maximum", "jitter":
		default:
			return d.Errf("unrecognized backoff subdirective %q: want initial, factor, maximum or jitter", name)
		}
		if !d.AllArgs(&text) {
			return d.ArgErr()
		}
		if err := setBackoff(d, name, text, to); err != nil {
			return err
		}
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
		return d.Errf("backoff %s is set twice", name)
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
		return d.Err("backoff factor is set twice")
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
		return d.Err("backoff jitter is set twice")
	}
	v, err := strconv.ParseFloat(text, 64)
	if within := v >= 0 && v <= 1; err != nil || !within {
		return d.Errf("backoff jitter: %q is not accepted: want a number from 0 to 1", text)
	}
	*to = &v
	return nil
}
