package weighted

import (
	"strconv"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/eventgateway/eventgateway"
)

// UnmarshalCaddyfile sets the fields from Caddyfile tokens:
//
//	weighted {
//	    function <id> <weight>
//	    shadow   <id>
//	    key      <expression>
//	    failover [<ids...>]
//	    retreat {
//	        error_rate    <0 to 1>
//	        latency       <duration>
//	        quantile      <0.5 to 1>
//	        window        <duration>
//	        minimum_calls <number>
//	        to            <id> <weight>
//	    }
//	}
func (p *Provider) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the type name
	if d.NextArg() {
		return d.ArgErr()
	}
	for d.NextBlock(0) {
		var err error
		switch option := d.Val(); option {
		case "function":
			var s eventgateway.Share
			if err = unmarshalShare(d, &s); err == nil {
				p.Functions = append(p.Functions, Member{FunctionID: s.FunctionID, Weight: &s.Weight})
			}
		case "shadow":
			m := Member{Shadow: true}
			if !d.AllArgs(&m.FunctionID) {
				return d.ArgErr()
			}
			p.Functions = append(p.Functions, m)
		case "key":
			if p.Key != "" {
				return d.Err("key is given twice")
			}
			if !d.AllArgs(&p.Key) {
				return d.ArgErr()
			}
		case "failover":
			if p.Failover.on() {
				return d.Err("failover is given twice")
			}
			p.Failover.Order = d.RemainingArgs()
			p.Failover.Any = len(p.Failover.Order) == 0
		case "retreat":
			if p.Retreat != nil {
				return d.Err("retreat is given twice")
			}
			p.Retreat = new(Retreat)
			err = p.Retreat.unmarshalCaddyfile(d)
		default:
			return d.Errf("unknown option %q of provider weighted: want function, shadow, key, failover or retreat", option)
		}
		if err != nil {
			return err
		}
	}
	if len(p.Functions) == 0 {
		return d.Err("provider weighted needs a function")
	}
	return nil
}

func (r *Retreat) unmarshalCaddyfile(d *caddyfile.Dispenser) error {
	if d.NextArg() {
		return d.ArgErr()
	}
	given := map[string]bool{}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		option := d.Val()
		if given[option] && option != "to" {
			return d.Errf("%s is given twice", option)
		}
		given[option] = true
		var err error
		switch option {
		case "error_rate":
			r.ErrorRate = new(float64)
			err = unmarshalNumber(d, r.ErrorRate)
		case "quantile":
			err = unmarshalNumber(d, &r.Quantile)
		case "latency":
			err = unmarshalDuration(d, &r.Latency)
		case "window":
			err = unmarshalDuration(d, &r.Window)
		case "minimum_calls":
			err = unmarshalInt(d, &r.MinimumCalls)
		case "to":
			var s eventgateway.Share
			err = unmarshalShare(d, &s)
			r.To = append(r.To, s)
		default:
			return d.Errf("unknown option %q of retreat: want error_rate, latency, quantile, window, minimum_calls or to", option)
		}
		if err != nil {
			return err
		}
	}
	if r.To == nil {
		return d.Err("retreat needs to: a function of the Caddyfile has no earlier weights")
	}
	return nil
}

func unmarshalShare(d *caddyfile.Dispenser, s *eventgateway.Share) error {
	var weight string
	if !d.AllArgs(&s.FunctionID, &weight) {
		return d.ArgErr()
	}
	var err error
	if s.Weight, err = strconv.Atoi(weight); err != nil {
		return d.Errf("weight %q is not accepted: want 0 to %d", weight, maxWeight)
	}
	return nil
}

func unmarshalNumber(d *caddyfile.Dispenser, to *float64) error {
	name, text := d.Val(), ""
	if !d.AllArgs(&text) {
		return d.ArgErr()
	}
	var err error
	if *to, err = strconv.ParseFloat(text, 64); err != nil {
		return d.Errf("%s %q is not accepted: want a number such as 0.05", name, text)
	}
	return nil
}

func unmarshalInt(d *caddyfile.Dispenser, to *int) error {
	name, text := d.Val(), ""
	if !d.AllArgs(&text) {
		return d.ArgErr()
	}
	var err error
	if *to, err = strconv.Atoi(text); err != nil {
		return d.Errf("%s %q is not accepted: want a number such as 20", name, text)
	}
	return nil
}

func unmarshalDuration(d *caddyfile.Dispenser, to *eventgateway.Duration) error {
	name, text := d.Val(), ""
	if !d.AllArgs(&text) {
		return d.ArgErr()
	}
	duration, err := caddy.ParseDuration(text)
	if err != nil {
		return d.Errf("%s %q is not accepted: want a duration such as 500ms", name, text)
	}
	*to = eventgateway.Duration(duration)
	return nil
}

var _ caddyfile.Unmarshaler = (*Provider)(nil)
