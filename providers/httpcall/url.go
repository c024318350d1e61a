package httpcall

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/eventgateway/eventgateway"
	"golang.org/x/net/http/httpguts"
)

// ParseURL returns the parsed form of a valid URL of a function, which field holds. Its errors are *eventgateway.Error of kind
// Invalid about that field, and show the URL only where it holds no credential.
func ParseURL(field, raw string) (*url.URL, error) {
	const accepted = "an http or https URL with a host, such as https://example.com/hello"
	if raw == "" {
		return nil, refuse("%s: missing: want %s", field, accepted)
	}
	unfit := func(accepted string) (*url.URL, error) {
		if strings.ContainsAny(raw, "@?") {
			return nil, refuse("%s: not accepted: want %s", field, accepted)
		}
		return nil, eventgateway.InvalidField(field, raw, accepted)
	}
	u, err := url.Parse(raw)
	switch {
	case len(raw) > 8<<10:
		return unfit("at most 8 KiB")
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "", !ValidHost(u.Host):
		return unfit(accepted)
	case u.Fragment != "" || strings.HasSuffix(raw, "#"):
		return unfit("a URL without a #fragment, which is not sent over HTTP")
	}
	return u, nil
}

func refuse(format string, args ...any) error {
	return eventgateway.Errorf(eventgateway.Invalid, format, args...)
}

// ValidHost reports whether s can stand in a Host header: a host with an optional port from 1 to 65535.
func ValidHost(s string) bool {
	u, err := url.Parse("http://" + s)
	if err != nil || u.Host != s || u.Hostname() == "" || !httpguts.ValidHostHeader(s) && isASCII(s) {
		return false
	}
	if port := u.Port(); port != "" {
		n, err := strconv.ParseUint(port, 10, 16)
		return err == nil && n > 0
	}
	return !strings.HasSuffix(s, ":")
}

// isASCII tells host names that are sent as they are from international ones, which net/http converts.
func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r > 127 }) < 0
}
