package eventgateway

import (
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// IsCloudEventHeader reports whether h are the headers of a CloudEvent in binary mode, complete or not: they have at least
// one of those that only such an event has.
func IsCloudEventHeader(h http.Header) bool {
	for _, name := range [...]string{
		"Ce-Specversion", "Ce-Id", "Ce-Type", "Ce-Source", "Ce-Cloudeventsversion", "Ce-Eventid", "Ce-Eventtype",
	} {
		if _, ok := h[name]; ok {
			return true
		}
	}
	return false
}

// ParseCloudEventHeader reads a CloudEvent in binary mode, of version 1.0 or 0.1: attributes in ce- headers, the data's
// type in Content-Type. The caller has checked that data of a JSON type is JSON. An error is an *Error of kind Invalid
// that names the header.
func ParseCloudEventHeader(h http.Header, data []byte, receivedAt time.Time) (*Event, error) {
	var memory [16]attribute
	attrs := attributes{"ce-", memory[:0]}
	_, legacy := h["Ce-Cloudeventsversion"]
	for name, values := range h {
		if len(name) <= 3 || name[:3] != "Ce-" {
			continue
		}
		name = strings.ToLower(name[3:])
		if len(values) != 1 {
			return nil, Errorf(Invalid, "%s: given %d times: want it once", attrs.field(name), len(values))
		}
		if name == "datacontenttype" || legacy && name == "contenttype" {
			return nil, Errorf(Invalid, "ce-%s: not accepted: want the type of the data in Content-Type", name)
		}
		value, ok := unescapeHeader(values[0])
		if !ok {
			return nil, InvalidField(attrs.field(name), values[0], "UTF-8, percent-encoded")
		}
		if legacy {
			name = strings.TrimPrefix(name, "x-")
		}
		attrs.list = append(attrs.list, attribute{name: name, text: value})
	}
	slices.SortFunc(attrs.list, func(a, b attribute) int { return strings.Compare(a.name, b.name) })
	if legacy {
		if err := attrs.modernize(); err != nil {
			return nil, err
		}
	}
	ev, err := attrs.event(receivedAt)
	if err != nil {
		return nil, err
	}
	ev.Data = data
	ev.DataType = h.Get("Content-Type")
	if ev.DataType == "" {
		ev.DataType = TypeOctetStream
	}
	return ev, ValidateDataType("Content-Type", ev.DataType)
}

// unescapeHeader undoes what the HTTP binding does to an attribute: double quotes around it, then percent-encoding.
func unescapeHeader(s string) (string, bool) {
	if len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' {
		s = unquote(s[1 : len(s)-1])
	}
	if strings.IndexByte(s, '%') < 0 {
		return s, utf8.ValidString(s)
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			out = append(out, s[i])
			continue
		}
		if i+2 >= len(s) {
			return "", false
		}
		high, low := hexValue(s[i+1]), hexValue(s[i+2])
		if high < 0 || low < 0 {
			return "", false
		}
		out = append(out, byte(high<<4|low))
		i += 2
	}
	return string(out), utf8.Valid(out)
}

// unquote removes the backslashes of a quoted-string of RFC 9110.
func unquote(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		out = append(out, s[i])
	}
	return string(out)
}

func hexValue(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
