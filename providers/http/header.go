package httpprovider

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/eventgateway/eventgateway"
	"golang.org/x/net/http/httpguts"
)

const (
	maxHeaders     = 64
	maxHeaderValue = 8 << 10
)

// reserved are the headers that describe the connection or the message and that net/http sets itself.
var reserved = map[string]bool{
	"Connection": true, "Keep-Alive": true, "Proxy-Connection": true, "Transfer-Encoding": true, "Te": true,
	"Trailer": true, "Upgrade": true, "Content-Length": true, "Expect": true,
	// The answer is passed on as it comes, so none may be asked for in another encoding.
	"Accept-Encoding": true,
}

// validateHeaders checks the headers in the order of their names, so that the same input gives the same error.
func validateHeaders(headers map[string]string) error {
	if len(headers) > maxHeaders {
		return refuse("headers: %d entries are not accepted: want at most %d", len(headers), maxHeaders)
	}
	seen := make(map[string]bool, len(headers))
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		key, value := http.CanonicalHeaderKey(name), headers[name]
		switch {
		case len(name) > 255 || !httpguts.ValidHeaderFieldName(name):
			return eventgateway.InvalidField("headers", name, "an HTTP header name")
		case reserved[key]:
			return refuse("headers.%s: this header is set by the gateway itself: want it left out", name)
		case seen[key]:
			return refuse("headers.%s: the header is given twice", name)
		case len(value) > maxHeaderValue || !httpguts.ValidHeaderFieldValue(value):
			return refuse("headers.%s: the value is not accepted: want at most 8 KiB of text without control characters", name)
		case key == "Host" && !validHost(value):
			return eventgateway.InvalidField("headers."+name, value, "a host name with an optional port")
		}
		seen[key] = true
	}
	return nil
}

func refuse(format string, args ...any) error {
	return eventgateway.Errorf(eventgateway.Invalid, format, args...)
}

// validHost reports whether s can stand in a Host header: a host with an optional port from 1 to 65535.
func validHost(s string) bool {
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
