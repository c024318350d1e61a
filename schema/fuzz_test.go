package schema_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/schema"
)

// FuzzSchema shows that nothing panics, that a refusal is one of the caller's doing, that the answer to one question is always
// the same, and that a violation points to a value that is there, or to a name of one.
func FuzzSchema(f *testing.F) {
	f.Add(order, orderData)
	f.Add(`{"$ref":"#"}`, `1`)
	f.Add(`{"properties":{"a":{"items":{"$ref":"#"}}},"unevaluatedProperties":false}`, `{"a":[{"a":[]},{"b":1}]}`)
	f.Add(`{"$schema":"http://json-schema.org/draft-04/schema","id":"x","dependencies":{"a":["b"]}}`, `{"a":1}`)
	f.Add(`{"$dynamicAnchor":"a","items":{"$dynamicRef":"#a"},"uniqueItems":true,"enum":[[1]]}`, `[[1e400]]`)
	f.Add(`{"propertyNames":{"pattern":"^[a-z]+$"},"patternProperties":{"^x":false},"const":{}}`, `{"A":1}`)
	for _, test := range hostile(1 << 8) {
		f.Add(test.schema, test.data)
	}
	f.Fuzz(func(t *testing.T, text, data string) {
		s, err := schema.Compile([]byte(text))
		if err != nil {
			if eventgateway.KindOf(err) != eventgateway.Invalid || !strings.HasPrefix(err.Error(), "schema: ") {
				t.Fatalf("Compile = %v", err)
			}
			return
		}
		first := s.Validate([]byte(data))
		again := s.Validate([]byte(data))
		if (first == nil) != (again == nil) {
			t.Fatalf("Validate = %v, then %v", first, again)
		}
		// What takes too much work may be found wrong before it does, by chance.
		if first != nil && first.Error() != again.Error() && first.Error() != tooMuch && again.Error() != tooMuch {
			t.Fatalf("Validate = %v, then %v", first, again)
		}
		var v *schema.Violation
		if first == nil {
			return
		}
		if !errors.As(first, &v) || v.Message == "" {
			t.Fatalf("Validate = %#v", first)
		}
		var value any
		if err := json.Unmarshal([]byte(data), &value); err == nil && !there(value, v.Location) {
			t.Fatalf("%s is not in %s", v.Location, data)
		}
	})
}

// there reports whether a JSON pointer leads somewhere.
func there(value any, pointer string) bool {
	if pointer == "" {
		return true
	}
	token, rest, deeper := strings.Cut(pointer[1:], "/")
	if deeper {
		rest = "/" + rest
	}
	token = strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
	switch value := value.(type) {
	case map[string]any:
		member, ok := value[token]
		return ok && there(member, rest)
	case []any:
		for i, element := range value {
			if token == jsonIndex(i) {
				return there(element, rest)
			}
		}
	}
	return false
}

func jsonIndex(i int) string {
	text, _ := json.Marshal(i)
	return string(text)
}
