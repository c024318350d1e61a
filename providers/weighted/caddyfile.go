package weighted

import (
	"strconv"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/internal/caddyblock"
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
	if err := caddyblock.ReadModule(d, "provider", nil,
		caddyblock.Func("function", p.unmarshalFunction),
		caddyblock.Func("shadow", p.unmarshalShadow),
		caddyblock.String("key", &p.Key),
		caddyblock.Func("failover", p.unmarshalFailover),
		caddyblock.Once("retreat", &p.Retreat, (*Retreat).unmarshalCaddyfile),
	); err != nil {
		return err
	}
	if len(p.Functions) == 0 {
		return d.Err("provider weighted needs a function")
	}
	return nil
}

func (p *Provider) unmarshalFunction(d *caddyfile.Dispenser) error {
	var s eventgateway.Share
	if err := unmarshalShare(d, &s); err != nil {
		return err
	}
	p.Functions = append(p.Functions, Member{FunctionID: s.FunctionID, Weight: &s.Weight})
	return nil
}

func (p *Provider) unmarshalShadow(d *caddyfile.Dispenser) error {
	m := Member{Shadow: true}
	if !d.AllArgs(&m.FunctionID) {
		return d.ArgErr()
	}
	p.Functions = append(p.Functions, m)
	return nil
}

func (p *Provider) unmarshalFailover(d *caddyfile.Dispenser) error {
	if p.Failover.on() {
		return d.Err("failover is given twice")
	}
	p.Failover.Order = d.RemainingArgs()
	p.Failover.Any = len(p.Failover.Order) == 0
	return nil
}

func (r *Retreat) unmarshalCaddyfile(d *caddyfile.Dispenser) error {
	var quantile *float64
	if err := caddyblock.Read(d, "retreat",
		caddyblock.Once("error_rate", &r.ErrorRate, unmarshalNumber),
		caddyblock.Duration("latency", &r.Latency),
		caddyblock.Once("quantile", &quantile, unmarshalNumber),
		caddyblock.Duration("window", &r.Window),
		caddyblock.Int("minimum_calls", &r.MinimumCalls),
		caddyblock.Func("to", func(d *caddyfile.Dispenser) error {
			r.To = append(r.To, eventgateway.Share{})
			return unmarshalShare(d, &r.To[len(r.To)-1])
		}),
	); err != nil {
		return err
	}
	if quantile != nil {
		r.Quantile = *quantile
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
		return d.Errf("weight: %q is not accepted: want 0 to %d", weight, maxWeight)
	}
	return nil
}

func unmarshalNumber(to *float64, d *caddyfile.Dispenser) error {
	name, text := d.Val(), ""
	if !d.AllArgs(&text) {
		return d.ArgErr()
	}
	var err error
	if *to, err = strconv.ParseFloat(text, 64); err != nil {
		return d.Errf("%s: %q is not accepted: want a number such as 0.05", name, text)
	}
	return nil
}

var _ caddyfile.Unmarshaler = (*Provider)(nil)
