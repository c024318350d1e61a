package egress

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/idna"

	"github.com/eventgateway/eventgateway"
)

// Places are hosts and networks.
type Places struct {
	// Hosts are names in lower case and ASCII, without a dot at the end; one that begins with "*." stands for all names
	// below it.
	Hosts []string
	// Networks hold addresses, those of IPv4 in their own form.
	Networks []netip.Prefix
}

// ParsePlaces reads hosts (functions.example.com, *.example.com), addresses and networks (10.0.0.0/8, fd00::/8). Its errors
// name the entry that is not one.
func ParsePlaces(entries []string) (Places, error) {
	var places Places
	for _, entry := range entries {
		network, isNetwork, err := parseNetwork(entry)
		switch {
		case err != nil:
			return Places{}, err
		case isNetwork:
			places.Networks = append(places.Networks, network)
			continue
		}
		host, err := parseHost(entry)
		if err != nil {
			return Places{}, err
		}
		places.Hosts = append(places.Hosts, host)
	}
	return places, nil
}

// parseNetwork reads what looks like an address or a network.
func parseNetwork(entry string) (network netip.Prefix, isNetwork bool, err error) {
	if address, err := netip.ParseAddr(entry); err == nil {
		if address.Zone() != "" {
			return network, true, unfit(entry, "an address without a zone")
		}
		address = address.Unmap()
		return netip.PrefixFrom(address, address.BitLen()), true, nil
	}
	if prefix, err := netip.ParsePrefix(entry); err == nil {
		network = prefix
	}
	switch {
	case !network.IsValid() && (strings.Contains(entry, "/") || strings.Count(entry, ":") > 1):
		return network, true, unfit(entry, "a network such as 10.0.0.0/8 or fd00::/8, or a host without scheme, port and path")
	case !network.IsValid():
		return network, false, nil
	case network != network.Masked():
		return network, true, unfit(entry, "the network itself, "+network.Masked().String()+", or one address without /"+strconv.Itoa(network.Bits()))
	case network.Addr().Is4In6() && network.Bits() >= 96:
		network = netip.PrefixFrom(network.Addr().Unmap(), network.Bits()-96)
	}
	return network, true, nil
}

func parseHost(entry string) (string, error) {
	const want = "a host such as functions.example.com or *.example.com, an address, or a network such as 10.0.0.0/8"
	name, wild := strings.CutPrefix(entry, "*.")
	name = canonical(name)
	if len(name) > 253 {
		return "", unfit(entry, want)
	}
	labels := strings.Split(name, ".")
	for _, label := range labels {
		odd := strings.ContainsFunc(label, func(r rune) bool {
			return r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z')
		})
		if odd || label == "" || len(label) > 63 {
			return "", unfit(entry, want)
		}
	}
	if _, err := strconv.ParseUint(labels[len(labels)-1], 0, 64); err == nil {
		return "", unfit(entry, "an address with all its parts, such as 192.0.2.1, or a host")
	}
	if wild {
		name = "*." + name
	}
	return name, nil
}

func unfit(entry, want string) error {
	return fmt.Errorf("%s is not accepted: want %s", eventgateway.Quote(entry), want)
}

// network returns the first network that holds an address.
func (p Places) network(a netip.Addr) (network netip.Prefix, ok bool) {
	i := slices.IndexFunc(p.Networks, func(n netip.Prefix) bool { return n.Contains(a) })
	if i < 0 {
		return network, false
	}
	return p.Networks[i], true
}

// host returns the first entry that stands for a name in canonical form.
func (p Places) host(name string) (entry string, ok bool) {
	i := slices.IndexFunc(p.Hosts, func(h string) bool {
		below, wild := strings.CutPrefix(h, "*")
		return h == name || wild && len(name) > len(below) && strings.HasSuffix(name, below)
	})
	if i < 0 {
		return "", false
	}
	return p.Hosts[i], true
}

// canonical returns a host as it is compared: in lower case and ASCII, without the dot of the root. One that cannot be brought
// to ASCII comes back as it is; checkName refuses it.
func canonical(host string) string {
	host = ascii(strings.TrimRight(host, "."))
	if isASCII(host) {
		host = strings.ToLower(host)
	}
	return strings.TrimRight(host, ".")
}

// ascii returns a host as net/http looks it up.
func ascii(host string) string {
	if !isASCII(host) {
		if mapped, err := idna.Lookup.ToASCII(host); err == nil {
			return mapped
		}
	}
	return host
}

func isASCII(host string) bool {
	return !strings.ContainsFunc(host, func(r rune) bool { return r > 127 })
}
