package weighted

import (
	"fmt"
	"slices"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
)

// Members implements providers.Composite. Those that a retreat would need are among them.
func (p *Provider) Members() []providers.Member {
	var all []providers.Member
	add := func(list string, i int, id string) {
		if !slices.ContainsFunc(all, func(m providers.Member) bool { return m.FunctionID == id }) {
			all = append(all, providers.Member{Field: fmt.Sprintf("%s[%d].functionId", list, i), FunctionID: id})
		}
	}
	for i, m := range p.Functions {
		add("functions", i, m.FunctionID)
	}
	for i, m := range p.Weighted {
		add("weighted", i, m.FunctionID)
	}
	if p.Retreat != nil {
		for i, s := range p.Retreat.To {
			add("retreat.to", i, s.FunctionID)
		}
	}
	for i, s := range p.Previous {
		add("previous", i, s.FunctionID)
	}
	return all
}

// Succeed implements providers.Composite.
func (p *Provider) Succeed(previous providers.Provider) {
	p.Previous, p.Retreated = nil, nil
	if p.canonicalize() != nil {
		return // Validate refuses it
	}
	old, _ := previous.(*Provider)
	if old == nil || old.canonicalize() != nil {
		return
	}
	if !sameShares(old.Shares(), p.Shares()) {
		p.Previous = old.Shares()
	} else {
		p.Previous, p.Retreated = old.Previous, old.Retreated
	}
	if p.Retreat == nil || p.Retreat.To != nil {
		p.Previous = nil
	}
}

// WentBack implements providers.Composite.
func (p *Provider) WentBack() *eventgateway.Retreat { return p.Retreated }

// GoBack implements providers.Composite.
func (p *Provider) GoBack(r *eventgateway.Retreat) bool {
	if p.canonicalize() != nil || len(r.To) == 0 || !sameShares(p.Shares(), r.From) {
		return false
	}
	p.Functions = membersAfter(p.Functions, r.To)
	p.Failover.Order = slices.DeleteFunc(p.Failover.Order, func(id string) bool { return find(p.Functions, id) < 0 })
	kept := *r
	kept.Space, kept.FunctionID, kept.To = "", "", nil
	p.Previous, p.Retreated = nil, &kept
	return true
}

// membersAfter returns the members after a retreat to shares: those, and as far as there is room the others, without a weight.
func membersAfter(members []Member, to []eventgateway.Share) []Member {
	after := make([]Member, 0, len(members))
	for _, s := range to {
		after = append(after, Member{FunctionID: s.FunctionID, Weight: &s.Weight})
	}
	for _, m := range members {
		if len(after) == maxMembers {
			break
		}
		if find(after, m.FunctionID) >= 0 {
			continue
		}
		if !m.Shadow {
			m.Weight = new(int)
		}
		after = append(after, m)
	}
	return after
}

func find(members []Member, id string) int {
	return slices.IndexFunc(members, func(m Member) bool { return m.FunctionID == id })
}

// sameShares reports whether two lists give the same functions the same weights.
func sameShares(a, b []eventgateway.Share) bool {
	if len(a) != len(b) {
		return false
	}
	for _, s := range a {
		if !slices.Contains(b, s) {
			return false
		}
	}
	return true
}
