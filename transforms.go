package eventgateway

import (
	"maps"
	"net/http"
	"slices"
	"unicode/utf8"
)

const (
	// MaxExpressionLength is how many bytes one expression of a subscription may have.
	MaxExpressionLength = 8 << 10
	// MaxTransformHeaders is how many headers a subscription may set.
	MaxTransformHeaders = 32
)

// Transforms are CEL expressions that change what a function gets and what it answers. Whether they compile, package
// expression knows.
type Transforms struct {
	// Transform is an expression whose value is sent to the function in place of the event. Default: the event, in the
	// function's format.
	Transform string `json:"transform,omitempty"`
	// ResponseTransform is an expression whose value is the function's answer in place of what it said; only of a sync
	// subscription. Default: what it said.
	ResponseTransform string `json:"responseTransform,omitempty"`
	// Headers are expressions whose values are sent beside the payload, by the name of the HTTP header. Default: none.
	Headers map[string]string `json:"headers,omitempty"`
}

// ChangeCall reports whether anything changes what the function gets.
func (t *Transforms) ChangeCall() bool { return t.Transform != "" || len(t.Headers) > 0 }

// Validate checks sizes and names for a subscription of a type.
func (t *Transforms) Validate(of SubscriptionType) error {
	if err := ValidateExpression("transform", t.Transform); err != nil {
		return err
	}
	if t.ResponseTransform != "" && of != Sync {
		return Errorf(Invalid, "responseTransform: not accepted for type %s: want it only for sync, where somebody waits for the answer",
			Quote(string(of)))
	}
	if err := ValidateExpression("responseTransform", t.ResponseTransform); err != nil {
		return err
	}
	return t.validateHeaders()
}

// validateHeaders checks the headers in the order of their names, so that the same input gives the same error.
func (t *Transforms) validateHeaders() error {
	if len(t.Headers) > MaxTransformHeaders {
		return Errorf(Invalid, "headers: %d entries are not accepted: want at most %d", len(t.Headers), MaxTransformHeaders)
	}
	seen := make(map[string]bool, len(t.Headers))
	for _, name := range slices.Sorted(maps.Keys(t.Headers)) {
		key := http.CanonicalHeaderKey(name)
		switch {
		case len(name) > 255 || !ValidHeaderName(name):
			return InvalidField("headers", name, "an HTTP header name")
		case framing[key]:
			return Errorf(Invalid, "headers.%s: this header is set by the gateway itself: want it left out", name)
		case isOwnHeader(name):
			return Errorf(Invalid, "headers.%s: only the gateway itself sets headers that start with %s: want another name",
				name, HeaderPrefix)
		case seen[key]:
			return Errorf(Invalid, "headers.%s: the header is given twice: want it once", name)
		case t.Headers[name] == "":
			return Errorf(Invalid, "headers.%s: empty: want a CEL expression", name)
		}
		seen[key] = true
		if err := ValidateExpression("headers."+name, t.Headers[name]); err != nil {
			return err
		}
	}
	return nil
}

// framing are the headers that belong to one connection or say how its messages are framed.
var framing = map[string]bool{
	"Accept-Encoding": true, "Connection": true, "Content-Encoding": true, "Content-Length": true, "Expect": true, "Host": true,
	"Keep-Alive": true, "Proxy-Connection": true, "Te": true, "Trailer": true, "Transfer-Encoding": true, "Upgrade": true,
}

// ValidateExpression checks the size of a CEL expression, which may be empty. field names it in the error.
func ValidateExpression(field, text string) error {
	if len(text) > MaxExpressionLength {
		return Errorf(Invalid, "%s: %d bytes are not accepted: want at most %d", field, len(text), MaxExpressionLength)
	}
	if !utf8.ValidString(text) {
		return Errorf(Invalid, "%s: not valid UTF-8: want a CEL expression", field)
	}
	return nil
}
