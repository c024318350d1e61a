package schema

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"github.com/eventgateway/eventgateway"
)

const (
	// maxShown is how many accepted values or names a message shows.
	maxShown = 10
	// maxLocation is how many bytes of a JSON pointer are shown.
	maxLocation = 256
)

// describe tells the first thing that is wrong, by its location.
func describe(err *jsonschema.ValidationError) *Violation {
	first := firstOf(err)
	location := first.InstanceLocation
	switch k := first.ErrorKind.(type) {
	case *kind.AdditionalProperties:
		location = append(slices.Clone(location), slices.Min(k.Properties))
	case *kind.PropertyNames:
		location = append(slices.Clone(location), k.Property)
	case *kind.Format:
		var name nameError
		if errors.As(k.Err, &name) {
			location = append(slices.Clone(location), string(name))
		}
	}
	return &Violation{pointer(location), message(first.ErrorKind)}
}

// firstOf returns the error that says most: of those together the first by location, and of alternatives what is common to them.
func firstOf(err *jsonschema.ValidationError) *jsonschema.ValidationError {
	switch err.ErrorKind.(type) {
	case *kind.AnyOf, *kind.OneOf:
		if len(err.Causes) != 1 {
			return err
		}
	case *kind.PropertyNames, *kind.Contains, *kind.MinContains:
		return err
	}
	var first *jsonschema.ValidationError
	for _, cause := range err.Causes {
		if leaf := firstOf(cause); first == nil || compareErrors(leaf, first) < 0 {
			first = leaf
		}
	}
	if first == nil {
		return err
	}
	return first
}

func compareErrors(a, b *jsonschema.ValidationError) int {
	return cmp.Or(slices.Compare(a.InstanceLocation, b.InstanceLocation), strings.Compare(a.SchemaURL, b.SchemaURL),
		strings.Compare(fmt.Sprintf("%T", a.ErrorKind), fmt.Sprintf("%T", b.ErrorKind)))
}

// message says what is wrong, in words that hold something of the schema, and nothing of the data.
func message(k jsonschema.ErrorKind) string {
	switch k := k.(type) {
	case *kind.Type:
		return fmt.Sprintf("%s is not accepted: want %s", k.Got, strings.Join(k.Want, " or "))
	case *kind.Format:
		return k.Err.Error()
	case *kind.FalseSchema:
		return "no value is accepted here"
	case *kind.AdditionalProperties, *kind.PropertyNames:
		return "a property of this name is not accepted"
	case *kind.Required:
		return "missing " + names(k.Missing)
	case *kind.DependentRequired:
		return fmt.Sprintf("missing %s, required beside %s", names(k.Missing), eventgateway.Quote(k.Prop))
	case *kind.Dependency:
		return fmt.Sprintf("missing %s, required beside %s", names(k.Missing), eventgateway.Quote(k.Prop))
	case *kind.AnyOf:
		return "matches none of the schemas of anyOf"
	case *kind.OneOf:
		if len(k.Subschemas) > 1 {
			return fmt.Sprintf("matches two schemas of oneOf, %d and %d: want exactly one", k.Subschemas[0], k.Subschemas[1])
		}
		return "matches none of the schemas of oneOf"
	case *kind.Not:
		return "matches the schema of not"
	case *kind.Contains:
		return "no item matches the schema of contains"
	case *kind.MinContains:
		return fmt.Sprintf("%d items match the schema of contains: want at least %d", len(k.Got), k.Want)
	case *kind.MaxContains:
		return fmt.Sprintf("%d items match the schema of contains: want at most %d", len(k.Got), k.Want)
	case *kind.AdditionalItems:
		return fmt.Sprintf("%d items too many", k.Count)
	case *kind.Pattern:
		return "does not match the pattern " + eventgateway.Quote(k.Want)
	}
	return measure(k)
}

// measure says what is too small, large, short or long.
func measure(k jsonschema.ErrorKind) string {
	most, least := "%d %s: want at most %d", "%d %s: want at least %d"
	switch k := k.(type) {
	case *kind.MinProperties:
		return fmt.Sprintf(least, k.Got, "properties", k.Want)
	case *kind.MaxProperties:
		return fmt.Sprintf(most, k.Got, "properties", k.Want)
	case *kind.MinItems:
		return fmt.Sprintf(least, k.Got, "items", k.Want)
	case *kind.MaxItems:
		return fmt.Sprintf(most, k.Got, "items", k.Want)
	case *kind.MinLength:
		return fmt.Sprintf(least, k.Got, "characters", k.Want)
	case *kind.MaxLength:
		return fmt.Sprintf(most, k.Got, "characters", k.Want)
	case *kind.Minimum:
		return "want a number that is at least " + number(k.Want)
	case *kind.Maximum:
		return "want a number that is at most " + number(k.Want)
	case *kind.ExclusiveMinimum:
		return "want a number above " + number(k.Want)
	case *kind.ExclusiveMaximum:
		return "want a number below " + number(k.Want)
	case *kind.MultipleOf:
		return "want a multiple of " + number(k.Want)
	}
	return "not accepted by the schema"
}

// describeRefusal tells why a schema does not compile.
func describeRefusal(err error) error {
	var (
		refused *eventgateway.Error
		meta    *jsonschema.SchemaValidationError
		wrong   *jsonschema.ValidationError
		pattern *jsonschema.InvalidRegexError
		load    *jsonschema.LoadURLError
		pointer *jsonschema.JSONPointerNotFoundError
		anchor  *jsonschema.AnchorNotFoundError
		id      *jsonschema.DuplicateIDError
		twice   *jsonschema.DuplicateAnchorError
	)
	switch {
	case errors.As(err, &refused):
		return refused
	case errors.As(err, &meta) && errors.As(meta.Err, &wrong):
		return invalid("%s", describe(wrong).Error())
	case errors.As(err, &pattern):
		return invalid("%s: %v", schemaLocation(pattern.URL), pattern.Err)
	case errors.As(err, &load):
		return invalid("%s is not accepted as $ref or $schema: nothing is fetched; want a $ref into the schema itself, such as #/$defs/name",
			eventgateway.Quote(load.URL))
	case errors.As(err, &pointer):
		return invalid("$ref to %s: there is nothing", eventgateway.Quote(schemaLocation(pointer.URL)))
	case errors.As(err, &anchor):
		return invalid("$ref to %s: there is no such anchor", eventgateway.Quote(strings.TrimPrefix(anchor.Reference, rootURL)))
	case errors.As(err, &id):
		return invalid("%s and %s: two schemas have one $id", shorten(id.Ptr1), shorten(id.Ptr2))
	case errors.As(err, &twice):
		return invalid("%s and %s: two schemas have the anchor %s", shorten(twice.Ptr1), shorten(twice.Ptr2), eventgateway.Quote(twice.Anchor))
	}
	return invalid("not accepted: a $id or $ref in it is no valid URI reference")
}

// schemaLocation returns the JSON pointer in a URL of the library.
func schemaLocation(location string) string {
	_, fragment, _ := strings.Cut(location, "#")
	if text, err := url.PathUnescape(fragment); err == nil {
		fragment = text
	}
	if fragment == "" {
		return "the whole schema"
	}
	return shorten(fragment)
}

// pointer returns a JSON pointer, see Violation.Location.
func pointer(tokens []string) string {
	var b strings.Builder
	for _, token := range tokens {
		token = escapeToken(token)
		if b.Len()+1+len(token) > maxLocation {
			break
		}
		b.WriteByte('/')
		b.WriteString(token)
	}
	return b.String()
}

var tokenEscapes = strings.NewReplacer("~", "~0", "/", "~1")

func escapeToken(token string) string { return tokenEscapes.Replace(token) }

// shorten cuts a pointer or value after maxLocation bytes.
func shorten(text string) string {
	if len(text) <= maxLocation {
		return text
	}
	return strings.ToValidUTF8(text[:maxLocation], "") + "…"
}

// show returns a value of the schema as JSON.
func show(v any) string {
	text, err := json.Marshal(v)
	if err != nil || len(text) > 40 {
		return strings.ToValidUTF8(string(text[:min(len(text), 40)]), "") + "…"
	}
	return string(text)
}

// names lists names of properties that the schema has.
func names(list []string) string {
	var quoted []string
	for _, name := range list[:min(len(list), maxShown)] {
		quoted = append(quoted, eventgateway.Quote(name))
	}
	if len(list) > maxShown {
		quoted = append(quoted, fmt.Sprintf("… (%d in all)", len(list)))
	}
	return strings.Join(quoted, ", ")
}

// number returns a number of the schema.
func number(r *big.Rat) string {
	if r.IsInt() {
		return shorten(r.RatString())
	}
	f, _ := r.Float64()
	return strconv.FormatFloat(f, 'g', -1, 64)
}
