package eventgateway

import (
	"errors"
	"mime"
	"strings"
)

const (
	// TypeJSON is the MIME type of JSON.
	TypeJSON = "application/json"
	// TypeOctetStream is the MIME type of data of which nothing is known.
	TypeOctetStream = "application/octet-stream"
)

// MediaType returns a MIME type without its parameters and the white space around it, in the case it was given in.
func MediaType(dataType string) string {
	if i := strings.IndexByte(dataType, ';'); i >= 0 {
		dataType = dataType[:i]
	}
	return strings.TrimSpace(dataType)
}

// IsJSON reports whether data of this MIME type is JSON: application/json, or any type that ends in +json.
func IsJSON(dataType string) bool {
	t := MediaType(dataType)
	return strings.EqualFold(t, TypeJSON) || len(t) > 5 && strings.EqualFold(t[len(t)-5:], "+json")
}

// IsForm reports whether data of this MIME type is what an HTML form sends.
func IsForm(dataType string) bool {
	t := MediaType(dataType)
	return strings.EqualFold(t, "application/x-www-form-urlencoded") || strings.EqualFold(t, "multipart/form-data")
}

// ValidateDataType checks that dataType is a MIME type such as "text/plain; charset=utf-8". Parameters that cannot be
// parsed are let through as long as they fit in a header, since senders are careless there. field names it in the error.
func ValidateDataType(field, dataType string) error {
	t := MediaType(dataType)
	kind, subtype, ok := strings.Cut(t, "/")
	if !ok || !isToken(kind) || !isToken(subtype) || !ValidHeaderValue(dataType) {
		return InvalidField(field, dataType, "a MIME type such as application/json")
	}
	if len(t) == len(dataType) {
		return nil
	}
	if _, _, err := mime.ParseMediaType(dataType); err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) {
		return InvalidField(field, dataType, "a MIME type such as application/json")
	}
	return nil
}
