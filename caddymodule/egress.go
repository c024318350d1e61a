package caddymodule

import (
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/eventgateway/eventgateway/internal/caddyblock"
	"github.com/eventgateway/eventgateway/providers/egress"
)

// EgressConfig says where functions may be: hosts such as `functions.example.com` or `*.example.com`, addresses, and networks
// such as `10.0.0.0/8`. Link-local addresses and the metadata services of clouds are refused unless `allow` names their
// address or network. Placeholders are expanded; one may hold several places with spaces between them.
type EgressConfig struct {
	// Where functions may be although it would be refused otherwise, as not allowed or as a metadata service.
	Allow []string `json:"allow,omitempty"`

	// Where functions may not be; it counts before `allow`.
	Deny []string `json:"deny,omitempty"`

	// Refuse every place that `allow` does not name. Default: false.
	OnlyAllowed bool `json:"only_allowed,omitempty"`
}

// unmarshalCaddyfile reads where functions may be. Syntax:
//
//	egress {
//	    allow <hosts|networks...>
//	    deny  <hosts|networks...>
//	    only_allowed
//	}
func (c *EgressConfig) unmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return caddyblock.Read(d, "egress",
		caddyblock.Func("allow", func(d *caddyfile.Dispenser) error { return addPlaces(d, &c.Allow) }),
		caddyblock.Func("deny", func(d *caddyfile.Dispenser) error { return addPlaces(d, &c.Deny) }),
		caddyblock.Flag("only_allowed", &c.OnlyAllowed),
	)
}

// addPlaces reads hosts and networks; private_ranges stands for the same networks as in Caddy's matchers.
func addPlaces(d *caddyfile.Dispenser, to *[]string) error {
	option := d.Val()
	if !d.NextArg() {
		return d.ArgErr()
	}
	for more := true; more; more = d.NextArg() {
		place := d.Val()
		if place == "private_ranges" {
			for _, entry := range caddyhttp.PrivateRangesCIDR() {
				if network, err := netip.ParsePrefix(entry); err == nil {
					entry = network.Masked().String()
				}
				*to = append(*to, entry)
			}
			continue
		}
		if !strings.Contains(place, "{") {
			if _, err := egress.ParsePlaces([]string{place}); err != nil {
				return d.Errf("egress %s: %v", option, err)
			}
		}
		*to = append(*to, place)
	}
	return nil
}

// egressPolicy returns the rules with placeholders expanded.
func (a *App) egressPolicy() (egress.Policy, error) {
	if a.Egress == nil {
		return egress.Policy{}, nil
	}
	var err error
	p := egress.Policy{OnlyAllowed: a.Egress.OnlyAllowed}
	if p.Allow, err = expandPlaces("allow", a.Egress.Allow); err != nil {
		return p, err
	}
	p.Deny, err = expandPlaces("deny", a.Egress.Deny)
	return p, err
}

func expandPlaces(option string, places []string) (egress.Places, error) {
	repl := caddy.NewReplacer()
	var expanded []string
	for _, place := range places {
		text, err := repl.ReplaceOrErr(place, true, true)
		if err != nil {
			return egress.Places{}, fmt.Errorf("egress.%s: %w", option, err)
		}
		if text == place {
			expanded = append(expanded, place)
			continue
		}
		expanded = append(expanded, strings.Fields(text)...)
	}
	parsed, err := egress.ParsePlaces(expanded)
	if err != nil {
		return egress.Places{}, fmt.Errorf("egress.%s: %w", option, err)
	}
	return parsed, nil
}

// refusals logs the connections that the egress rules refuse, one a second: who points functions at forbidden places could
// fill a disk otherwise.
type refusals struct {
	logger *slog.Logger

	mu      sync.Mutex
	last    time.Time
	omitted int
}

func (l *refusals) log(r *egress.Refused) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := time.Now(); now.Sub(l.last) >= time.Second {
		l.logger.Warn("a function was not called because of where it is", "host", r.Host, "reason", r.Reason,
			"not_logged_before", l.omitted)
		l.last, l.omitted = now, 0
		return
	}
	l.omitted++
}
