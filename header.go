package eventgateway

import (
	"strings"
	"unicode/utf8"
)

// HeaderPrefix is how the names of the headers begin, in their canonical form, that only the gateway itself sets.
const HeaderPrefix = "Event-Gateway-"

// isOwnHeader reports whether only the gateway itself may set a header.
func isOwnHeader(name string) bool {
	return len(name) >= len(HeaderPrefix) && strings.EqualFold(name[:len(HeaderPrefix)], HeaderPrefix)
}

// ValidHeaderName reports whether name can name an HTTP header field.
func ValidHeaderName(name string) bool { return isToken(name) }

// ValidHeaderValue reports whether value can be that of an HTTP header field: no control characters but the tab.
func ValidHeaderValue(value string) bool {
	for i := 0; i < len(value); i++ {
		if c := value[i]; c < 0x20 && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// EscapeHeaderValue percent-encodes what the HTTP binding of CloudEvents does not let stand in a header: everything
// outside the printable ASCII characters, the space, the double quote and the percent sign. What is not valid UTF-8
// becomes U+FFFD.
func EscapeHeaderValue(s string) string {
	plain := true
	for i := 0; i < len(s) && plain; i++ {
		plain = plainInHeader(s[i])
	}
	if plain {
		return s
	}
	out := make([]byte, 0, len(s)+16)
	for _, r := range s {
		if r < utf8.RuneSelf && plainInHeader(byte(r)) {
			out = append(out, byte(r))
			continue
		}
		var char [utf8.UTFMax]byte
		for _, c := range char[:utf8.EncodeRune(char[:], r)] {
			out = append(out, '%', upperHex[c>>4], upperHex[c&0xf])
		}
	}
	return string(out)
}

const upperHex = "0123456789ABCDEF"

func plainInHeader(c byte) bool { return c > ' ' && c < 0x7f && c != '"' && c != '%' }
