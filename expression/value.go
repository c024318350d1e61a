package expression

import (
	"encoding/base64"
	"fmt"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/eventgateway/eventgateway"
)

// MaxValueBytes is how large the JSON of a transform's value may be.
const MaxValueBytes = 8 << 20

// Value is what a transform evaluated to.
type Value struct {
	v ref.Val
	// doc is the value as JSON, unless it is a string or bytes.
	doc []byte
}

// Text returns the value if it is a string.
func (v Value) Text() (string, bool) {
	s, ok := v.v.(types.String)
	return string(s), ok
}

// Bytes returns the value if it is bytes.
func (v Value) Bytes() ([]byte, bool) {
	b, ok := v.v.(types.Bytes)
	return b, ok
}

// JSON returns the value as JSON: timestamps in RFC 3339, durations as in "1.5s", bytes in base64, an empty optional as
// null, members ordered by name.
func (v Value) JSON() []byte {
	if text, ok := v.Text(); ok {
		return eventgateway.AppendJSONString(nil, text)
	}
	if data, ok := v.Bytes(); ok {
		return eventgateway.AppendJSONString(nil, base64.StdEncoding.EncodeToString(data))
	}
	return v.doc
}

// Payload returns the value as it is sent, and its MIME type: a string as text/plain, bytes as application/octet-stream,
// anything else as JSON.
func (v Value) Payload() (payload []byte, contentType string) {
	if text, ok := v.Text(); ok {
		return []byte(text), "text/plain; charset=utf-8"
	}
	if data, ok := v.Bytes(); ok {
		return data, eventgateway.TypeOctetStream
	}
	return v.doc, eventgateway.TypeJSON
}

// newValue returns a value with its JSON, for which m is charged.
func newValue(v ref.Val, m *meter) (Value, error) {
	v = present(v)
	switch v.(type) {
	case types.String, types.Bytes:
		return Value{v: v}, nil
	}
	doc, err := writeJSON(v, m)
	return Value{v, doc}, err
}

// present returns what an optional holds, null if nothing; any other value as it is.
func present(v ref.Val) ref.Val {
	if o, ok := v.(*types.Optional); ok {
		if !o.HasValue() {
			return types.NullValue
		}
		return present(o.GetValue())
	}
	return v
}

// valueError is why a value has no JSON. It holds nothing of the event.
type valueError struct{ text string }

func (e *valueError) Error() string { return e.text }

func valueErrorf(format string, args ...any) error { return &valueError{fmt.Sprintf(format, args...)} }
