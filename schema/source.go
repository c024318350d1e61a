package schema

import (
	"bytes"
	"encoding/json"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/eventgateway/eventgateway"
)

// What a schema may have. Compiling takes time by the square of some of these: at the limits it is some ten milliseconds.
const (
	maxSchemaDepth   = 64
	maxSchemaValues  = 20000
	maxSchemaObjects = 1000
	// maxElsewhere bounds the $ref to places that are not for schemas, each of which costs the library as much as all others.
	maxElsewhere = 32
)

// source is a schema as it was written, decoded.
type source struct {
	document any
	// anchors are the URL fragments of its objects with a $dynamicAnchor: a $dynamicRef may lead there past all other ways.
	anchors []string
}

// drafts are the values of $schema that are accepted, without their scheme.
var drafts = []string{
	"json-schema.org/draft/2020-12/schema", "json-schema.org/draft/2019-09/schema",
	"json-schema.org/draft-07/schema", "json-schema.org/draft-06/schema", "json-schema.org/draft-04/schema",
}

func parse(text []byte) (*source, error) {
	if len(text) > eventgateway.MaxSchemaLength {
		return nil, invalid("%d bytes are not accepted: want at most %d", len(text), eventgateway.MaxSchemaLength)
	}
	if err := eventgateway.ValidateJSON("schema", text); err != nil {
		return nil, err
	}
	document, err := decodeJSON(text)
	if err != nil {
		return nil, invalid("not valid JSON")
	}
	s := &source{document: document}
	var b bounds
	switch err := b.look(document, "", 1, s); {
	case err != nil:
		return nil, err
	case b.values > maxSchemaValues:
		return nil, invalid("%d values are not accepted: want at most %d", b.values, maxSchemaValues)
	case b.elsewhere > maxElsewhere:
		return nil, invalid("%d $ref to places that are not for schemas are not accepted: want at most %d; put them into $defs",
			b.elsewhere, maxElsewhere)
	case b.objects > maxSchemaObjects:
		return nil, invalid("%d objects are not accepted: want at most %d", b.objects, maxSchemaObjects)
	}
	switch document := document.(type) {
	case bool:
		return s, nil
	case map[string]any:
		return s, checkDraft(document)
	}
	return nil, invalid("not accepted: want an object or a bool")
}

func checkDraft(document map[string]any) error {
	draft, ok := document["$schema"].(string)
	if !ok {
		return nil
	}
	name := strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(draft, "http://"), "https://"), "#")
	if !slices.Contains(drafts, name) {
		return invalid("/$schema: %s is not accepted: want https://json-schema.org/draft/2020-12/schema or an earlier draft's",
			eventgateway.Quote(draft))
	}
	return nil
}

// bounds counts what a schema has.
type bounds struct{ values, objects, elsewhere int }

// look counts the values at and below v, which is at a pointer, and notes the dynamic anchors.
func (b *bounds) look(v any, at string, depth int, s *source) error {
	b.values++
	switch v := v.(type) {
	case map[string]any:
		b.objects++
		if _, ok := v["$dynamicAnchor"].(string); ok {
			s.anchors = append(s.anchors, at)
		}
		if ref, ok := v["$ref"].(string); ok && !isSchemaPlace(ref) {
			b.elsewhere++
		}
		for name, member := range v {
			if depth >= maxSchemaDepth {
				return invalid("%s: nested too deeply: want at most %d levels", schemaLocation("#"+at), maxSchemaDepth)
			}
			if err := b.look(member, at+"/"+url.PathEscape(escapeToken(name)), depth+1, s); err != nil {
				return err
			}
		}
	case []any:
		for i, element := range v {
			if depth >= maxSchemaDepth {
				return invalid("%s: nested too deeply: want at most %d levels", schemaLocation("#"+at), maxSchemaDepth)
			}
			if _, scalar := element.(string); scalar { // as in a long enum
				b.values++
				continue
			}
			if err := b.look(element, at+"/"+itoa(i), depth+1, s); err != nil {
				return err
			}
		}
	case json.Number:
		if !plainNumber(v) {
			return invalid("%s: the number is not accepted: want %s", schemaLocation("#"+at), acceptedNumbers)
		}
	}
	return nil
}

// places are the keywords below which there are schemas: one, or with names, or in a list.
var places = map[string]struct{ one, named, listed bool }{
	"$defs": {named: true}, "definitions": {named: true}, "properties": {named: true}, "patternProperties": {named: true},
	"dependentSchemas": {named: true}, "dependencies": {named: true},
	"allOf": {listed: true}, "anyOf": {listed: true}, "oneOf": {listed: true}, "prefixItems": {listed: true},
	"items": {one: true, listed: true}, "additionalItems": {one: true}, "unevaluatedItems": {one: true}, "contains": {one: true},
	"additionalProperties": {one: true}, "propertyNames": {one: true}, "unevaluatedProperties": {one: true},
	"not": {one: true}, "if": {one: true}, "then": {one: true}, "else": {one: true}, "contentSchema": {one: true},
}

// isSchemaPlace reports whether a $ref leads to where a draft has schemas; it also is one if it is no JSON pointer.
func isSchemaPlace(ref string) bool {
	_, fragment, _ := strings.Cut(ref, "#")
	for rest, more := strings.CutPrefix(fragment, "/"); more; {
		var keyword string
		keyword, rest, more = strings.Cut(rest, "/")
		if keyword, _ = url.PathUnescape(keyword); keyword == "" {
			return false
		}
		place, known := places[keyword]
		next, after, deeper := strings.Cut(rest, "/")
		_, err := strconv.Atoi(next)
		switch isIndex := more && err == nil; {
		case !known:
			return false
		case place.named && more, place.listed && isIndex:
			rest, more = after, deeper
		case !place.one:
			return false
		}
	}
	return true
}

// decodeJSON decodes one JSON value, with numbers as they are written.
func decodeJSON(text []byte) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, io.ErrUnexpectedEOF
	}
	return value, nil
}
