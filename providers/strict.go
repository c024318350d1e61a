package providers

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/eventgateway/eventgateway"
)

// maxDepth bounds how deep provider fields may nest; no real configuration comes near it.
const maxDepth = 32

// unmarshalStrict decodes provider fields into p. Beyond what encoding/json checks, it refuses unknown names (also those
// that differ in case only), names given twice and deep nesting, and its errors name the field.
func unmarshalStrict(data []byte, p Provider) error {
	accepted := fieldNames(p)
	if err := checkShape(data, accepted); err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	err := dec.Decode(p)
	var wrongType *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &wrongType):
		got, _, _ := strings.Cut(wrongType.Value, " ") // an out of range number comes with its digits
		return refuse("%s: got %s, want %s", fieldAt(data, wrongType.Offset), got, jsonType(wrongType.Type))
	case eventgateway.KindOf(err) != 0:
		return refuse("provider: %w", err)
	default:
		// encoding/json quotes nothing but names here, such as an unknown one in a nested object.
		return refuse("provider: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
}

func refuse(format string, args ...any) error {
	return eventgateway.Errorf(eventgateway.Invalid, format, args...)
}

// nest is one object or array that is open while walking a JSON text.
type nest struct {
	names map[string]bool // the names seen so far; nil in an array
	name  string          // the name whose value comes next; empty when a name comes next
}

// checkShape checks that data is one JSON object without duplicate names or deep nesting, whose names are among accepted
// (nil: any).
func checkShape(data []byte, accepted []string) error {
	if !utf8.Valid(data) {
		return refuse("provider: not valid UTF-8")
	}
	if first := bytes.TrimLeft(data, " \t\r\n"); len(first) == 0 || first[0] != '{' {
		return refuse("provider: want an object")
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var open []nest
	for {
		token, err := dec.Token()
		if err != nil {
			return refuse("provider: malformed JSON after %d bytes", dec.InputOffset())
		}
		switch {
		case isName(open, token):
			if err := takeName(open, token.(string), accepted); err != nil {
				return err
			}
			continue
		case token == json.Delim('{'):
			open = append(open, nest{names: make(map[string]bool)})
		case token == json.Delim('['):
			open = append(open, nest{})
		case token == json.Delim('}') || token == json.Delim(']'):
			open = open[:len(open)-1]
		}
		if len(open) > maxDepth {
			return refuse("provider: nested more than %d deep", maxDepth)
		}
		if token == json.Delim('{') || token == json.Delim('[') {
			continue
		}
		if len(open) == 0 {
			break
		}
		open[len(open)-1].name = ""
	}
	if _, err := dec.Token(); err != io.EOF {
		return refuse("provider: more than one JSON value")
	}
	return nil
}

// takeName notes the next name in the innermost open object.
func takeName(open []nest, name string, accepted []string) error {
	top := &open[len(open)-1]
	path := pathTo(open[:len(open)-1])
	switch {
	case name == "":
		return refuse("%s: an empty name is not accepted", path)
	case top.names[name]:
		return refuse("%s: the name %s is given twice", path, eventgateway.Quote(name))
	case len(open) == 1 && accepted != nil && !slices.Contains(accepted, name):
		return refuse("provider: unknown field %s: want %s", eventgateway.Quote(name), strings.Join(accepted, ", "))
	}
	top.names[name], top.name = true, name
	return nil
}

// pathTo returns the path of the value that comes next in the innermost of the open nests.
func pathTo(open []nest) string {
	path := "provider"
	for _, n := range open {
		if n.name != "" {
			path += "." + n.name
		}
	}
	return path
}

// fieldAt returns the path of the value that ends, or for an object or array begins, at offset of valid provider fields.
// encoding/json tells a path too, but without the keys of maps and with the names of embedded structs.
func fieldAt(data []byte, offset int64) string {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var open []nest
	for {
		token, err := dec.Token()
		if err != nil || dec.InputOffset() >= offset && !isName(open, token) {
			return pathTo(open)
		}
		switch {
		case isName(open, token):
			open[len(open)-1].name = token.(string)
			continue
		case token == json.Delim('{'):
			open = append(open, nest{names: map[string]bool{}})
			continue
		case token == json.Delim('['):
			open = append(open, nest{})
			continue
		case token == json.Delim('}') || token == json.Delim(']'):
			open = open[:len(open)-1]
		}
		if len(open) > 0 {
			open[len(open)-1].name = ""
		}
	}
}

// isName reports whether token is the name of a member of the innermost open object.
func isName(open []nest, token json.Token) bool {
	_, isText := token.(string)
	return isText && len(open) > 0 && open[len(open)-1].names != nil && open[len(open)-1].name == ""
}

// fieldNames returns the JSON names of a provider's fields in order; nil when only the provider knows them.
func fieldNames(p Provider) []string {
	t := reflect.TypeOf(p)
	if _, ok := p.(json.Unmarshaler); ok || t.Kind() != reflect.Pointer || t.Elem().Kind() != reflect.Struct {
		return nil
	}
	names := []string{}
	for _, f := range reflect.VisibleFields(t.Elem()) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-" || !f.IsExported() || f.Anonymous && name == "":
		case name == "":
			names = append(names, f.Name)
		default:
			names = append(names, name)
		}
	}
	return names
}

// jsonType says in JSON's words what a Go type is read from.
func jsonType(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "boolean"
	case reflect.Float32, reflect.Float64:
		return "number"
	case reflect.Slice, reflect.Array:
		return "array"
	case reflect.Struct, reflect.Map:
		return "object"
	case reflect.Pointer:
		return jsonType(t.Elem())
	default:
		return "integer"
	}
}
