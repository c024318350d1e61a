package eventgateway

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// DefaultSpace is the space of resources that name none.
const DefaultSpace = "default"

const (
	maxIDLength        = 255
	maxEventNameLength = 255
)

// ValidateID checks the name of a space, a function or another resource: 1 to 255 characters out of letters, digits,
// dot, dash and underscore, and not "." or "..", which would not survive in a URL. field names it in the error.
func ValidateID(field, id string) error {
	ok := id != "" && len(id) <= maxIDLength && id != "." && id != ".."
	for i := 0; ok && i < len(id); i++ {
		c := id[i]
		ok = c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '-' || c == '_'
	}
	if !ok {
		return InvalidField(field, id, "1 to 255 letters, digits, dots, dashes or underscores")
	}
	return nil
}

// ValidateEventName checks the name of an event type: 1 to 255 bytes of printable characters without white space or '*'.
// field names it in the error.
func ValidateEventName(field, name string) error {
	bad := func(r rune) bool {
		return r == utf8.RuneError || r == '*' || unicode.IsSpace(r) || !unicode.IsPrint(r)
	}
	if name == "" || len(name) > maxEventNameLength || strings.IndexFunc(name, bad) >= 0 {
		return InvalidField(field, name, "1 to 255 bytes of printable characters without spaces or *")
	}
	return nil
}

// ValidateEventPattern checks what a subscription listens to: the name of an event type, or the beginning of names followed
// by a *, such as "user.*", or "*" alone. field names it in the error.
func ValidateEventPattern(field, pattern string) error {
	name, any := strings.CutSuffix(pattern, "*")
	if name == "" && any {
		return nil
	}
	if ValidateEventName(field, name) != nil || len(pattern) > maxEventNameLength {
		return InvalidField(field, pattern, "1 to 255 bytes of printable characters without spaces, and * only at the end")
	}
	return nil
}

// IsEventPattern reports whether a subscription listens to more than one event type: those that begin as pattern does
// before its *. It listens to custom events only: http, invoke and system events have to be named, system events at least by
// a pattern that begins with "gateway." or "eventgateway.".
func IsEventPattern(pattern string) bool { return strings.HasSuffix(pattern, "*") }

// The built-in event types.
const (
	// EventHTTP is the event an HTTP request becomes when it is nothing else.
	EventHTTP = "http"
	// EventHTTPRequest is the later name of EventHTTP; both subscribe to the same event.
	EventHTTPRequest = "http.request"
	// EventInvoke is a synchronous call of one function.
	EventInvoke = "invoke"
)

// What the names of system events begin with.
const (
	systemPrefix      = "gateway."
	systemPrefixAlias = "eventgateway."
)

// CanonicalEvent returns the name under which events of this type are routed: EventHTTP for EventHTTPRequest, "gateway.x" for
// "eventgateway.x", name itself otherwise. It also takes what a subscription listens to, such as "eventgateway.*".
func CanonicalEvent(name string) string {
	switch {
	case name == EventHTTPRequest:
		return EventHTTP
	case strings.HasPrefix(name, systemPrefixAlias):
		return name[len(systemPrefixAlias)-len(systemPrefix):]
	}
	return name
}

// IsSystemEvent reports whether only the gateway itself may emit events of this type; or, of what a subscription listens to,
// whether it is for such events.
func IsSystemEvent(name string) bool {
	return strings.HasPrefix(name, systemPrefix) || strings.HasPrefix(name, systemPrefixAlias)
}
