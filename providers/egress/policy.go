package egress

import (
	"net/netip"
	"slices"
)

// Policy says where functions may be. In this order:
//
//   - A name that has no form in ASCII is refused: the rules could not be held against it, and a proxy or a resolver of the
//     system may yet read it as one of those that they name.
//   - What Deny names is refused, by the name that is called or by the address it is found at.
//   - Link-local addresses and metadata services of clouds are refused, unless Allow has a network that holds the address: a
//     name alone does not open them, for whoever answers for a name in DNS may answer with any address.
//   - With OnlyAllowed, everything is refused that Allow does not name, by name or by address.
//   - The rest is accepted, loopback and private networks too.
//
// An IPv6 address that embeds one of IPv4 counts as both.
type Policy struct {
	Allow, Deny Places
	// OnlyAllowed refuses what Allow does not name.
	OnlyAllowed bool
}

const (
	reasonMetadata = "it is link-local or a cloud's metadata service, where no function may be unless the gateway's egress " +
		"option allows the address or its network"
	reasonNotAllowed = "the gateway's egress option has only_allowed, and neither its name nor its address is allowed"
	reasonProxied    = "the gateway's egress option has only_allowed, and its name is not allowed; it is called through a " +
		"proxy, so its address is not known"
	reasonName = "it is no name of a host: it has characters for which there is no form in ASCII"
)

// checkName refuses a name, in canonical form, before it is looked up. allowed tells that Allow names it.
func (p *Policy) checkName(host string) (allowed bool, err error) {
	if !isASCII(host) {
		return false, &Refused{host, reasonName}
	}
	if entry, ok := p.Deny.host(host); ok {
		return false, denied(host, entry)
	}
	if slices.Contains(metadataNames, host) && !slices.Contains(p.Allow.Hosts, host) {
		return false, &Refused{host, reasonMetadata}
	}
	_, allowed = p.Allow.host(host)
	if _, isAddress := literal(host); p.OnlyAllowed && !allowed && !isAddress && len(p.Allow.Networks) == 0 {
		return false, &Refused{host, reasonNotAllowed} // whatever its address is: it need not be looked up
	}
	return allowed, nil
}

// checkAddress refuses a host by its address. allowed tells that Allow names the host.
func (p *Policy) checkAddress(host string, address netip.Addr, allowed bool) error {
	all := reached(address)
	for _, a := range all {
		if network, ok := p.Deny.network(a); ok {
			return denied(host, network.String())
		}
	}
	for _, a := range all {
		_, listed := p.Allow.network(a)
		if isMetadata(a) && !listed {
			return &Refused{host, reasonMetadata}
		}
		allowed = allowed || listed
	}
	if p.OnlyAllowed && !allowed {
		return &Refused{host, reasonNotAllowed}
	}
	return nil
}

// checkProxied refuses a host that a proxy is to call. The proxy looks its name up, so only the name counts.
func (p *Policy) checkProxied(host string) error {
	allowed, err := p.checkName(host)
	if err != nil {
		return err
	}
	if address, ok := literal(host); ok {
		return p.checkAddress(host, address, allowed)
	}
	if p.OnlyAllowed && !allowed {
		return &Refused{host, reasonProxied}
	}
	return nil
}

func denied(host, entry string) error {
	return &Refused{host, "the gateway's egress option denies " + entry}
}
