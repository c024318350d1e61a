package schema_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway/schema"
)

// repeat joins n texts by commas.
func repeat(n int, f func(i int) string) string {
	parts := make([]string, n)
	for i := range parts {
		parts[i] = f(i)
	}
	return strings.Join(parts, ",")
}

type costly struct{ schema, data, message string }

const tooMuch = "it takes too much work to check it against the schema"

// hostile are pairs of schema and data that would take long, or much memory, without bounds; data of about a size.
func hostile(size int) map[string]costly {
	list := func(item string) string {
		return "[" + strings.Repeat(item+",", size/(len(item)+1)-1) + item + "]"
	}
	nested := func(n int, inner string) string { return strings.Repeat("[", n) + inner + strings.Repeat("]", n) }
	object := func(n int) string {
		return "{" + repeat(n, func(i int) string { return fmt.Sprintf(`"n%08d":1`, i) }) + "}"
	}
	return map[string]costly{
		"wrong items":     {`{"items":{"type":"string"}}`, list("1"), `number is not accepted: want string`},
		"right items":     {`{"items":{"type":"integer","minimum":0}}`, list("1"), ``},
		"references":      {`{"items":{"$ref":"#/$defs/a"},"$defs":{"a":{"anyOf":[{"type":"string"},{"type":"object"},{"type":"integer"}]}}}`, list("1"), tooMuch},
		"deep wrong":      {`{"items":{"$ref":"#"},"type":"array"}`, nested(250, list("1")), `violates the schema, and has too many values to say where`},
		"twice per level": {`{"items":{"allOf":[{"$ref":"#"},{"$ref":"#"}]}}`, nested(250, "1"), tooMuch},
		"any per level":   {`{"type":"array","items":{"anyOf":[{"$ref":"#"},{"$ref":"#"}]}}`, nested(250, "1"), tooMuch},
		"doubling": {`{"$ref":"#/$defs/a0","$defs":{` + repeat(25, func(i int) string {
			return fmt.Sprintf(`"a%d":{"allOf":[{"$ref":"#/$defs/a%d"},{"$ref":"#/$defs/a%d"}]}`, i, i+1, i+1)
		}) + `,"a25":{}}}`, "1", tooMuch},
		"many any":        {`{"items":{"anyOf":[` + repeat(990, func(i int) string { return `{"const":"x"}` }) + `]}}`, list("1"), tooMuch},
		"long enum":       {`{"items":{"enum":[` + repeat(15000, func(i int) string { return fmt.Sprint(i + 2) }) + `]}}`, list("1"), `violates the schema, and has too many values to say where`},
		"unique":          {`{"uniqueItems":true}`, "[" + repeat(size/8, func(i int) string { return fmt.Sprint(i + 1000000) }) + "]", ``},
		"unique lists":    {`{"uniqueItems":true}`, list(`["a\u0004b"]`), `two items are equal: want each only once`},
		"unique per part": {`{"uniqueItems":true,"items":{"$ref":"#"}}`, nested(200, list("1")), tooMuch},
		"pattern":         {`{"pattern":"^(a?){200}(a|b)*c$"}`, `"` + strings.Repeat("a", size) + `"`, tooMuch},
		"patterns":        {`{"allOf":[` + repeat(450, func(i int) string { return fmt.Sprintf(`{"not":{"pattern":"x%d$"}}`, i) }) + `]}`, `"` + strings.Repeat("x", size) + `"`, tooMuch},
		"pattern names":   {`{"patternProperties":{` + repeat(900, func(i int) string { return fmt.Sprintf(`"x%d$":{}`, i) }) + `}}`, object(size / 14), tooMuch},
		"lengths":         {`{"allOf":[` + repeat(990, func(int) string { return `{"minLength":1}` }) + `]}`, `"` + strings.Repeat("x", size) + `"`, ``},
		"unevaluated":     {`{"allOf":[` + repeat(990, func(int) string { return `{"title":"x"}` }) + `],"unevaluatedProperties":true}`, object(size / 14), tooMuch},
		"names":           {`{"propertyNames":{"pattern":"^n"},"additionalProperties":{"type":"string"}}`, object(size / 14), `number is not accepted: want string`},
		"exponents":       {`{"items":{"multipleOf":1e-400}}`, list("1e400"), ``},
		"digits":          {`{"items":{"multipleOf":0.` + strings.Repeat("0", 100) + `7}}`, list(strings.Repeat("9", 128)), `want a multiple of 7e-101`},
	}
}

// largeSchemas cost the compiler most of those that are accepted.
func largeSchemas() map[string]string {
	return map[string]string{
		"objects": `{"properties":{` + repeat(990, func(i int) string { return fmt.Sprintf(`"p%d":{"type":"string"}`, i) }) + `}}`,
		"ids":     `{"$defs":{` + repeat(990, func(i int) string { return fmt.Sprintf(`"p%d":{"$id":"i%d"}`, i, i) }) + `}}`,
		"anchors": `{"$defs":{` + repeat(990, func(i int) string { return fmt.Sprintf(`"p%d":{"$dynamicAnchor":"i%d"}`, i, i) }) + `}}`,
		"all id": `{"$defs":{` + repeat(490, func(i int) string {
			return fmt.Sprintf(`"p%d":{"$id":"i%d","$dynamicAnchor":"n"}`, i, i)
		}) + `},"allOf":[` + repeat(490, func(i int) string { return fmt.Sprintf(`{"$ref":"i%d"}`, i) }) + `]}`,
		"in depth": strings.Repeat(`{"items":`, 60) + `{}` + strings.Repeat(`}`, 60),
		"names":    `{"properties":{` + repeat(200, func(i int) string { return `"` + fmt.Sprint(i) + strings.Repeat("n", 1000) + `":{}` }) + `}}`,
		"bytes":    `{"title":"` + strings.Repeat("a", 250<<10) + `"}`,
	}
}

// costlySchemas cost the compiler most of those that are refused.
func costlySchemas() map[string]string {
	return map[string]string{
		"elsewhere": `{"x":{` + repeat(490, func(i int) string { return fmt.Sprintf(`"p%d":{"a":1}`, i) }) + `},"allOf":[` + repeat(490, func(i int) string { return fmt.Sprintf(`{"$ref":"#/x/p%d"}`, i) }) + `]}`,
		"wrong":     `{"enum":[],"required":[` + repeat(15000, func(i int) string { return "1" }) + `]}`,
		"twice":     `{"required":[` + repeat(15000, func(i int) string { return fmt.Sprintf(`"%d"`, i/2) }) + `]}`,
		"patterns":  `{"allOf":[` + repeat(900, func(i int) string { return fmt.Sprintf(`{"pattern":"[\\pL\\pN]x%d"}`, i) }) + `]}`,
		"folded":    `{"pattern":"(?i)` + strings.Repeat(`[\\pL\\PN]`, 100) + `"}`,
		"repeated":  `{"pattern":"` + strings.Repeat("a{1000}", 140) + `"}`,
	}
}

// TestHostileData shows that what would not end ends.
func TestHostileData(t *testing.T) {
	for name, test := range hostile(1 << 18) {
		t.Run(name, func(t *testing.T) {
			if got := violation(t, compile(t, test.schema), test.data); got.Message != test.message {
				t.Errorf("got %q, want %q", got.Message, test.message)
			}
		})
	}
}

// TestLargeSchemas compiles what costs the compiler most, and is accepted.
func TestLargeSchemas(t *testing.T) {
	for name, text := range largeSchemas() {
		t.Run(name, func(t *testing.T) {
			if v := violation(t, compile(t, text), `"a"`); v != (schema.Violation{}) {
				t.Errorf("Validate = %+v", v)
			}
		})
	}
}

// BenchmarkHostileData is the time for 1 MiB of data at most.
func BenchmarkHostileData(b *testing.B) {
	for name, test := range hostile(1 << 20) {
		b.Run(name, func(b *testing.B) {
			s, data := compile(b, test.schema), []byte(test.data)
			b.ReportAllocs()
			for b.Loop() {
				_ = s.Validate(data)
			}
		})
	}
}

// BenchmarkCompile is the time until a schema is accepted or refused.
func BenchmarkCompile(b *testing.B) {
	all := largeSchemas()
	maps.Copy(all, costlySchemas())
	all["order"] = order
	for name, text := range all {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				_, _ = schema.Compile([]byte(text))
			}
		})
	}
}

// BenchmarkValidate is the time for an event of 600 bytes, beside decoding it alone.
func BenchmarkValidate(b *testing.B) {
	data := []byte(orderData)
	b.Run("valid", func(b *testing.B) {
		s := compile(b, order)
		b.ReportAllocs()
		for b.Loop() {
			if err := s.Validate(data); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("invalid", func(b *testing.B) {
		s := compile(b, order)
		wrong := bytes.Replace(data, []byte(`"quantity":2`), []byte(`"quantity":0`), 1)
		b.ReportAllocs()
		for b.Loop() {
			if err := s.Validate(wrong); err == nil {
				b.Fatal("valid")
			}
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			decoder := json.NewDecoder(bytes.NewReader(data))
			decoder.UseNumber()
			var value any
			if err := decoder.Decode(&value); err != nil {
				b.Fatal(err)
			}
		}
	})
}

const order = `{"type":"object","required":["id","customer","items"],"properties":{
	"id":{"type":"string","pattern":"^[0-9a-f-]{36}$"},"status":{"enum":["new","paid","sent"]},
	"customer":{"type":"object","required":["name"],"properties":{"name":{"type":"string","maxLength":80},"email":{"type":"string"}}},
	"items":{"type":"array","minItems":1,"items":{"$ref":"#/$defs/item"}},"total":{"type":"number","minimum":0}},
	"$defs":{"item":{"type":"object","required":["sku","quantity"],"additionalProperties":false,"properties":{
		"sku":{"type":"string"},"quantity":{"type":"integer","minimum":1},"price":{"type":"number"},"options":{"type":"array","items":{"type":"string"}}}}}}`

const orderData = `{"id":"6fa459ea-ee8a-3ca4-894e-db77e160355e","status":"paid","total":127.5,"note":"please ring twice",
	"customer":{"name":"Ada Lovelace","email":"ada@example.com","address":{"street":"12 St James's Square","city":"London"}},
	"items":[{"sku":"a-1","quantity":2,"price":12.5,"options":["red","large"]},{"sku":"b-22","quantity":1,"price":100},
	{"sku":"c-333","quantity":1,"price":1.25},{"sku":"d-4444","quantity":3,"price":0.25,"options":["gift"]}],
	"history":[{"at":"2026-01-01T10:00:00Z","what":"created"},{"at":"2026-01-01T10:00:05Z","what":"paid"}]}`
