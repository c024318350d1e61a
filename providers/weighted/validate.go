package weighted

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/eventgateway/eventgateway"
)

// Validate implements providers.Provider.
func (p *Provider) Validate() error {
	members, list := p.Functions, "functions"
	if members == nil && p.Weighted != nil {
		members, list = p.Weighted, "weighted"
	}
	if p.Functions != nil && p.Weighted != nil {
		return p.canonicalize()
	}
	if len(members) == 0 {
		return refuse("%s: missing: want a list of functionId and weight", list)
	}
	if len(members) > maxMembers {
		return refuse("%s: %d members are not accepted: want at most %d", list, len(members), maxMembers)
	}
	if err := validateMembers(list, members); err != nil {
		return err
	}
	if err := p.Failover.validate(members); err != nil {
		return err
	}
	if p.Retreat == nil {
		return nil
	}
	return p.Retreat.validate()
}

func validateMembers(list string, members []Member) error {
	shadows, total := 0, 0
	seen := map[string]bool{}
	for i := range members {
		m, field := &members[i], fmt.Sprintf("%s[%d]", list, i)
		if err := eventgateway.ValidateID(field+".functionId", m.FunctionID); err != nil {
			return err
		}
		if seen[m.FunctionID] {
			return refuse("%s.functionId: %q is given twice: want every member once", field, m.FunctionID)
		}
		seen[m.FunctionID] = true
		switch {
		case m.Shadow && m.weight() != 0:
			return refuse("%s.weight: %d is not accepted for a shadow: it gets a copy of every call; want none", field, m.weight())
		case m.Shadow:
			shadows++
		case m.Weight == nil:
			return refuse("%s.weight: missing: want 0 to %d", field, maxWeight)
		}
		if err := validateWeight(field, m.weight()); err != nil {
			return err
		}
		total += m.weight()
	}
	if shadows > maxShadows {
		return refuse("%s: %d shadows are not accepted: want at most %d", list, shadows, maxShadows)
	}
	if total == 0 {
		return refuse("%s: no member has a weight above 0: want at least one", list)
	}
	return nil
}

func validateWeight(field string, weight int) error {
	if weight < 0 || weight > maxWeight {
		return refuse("%s.weight: %d is not accepted: want 0 to %d", field, weight, maxWeight)
	}
	return nil
}

func (f *Failover) validate(members []Member) error {
	for i, id := range f.Order {
		at := slices.IndexFunc(members, func(m Member) bool { return m.FunctionID == id })
		field := fmt.Sprintf("failover[%d]", i)
		switch {
		case at < 0:
			return eventgateway.InvalidField(field, id, "one of the members")
		case members[at].Shadow:
			return eventgateway.InvalidField(field, id, "a member that is no shadow: the answers of shadows are ignored")
		case slices.Contains(f.Order[:i], id):
			return refuse("%s: %s is given twice: want every member once", field, eventgateway.Quote(id))
		}
	}
	return nil
}

func (r *Retreat) validate() error {
	if r.ErrorRate == nil && r.Latency == 0 {
		return refuse("retreat: neither errorRate nor latency is given: want one of them or both")
	}
	if rate := r.ErrorRate; rate != nil && !(*rate >= 0 && *rate < 1) {
		return eventgateway.InvalidField("retreat.errorRate", number(*rate), "0 or more, and less than 1")
	}
	if r.Latency < 0 {
		return eventgateway.InvalidField("retreat.latency", time.Duration(r.Latency).String(), "more than 0s")
	}
	if q := r.Quantile; q != 0 && !(q >= 0.5 && q < 1) {
		return eventgateway.InvalidField("retreat.quantile", number(q), "0.5 or more, and less than 1")
	}
	if r.Quantile != 0 && r.Latency == 0 {
		return refuse("retreat.quantile: not accepted without latency: want the bound that it is for")
	}
	if w := time.Duration(r.Window); w != 0 && (w < time.Second || w > time.Hour) {
		return eventgateway.InvalidField("retreat.window", w.String(), "1s to 1h")
	}
	if n := r.MinimumCalls; n < 0 || n > maxMinimumCalls {
		return refuse("retreat.minimumCalls: %d is not accepted: want 1 to %d", n, maxMinimumCalls)
	}
	return validateShares("retreat.to", r.To)
}

func validateShares(field string, shares []eventgateway.Share) error {
	if shares == nil {
		return nil
	}
	members := make([]Member, len(shares))
	for i := range shares {
		members[i] = Member{FunctionID: shares[i].FunctionID, Weight: &shares[i].Weight}
	}
	if len(members) > maxMembers {
		return refuse("%s: %d members are not accepted: want at most %d", field, len(members), maxMembers)
	}
	return validateMembers(field, members)
}

func number(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }
