package eventgateway

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Kind classifies an Error. Each API turns it into an HTTP status in one place.
type Kind int

// The kinds of errors a caller can act on.
const (
	// Invalid means the input breaks a rule; sending it again cannot help.
	Invalid Kind = iota + 1
	// NotFound means the named resource does not exist.
	NotFound
	// Exists means a resource of that identity, or one that excludes it, exists already.
	Exists
	// InUse means the resource cannot go because others refer to it.
	InUse
	// Unmet means an If-Match condition does not hold.
	Unmet
	// ReadOnly means the resource comes from the server's own configuration and cannot be changed through an API.
	ReadOnly
	// Unavailable means something the operation needs is out of reach now; trying again may help.
	Unavailable
)

// Error is an error meant for the person who sent a request: Message names the field, its value and what would be
// accepted, and never holds a payload or a credential.
type Error struct {
	Kind    Kind
	Message string
	// Err is the cause, for logs; it is not shown to the sender. May be nil.
	Err error
}

func (e *Error) Error() string { return e.Message }

func (e *Error) Unwrap() error { return e.Err }

// Errorf returns an Error of the given kind. A %w in the format keeps its cause, and is shown.
func Errorf(kind Kind, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Kind: kind, Message: err.Error(), Err: errors.Unwrap(err)}
}

// InvalidField returns an Invalid error that names a field, its value (quoted and shortened) and what is accepted.
// Use Errorf where the value is a credential.
func InvalidField(field, value, accepted string) *Error {
	return Errorf(Invalid, "%s: %s is not accepted: want %s", field, Quote(value), accepted)
}

// KindOf returns the kind of the first Error in err's chain, or 0 when there is none.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return 0
}

// Quote returns s quoted for a message, made valid UTF-8 and cut after at most 80 bytes, between characters.
func Quote(s string) string {
	const limit = 80
	if len(s) > limit {
		end := limit
		for end > limit-utf8.UTFMax && !utf8.RuneStart(s[end]) {
			end--
		}
		s = s[:end] + "…"
	}
	return fmt.Sprintf("%q", strings.ToValidUTF8(s, "\uFFFD"))
}
