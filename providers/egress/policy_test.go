package egress

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func places(t testing.TB, entries string) Places {
	t.Helper()
	p, err := ParsePlaces(strings.Fields(entries))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestPolicy asks policies about a host that is found at an address.
func TestPolicy(t *testing.T) {
	tests := map[string]struct {
		allow, deny string
		only        bool
		host, at    string
		want        string // part of the reason; empty for accepted
	}{
		"public":                       {host: "a.example", at: "203.0.113.1"},
		"loopback":                     {host: "localhost", at: "127.0.0.1"},
		"private network":              {host: "a.example", at: "10.0.0.1"},
		"metadata":                     {host: "169.254.169.254", at: "169.254.169.254", want: "metadata service"},
		"metadata by another name":     {host: "a.example", at: "169.254.169.254", want: "metadata service"},
		"metadata of a container":      {host: "a.example", at: "169.254.170.2", want: "metadata service"},
		"metadata over IPv6":           {host: "a.example", at: "fd00:ec2::254", want: "metadata service"},
		"metadata of Google over IPv6": {host: "a.example", at: "fd20:ce::254", want: "metadata service"},
		"metadata of Azure":            {host: "a.example", at: "168.63.129.16", want: "metadata service"},
		"metadata of Alibaba":          {host: "a.example", at: "100.100.100.200", want: "metadata service"},
		"link-local":                   {host: "a.example", at: "fe80::1", want: "link-local"},
		"link-local with a zone":       {host: "fe80::1%eth0", at: "fe80::1%eth0", want: "link-local"},
		"IPv4-mapped":                  {host: "a.example", at: "::ffff:169.254.169.254", want: "metadata service"},
		"NAT64":                        {host: "a.example", at: "64:ff9b::169.254.169.254", want: "metadata service"},
		"NAT64 of one's own":           {host: "a.example", at: "64:ff9b:1::a9fe:a9fe", want: "metadata service"},
		"NAT64 of one's own, short":    {host: "a.example", at: "64:ff9b:1:a9fe:a9:fe00::", want: "metadata service"},
		"6to4":                         {host: "a.example", at: "2002:a9fe:a9fe::1", want: "metadata service"},
		"IPv4-translated":              {host: "a.example", at: "::ffff:0:a9fe:a9fe", want: "metadata service"},
		"IPv4-compatible":              {host: "a.example", at: "::169.254.169.254", want: "metadata service"},
		"Teredo":                       {host: "a.example", at: "2001:0:cb00:7101:0:0:5601:5601", want: "metadata service"},
		"ISATAP":                       {host: "a.example", at: "2001:db8::5efe:169.254.169.254", want: "metadata service"},
		"NAT64 of a public address":    {host: "a.example", at: "64:ff9b::203.0.113.1"},

		"metadata allowed by address": {allow: "169.254.169.254", host: "a.example", at: "169.254.169.254"},
		"metadata allowed by network": {allow: "169.254.0.0/16", host: "a.example", at: "169.254.170.2"},
		"metadata not allowed by name": {
			allow: "a.example *.example", host: "a.example", at: "169.254.169.254", want: "metadata service",
		},
		"metadata not allowed by a network around it": {
			allow: "64:ff9b::/96", host: "a.example", at: "64:ff9b::a9fe:a9fe", want: "metadata service",
		},
		"its name": {host: "Metadata.Google.Internal.", at: "203.0.113.1", want: "metadata service"},
		"its name allowed with its address": {
			allow: "metadata.google.internal 169.254.169.254", host: "metadata.google.internal", at: "169.254.169.254",
		},
		"its name not allowed with others": {
			allow: "*.internal 169.254.169.254", host: "metadata.google.internal", at: "169.254.169.254", want: "metadata service",
		},

		"denied network":               {deny: "10.0.0.0/8", host: "a.example", at: "10.1.2.3", want: "denies 10.0.0.0/8"},
		"denied network, mapped":       {deny: "10.0.0.0/8", host: "a.example", at: "::ffff:10.1.2.3", want: "denies 10.0.0.0/8"},
		"denied network, over NAT64":   {deny: "10.0.0.0/8", host: "a.example", at: "64:ff9b::10.1.2.3", want: "denies 10.0.0.0/8"},
		"denied network, written so":   {deny: "::ffff:10.0.0.0/104", host: "a.example", at: "10.1.2.3", want: "denies 10.0.0.0/8"},
		"denied loopback":              {deny: "127.0.0.0/8 ::1", host: "localhost", at: "127.0.0.1", want: "denies 127.0.0.0/8"},
		"denied loopback, unspecified": {deny: "127.0.0.0/8", host: "0.0.0.0", at: "0.0.0.0", want: "denies 127.0.0.0/8"},
		"denied loopback, IPv6":        {deny: "::1", host: "::", at: "::", want: "denies ::1/128"},
		"denied address":               {deny: "203.0.113.1", host: "a.example", at: "203.0.113.1", want: "denies 203.0.113.1/32"},
		"its neighbour":                {deny: "203.0.113.1", host: "a.example", at: "203.0.113.2"},
		"denied name":                  {deny: "a.example", host: "a.example", at: "203.0.113.1", want: "denies a.example"},
		"denied name, with a dot":      {deny: "a.example", host: "A.EXAMPLE.", at: "203.0.113.1", want: "denies a.example"},
		"denied name, written so":      {deny: "A.Example.", host: "a.example", at: "203.0.113.1", want: "denies a.example"},
		"denied names":                 {deny: "*.example", host: "a.b.example", at: "203.0.113.1", want: "denies *.example"},
		"denied names, not their own":  {deny: "*.example", host: "example", at: "203.0.113.1"},
		"denied names, not alike":      {deny: "*.example", host: "anexample", at: "203.0.113.1"},
		"denied international":         {deny: "bücher.example", host: "BÜCHER.example", at: "203.0.113.1", want: "denies xn--bcher-kva.example"},
		"denied international, ASCII":  {deny: "bücher.example", host: "xn--bcher-kva.example", at: "203.0.113.1", want: "denies xn--bcher-kva"},
		"no form in ASCII":             {deny: "ӏ.example", host: "Ӏ.example", at: "203.0.113.1", want: "no form in ASCII"},
		"denied and allowed":           {allow: "10.1.0.0/16 a.example", deny: "10.0.0.0/8", host: "a.example", at: "10.1.2.3", want: "denies"},
		"denied name and allowed":      {allow: "203.0.113.1 a.example", deny: "a.example", host: "a.example", at: "203.0.113.1", want: "denies"},

		"only allowed: other":          {only: true, allow: "b.example 10.0.0.0/8", host: "a.example", at: "203.0.113.1", want: "only_allowed"},
		"only allowed: name":           {only: true, allow: "b.example a.example", host: "a.example", at: "203.0.113.1"},
		"only allowed: names":          {only: true, allow: "*.example", host: "a.example", at: "203.0.113.1"},
		"only allowed: network":        {only: true, allow: "203.0.113.0/24", host: "a.example", at: "203.0.113.1"},
		"only allowed: over NAT64":     {only: true, allow: "203.0.113.0/24", host: "a.example", at: "64:ff9b::203.0.113.1"},
		"only allowed: loopback":       {only: true, allow: "b.example", host: "localhost", at: "127.0.0.1", want: "only_allowed"},
		"only allowed: nothing":        {only: true, host: "203.0.113.1", at: "203.0.113.1", want: "only_allowed"},
		"only allowed: metadata":       {only: true, allow: "a.example", host: "a.example", at: "169.254.169.254", want: "metadata service"},
		"only allowed: allowed beside": {only: true, allow: "10.0.0.0/8", host: "a.example", at: "10.0.0.1"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			p := &Policy{Allow: places(t, test.allow), Deny: places(t, test.deny), OnlyAllowed: test.only}
			host := canonical(test.host)
			allowed, err := p.checkName(host)
			if err == nil {
				err = p.checkAddress(host, netip.MustParseAddr(test.at), allowed)
			}
			checkRefusal(t, err, test.want)
		})
	}
}

// TestPolicyProxied asks policies about a host that a proxy looks up.
func TestPolicyProxied(t *testing.T) {
	tests := map[string]struct {
		allow, deny string
		only        bool
		host        string
		want        string
	}{
		"name":                      {host: "a.example"},
		"metadata":                  {host: "169.254.169.254", want: "metadata service"},
		"metadata, a dot":           {host: "169.254.169.254.", want: "metadata service"},
		"metadata, one number":      {host: "2852039166", want: "metadata service"},
		"metadata, octal":           {host: "0251.0376.0251.0376", want: "metadata service"},
		"metadata, hexadecimal":     {host: "0xA9.0xfe.0xa9FE", want: "metadata service"},
		"metadata, three parts":     {host: "169.254.43518", want: "metadata service"},
		"metadata, wide characters": {host: "１６９.254.169.254", want: "metadata service"},
		"metadata, mapped":          {host: "::ffff:a9fe:a9fe", want: "metadata service"},
		"metadata by name":          {host: "METADATA.google.internal.", want: "metadata service"},
		"metadata allowed":          {allow: "169.254.169.254", host: "2852039166"},
		"no number":                 {host: "2852039166.example"},
		"denied name":               {deny: "*.example", host: "a.example", want: "denies *.example"},
		"denied address":            {deny: "10.0.0.0/8", host: "10.1", want: "denies 10.0.0.0/8"},
		"denied, capital palochka":  {deny: "ӏ.example", host: "Ӏ.example", want: "no form in ASCII"},
		"denied, two dots":          {deny: "bücher.example", host: "bücher.example..", want: "denies xn--bcher-kva.example"},
		"name in a denied network":  {deny: "10.0.0.0/8", host: "a.example"},
		"only allowed":              {only: true, allow: "a.example", host: "a.example"},
		"only allowed: address":     {only: true, allow: "203.0.113.0/24", host: "203.0.113.1"},
		"only allowed: unknown":     {only: true, allow: "203.0.113.0/24", host: "a.example", want: "through a proxy"},
		"only allowed: other":       {only: true, allow: "a.example", host: "b.example", want: "only_allowed"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			p := &Policy{Allow: places(t, test.allow), Deny: places(t, test.deny), OnlyAllowed: test.only}
			checkRefusal(t, p.checkProxied(canonical(test.host)), test.want)
		})
	}
}

func checkRefusal(t *testing.T, err error, want string) {
	t.Helper()
	var refused *Refused
	switch {
	case want == "" && err != nil:
		t.Errorf("refused: %v", err)
	case want != "" && (!errors.As(err, &refused) || !strings.Contains(refused.Reason, want)):
		t.Errorf("got error %v, want a refusal with %q", err, want)
	}
}

func TestParsePlaces(t *testing.T) {
	got := places(t, "10.0.0.0/8 192.0.2.1 fd00::/8 ::1 ::ffff:192.0.2.2 Functions.Example. *.bücher.example my_service localhost")
	want := "10.0.0.0/8 192.0.2.1/32 fd00::/8 ::1/128 192.0.2.2/32"
	var networks []string
	for _, n := range got.Networks {
		networks = append(networks, n.String())
	}
	if strings.Join(networks, " ") != want {
		t.Errorf("got networks %s, want %s", networks, want)
	}
	if want := []string{"functions.example", "*.xn--bcher-kva.example", "my_service", "localhost"}; !slices.Equal(got.Hosts, want) {
		t.Errorf("got hosts %q, want %q", got.Hosts, want)
	}
	for entry, want := range map[string]string{
		"":                           "want a host such as",
		"*":                          "want a host such as",
		"*.":                         "want a host such as",
		"a.*.example":                "want a host such as",
		"a..example":                 "want a host such as",
		"a b":                        "want a host such as",
		"a.example:443":              "want a host such as",
		strings.Repeat("a", 64):      "want a host such as",
		strings.Repeat("a.", 130):    "want a host such as",
		"https://a.example":          "want a network such as 10.0.0.0/8 or fd00::/8, or a host without scheme, port and path",
		"a.example/x":                "a host without scheme, port and path",
		"10.0.0.0/33":                "want a network such as",
		"[::1]:80":                   "want a network such as",
		"10.1.2.3/8":                 "want the network itself, 10.0.0.0/8, or one address without /8",
		"fe80::1%eth0":               "want an address without a zone",
		"10.1":                       "want an address with all its parts",
		"2852039166":                 "want an address with all its parts",
		"0xa9fea9fe":                 "want an address with all its parts",
		"169.254.169.0xfe":           "want an address with all its parts",
		"a.example\n":                "want a host such as",
		"\x00":                       "want a host such as",
		strings.Repeat("\xff", 3000): "want a host such as",
	} {
		_, err := ParsePlaces([]string{"a.example", entry})
		if err == nil || !strings.Contains(err.Error(), want) || len(err.Error()) > 400 || strings.ContainsAny(err.Error(), "\n\x00") {
			t.Errorf("%.40q: got error %v, want one with %q", entry, err, want)
		}
	}
}

// FuzzPolicy holds that no way to write the metadata service's address, and no address that embeds it, gets past the default
// policy or a rule that denies it, and that what one part of the package reads, the others read alike.
func FuzzPolicy(f *testing.F) {
	for _, host := range []string{
		"169.254.169.254", "0xa9.254.43518", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "a.example", "*.example", "10.0.0.0/8",
		"fe80::1%eth0", "2002:a9fe:a9fe::", "１６９.254.169.254", "127.1", "..",
		"Ӏ", "ӏ..", "ӏ。.",
	} {
		f.Add(host, uint64(0x0064ff9b00000000), uint64(0xa9fea9fe))
	}
	f.Fuzz(func(t *testing.T, host string, high, low uint64) {
		host = canonical(host)
		if again := canonical(host); again != host {
			t.Fatalf("%q is %q in canonical form, and that is %q", host, host, again)
		}
		deny := &Policy{Deny: Places{Networks: []netip.Prefix{netip.MustParsePrefix("169.254.0.0/16")}}}
		all := &Policy{Allow: Places{Hosts: []string{host}}}
		if a, ok := literal(host); ok && a.Is4() && a.IsLinkLocalUnicast() {
			for _, p := range []*Policy{new(Policy), deny, all} {
				if p.checkProxied(host) == nil {
					t.Fatalf("%q is accepted", host)
				}
			}
		}
		var b [16]byte
		binary.BigEndian.PutUint64(b[:8], high)
		binary.BigEndian.PutUint64(b[8:], low)
		address := netip.AddrFrom16(b)
		embeds := strings.HasPrefix(address.String(), "64:ff9b::") && uint32(low) == 0xa9fea9fe && low>>32 == 0 ||
			high>>48 == 0x2002 && uint32(high>>16) == 0xa9fea9fe || address.Is4In6() && uint32(low) == 0xa9fea9fe
		for _, p := range []*Policy{new(Policy), deny, all} {
			if err := p.checkAddress(host, address, true); embeds && err == nil {
				t.Fatalf("%s is accepted", address)
			}
		}
		if p, err := ParsePlaces([]string{host}); err == nil && len(p.Hosts) == 1 && !strings.HasPrefix(host, "*.") {
			if _, ok := p.host(host); !ok || p.Hosts[0] != host {
				t.Fatalf("the rule %q does not stand for itself but for %q", host, p.Hosts)
			}
			if _, ok := literal(host); ok {
				t.Fatalf("%q is taken for a name and for an address", host)
			}
		}
		if a, ok := literal(strconv.FormatUint(low>>32, 10)); !ok || a.As4() != [4]byte(binary.BigEndian.AppendUint32(nil, uint32(low>>32))) {
			t.Fatalf("%d is read as %s", low>>32, a)
		}
	})
}
