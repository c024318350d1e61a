package httpprovider

import (
	"maps"
	"net/http"
	"slices"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/httpcall"
	"golang.org/x/net/http/httpguts"
)

const (
	maxHeaders     = 64
	maxHeaderValue = 8 << 10
)

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
		case providers.IsMessageHeader(key):
			return refuse("headers.%s: this header is set by the gateway itself: want it left out", name)
		case seen[key]:
			return refuse("headers.%s: the header is given twice", name)
		case len(value) > maxHeaderValue || !httpguts.ValidHeaderFieldValue(value):
			return refuse("headers.%s: the value is not accepted: want at most 8 KiB of text without control characters", name)
		case key == "Host" && !httpcall.ValidHost(value):
			return eventgateway.InvalidField("headers."+name, value, "a host name with an optional port")
		}
		seen[key] = true
	}
	return nil
}
