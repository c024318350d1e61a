package expression

import (
	"strconv"
	"strings"
	"unsafe"

	"github.com/eventgateway/eventgateway"
)

// decode reads data by its MIME type into the Go values that CEL knows. Strings may share the memory of data.
func decode(dataType string, data []byte) any {
	switch {
	case len(data) == 0:
		return nil
	case eventgateway.IsJSON(dataType):
		d := decoder{text: shared(data)}
		return d.value()
	case IsText(dataType):
		return strings.ToValidUTF8(string(data), "\uFFFD")
	}
	return data
}

// IsText reports whether data of this MIME type, which is not JSON, is a string in expressions: forms and text/*.
func IsText(dataType string) bool {
	return eventgateway.IsForm(dataType) || len(dataType) > 5 && strings.EqualFold(dataType[:5], "text/")
}

// shared returns data as a string without a copy. An event's data is never changed.
func shared(data []byte) string { return unsafe.String(unsafe.SliceData(data), len(data)) }

// decoder reads one valid JSON value. Where the JSON is not valid, what it returns means nothing, but it returns.
type decoder struct {
	text string
	at   int
}

func (d *decoder) space() byte {
	for ; d.at < len(d.text); d.at++ {
		switch c := d.text[d.at]; c {
		case ' ', '\n', '\t', '\r':
		default:
			return c
		}
	}
	return 0
}

func (d *decoder) value() any {
	switch d.space() {
	case '{':
		return d.object()
	case '[':
		return d.array()
	case '"':
		return d.string()
	}
	start := d.at
	for d.at < len(d.text) && !strings.ContainsRune(",]} \n\t\r", rune(d.text[d.at])) {
		d.at++
	}
	switch literal := d.text[start:d.at]; literal {
	case "true":
		return true
	case "false":
		return false
	case "null", "":
		return nil
	default:
		return Number(literal)
	}
}

func (d *decoder) object() map[string]any {
	members := map[string]any{}
	d.at++
	for d.space() == '"' {
		name := d.string()
		d.space()
		d.at++ // the colon
		members[name] = d.value()
		if d.space() != ',' {
			break
		}
		d.at++
	}
	d.at++
	return members
}

func (d *decoder) array() []any {
	elements := []any{}
	d.at++
	for c := d.space(); c != ']' && c != 0; c = d.space() {
		elements = append(elements, d.value())
		if d.space() != ',' {
			break
		}
		d.at++
	}
	d.at++
	return elements
}

func (d *decoder) string() string {
	start := d.at
	for d.at++; d.at < len(d.text); d.at++ {
		switch d.text[d.at] {
		case '\\':
			d.at++
		case '"':
			d.at++
			text, _ := eventgateway.JSONText(unsafe.Slice(unsafe.StringData(d.text[start:d.at]), d.at-start))
			return shared(text)
		}
	}
	d.at = len(d.text)
	return ""
}

// Number returns what a JSON number is in expressions: an int64 if it has neither fraction nor exponent and fits, else a
// uint64 if that fits, else a float64, infinite where it is too large.
func Number(literal string) any {
	if !strings.ContainsAny(literal, ".eE") {
		if n, err := strconv.ParseInt(literal, 10, 64); err == nil {
			return n
		}
		if n, err := strconv.ParseUint(literal, 10, 64); err == nil {
			return n
		}
	}
	n, _ := strconv.ParseFloat(literal, 64)
	return n
}
