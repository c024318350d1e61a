package egress

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// metadata are where a cloud answers whoever asks from one of its machines, often with credentials, and what is on the
// machine's own link.
var metadata = []netip.Prefix{
	netip.MustParsePrefix("169.254.0.0/16"),     // link-local; nearly every cloud
	netip.MustParsePrefix("fe80::/10"),          // link-local
	netip.MustParsePrefix("fd00:ec2::/32"),      // AWS
	netip.MustParsePrefix("fd20:ce::/32"),       // Google Cloud
	netip.MustParsePrefix("fd00:c1::/32"),       // Oracle Cloud
	netip.MustParsePrefix("fd00:42::/32"),       // Scaleway
	netip.MustParsePrefix("192.0.0.192/32"),     // Oracle Cloud, classic
	netip.MustParsePrefix("168.63.129.16/32"),   // Azure
	netip.MustParsePrefix("100.100.100.200/32"), // Alibaba Cloud
}

// metadataNames are what such services are called. Their addresses are above; the names matter where a proxy looks them up.
var metadataNames = []string{
	"metadata.google.internal", "metadata.goog", "metadata.tencentyun.com", "instance-data.ec2.internal",
}

func isMetadata(a netip.Addr) bool {
	return slices.ContainsFunc(metadata, func(n netip.Prefix) bool { return n.Contains(a) })
}

// embeddings are the IPv6 networks whose addresses hold one of IPv4, and in which of their bytes.
var embeddings = []struct {
	network netip.Prefix
	bytes   [4]int
}{
	{netip.MustParsePrefix("64:ff9b::/96"), [4]int{12, 13, 14, 15}},   // NAT64
	{netip.MustParsePrefix("64:ff9b:1::/48"), [4]int{12, 13, 14, 15}}, // NAT64 of one's own
	{netip.MustParsePrefix("64:ff9b:1::/48"), [4]int{6, 7, 9, 10}},
	{netip.MustParsePrefix("2002::/16"), [4]int{2, 3, 4, 5}},           // 6to4
	{netip.MustParsePrefix("::ffff:0:0:0/96"), [4]int{12, 13, 14, 15}}, // IPv4-translated
	{netip.MustParsePrefix("::/96"), [4]int{12, 13, 14, 15}},           // IPv4-compatible
	{netip.MustParsePrefix("2001::/32"), [4]int{4, 5, 6, 7}},           // Teredo's server
}

// reached returns every address that a packet to this one may come out at: itself, without a zone, and what it embeds.
func reached(a netip.Addr) []netip.Addr {
	a = a.Unmap().WithZone("")
	all := []netip.Addr{a}
	switch {
	case a.IsUnspecified(): // systems take it for this host
		return append(all, netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback())
	case a.Is4(), a.IsLoopback():
		return all
	}
	b := a.As16()
	for _, e := range embeddings {
		if e.network.Contains(a) {
			all = append(all, netip.AddrFrom4([4]byte{b[e.bytes[0]], b[e.bytes[1]], b[e.bytes[2]], b[e.bytes[3]]}))
		}
	}
	last := [4]byte(b[12:])
	if b[8]&^2 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe { // ISATAP, under any prefix
		all = append(all, netip.AddrFrom4(last))
	}
	if b[0] == 0x20 && b[1] == 0x01 && b[2] == 0 && b[3] == 0 { // Teredo's client, with its bits turned
		all = append(all, netip.AddrFrom4([4]byte{^last[0], ^last[1], ^last[2], ^last[3]}))
	}
	return all
}

// literal reads a host that is an address, also in the old forms of IPv4 that some systems still take: fewer than four
// parts, and parts in octal or hexadecimal.
func literal(host string) (a netip.Addr, ok bool) {
	if a, err := netip.ParseAddr(host); err == nil {
		return a, true
	}
	parts := strings.Split(host, ".")
	if len(parts) > 4 {
		return a, false
	}
	var value uint64
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 0, 32)
		if last := i == len(parts)-1; err != nil || !last && n > 255 || last && n >= 1<<(8*(5-len(parts))) {
			return a, false
		} else if last {
			value |= n
		} else {
			value |= n << (8 * (3 - i))
		}
	}
	return netip.AddrFrom4([4]byte{byte(value >> 24), byte(value >> 16), byte(value >> 8), byte(value)}), true
}
