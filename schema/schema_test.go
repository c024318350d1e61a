package schema_test

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/schema"
)

func compile(t testing.TB, text string) *schema.Schema {
	t.Helper()
	s, err := schema.Compile([]byte(text))
	if err != nil {
		t.Fatalf("Compile(%.200s): %v", text, err)
	}
	return s
}

func violation(t testing.TB, s *schema.Schema, data string) schema.Violation {
	t.Helper()
	err := s.Validate([]byte(data))
	if err == nil {
		return schema.Violation{}
	}
	var v *schema.Violation
	if !errors.As(err, &v) {
		t.Fatalf("Validate(%.200s) = %T %v, want a *Violation", data, err, err)
	}
	return *v
}

func TestValidate(t *testing.T) {
	const order = `{"type":"object","required":["id","items"],"additionalProperties":false,"properties":{
		"id":{"type":"string","minLength":2,"maxLength":4,"pattern":"^[a-z]+$"},
		"kind":{"enum":["new",1,null,{"a":1}]},"version":{"const":1},
		"total":{"type":"number","minimum":0,"exclusiveMaximum":1e3,"multipleOf":0.01},
		"items":{"type":"array","minItems":1,"maxItems":3,"uniqueItems":true,"items":{"$ref":"#/$defs/item"}},
		"x/~y":{"type":"null"},
		"way":{"anyOf":[{"type":"string"},{"type":"integer"}]},"one":{"oneOf":[{"multipleOf":2},{"multipleOf":3}]},
		"not":{"not":{"type":"string"}},"never":false,
		"names":{"propertyNames":{"maxLength":2}},"some":{"contains":{"type":"string"},"minContains":2},
		"dep":{"dependentRequired":{"a":["b"]}},
		"if":{"if":{"required":["a"]},"then":{"required":["b"]},"else":{"required":["c"]}},
		"rest":{"properties":{"a":true},"unevaluatedProperties":false},
		"pair":{"prefixItems":[{"type":"string"}],"items":false}
	},"$defs":{"item":{"type":["object","integer"],"patternProperties":{"^n":{"type":"integer"}}}}}`
	s := compile(t, order)
	for _, test := range []struct{ data, location, message string }{
		{`{"id":"ab","items":[{"n1":1},{"n1":2}]}`, "", ""},
		{`{"id":"ab","items":[1],"kind":1.0,"version":1e0,"total":12.34,"way":3,"one":4,"not":1,"x/~y":null}`, "", ""},
		{`{"id":"ab","items":[1],"kind":{"a":1.0},"names":{"ab":1},"some":["a","b"],"dep":{"a":1,"b":2},"if":{"c":1},"rest":{"a":1},"pair":["a"]}`, "", ""},
		{``, "", `null is not accepted: want object`},
		{`null`, "", `null is not accepted: want object`},
		{`{`, "", `not valid JSON`},
		{`{} {}`, "", `not valid JSON`},
		{`{"id":"ab"}`, "", `missing "items"`},
		{`{}`, "", `missing "id", "items"`},
		{`{"id":"a","items":[1]}`, "/id", `1 characters: want at least 2`},
		{`{"id":"abcde","items":[1]}`, "/id", `5 characters: want at most 4`},
		{`{"id":"AB","items":[1]}`, "/id", `does not match the pattern "^[a-z]+$"`},
		{`{"id":7,"items":[1]}`, "/id", `number is not accepted: want string`},
		{`{"id":"ab","items":[1],"secret":1}`, "/secret", `a property of this name is not accepted`},
		{`{"id":"ab","items":[1],"kind":"secret"}`, "/kind", `the value is not accepted: want one of "new", 1, null, {"a":1}`},
		{`{"id":"ab","items":[1],"version":2}`, "/version", `the value is not accepted: want 1`},
		{`{"id":"ab","items":[1],"total":-1}`, "/total", `want a number that is at least 0`},
		{`{"id":"ab","items":[1],"total":1000}`, "/total", `want a number below 1000`},
		{`{"id":"ab","items":[1],"total":1.001}`, "/total", `want a multiple of 0.01`},
		{`{"id":"ab","items":[1],"total":1e401}`, "/total", `the number is not accepted: want at most 128 digits and an exponent between -400 and 400`},
		{`{"id":"ab","items":[]}`, "/items", `0 items: want at least 1`},
		{`{"id":"ab","items":[1,2,3,4]}`, "/items", `4 items: want at most 3`},
		{`{"id":"ab","items":[{"a":1,"b":2},{"b":2.0,"a":1}]}`, "/items", `two items are equal: want each only once`},
		{`{"id":"ab","items":[1,"secret"]}`, "/items/1", `string is not accepted: want integer or object`},
		{`{"id":"ab","items":[{"n":"secret"}]}`, "/items/0/n", `string is not accepted: want integer`},
		{`{"id":"ab","items":[1],"x/~y":1}`, "/x~1~0y", `number is not accepted: want null`},
		{`{"id":"ab","items":[1],"way":1.5}`, "/way", `matches none of the schemas of anyOf`},
		{`{"id":"ab","items":[1],"one":6}`, "/one", `matches two schemas of oneOf, 0 and 1: want exactly one`},
		{`{"id":"ab","items":[1],"one":5}`, "/one", `matches none of the schemas of oneOf`},
		{`{"id":"ab","items":[1],"not":"secret"}`, "/not", `matches the schema of not`},
		{`{"id":"ab","items":[1],"never":"secret"}`, "/never", `no value is accepted here`},
		{`{"id":"ab","items":[1],"names":{"long":1}}`, "/names/long", `a property of this name is not accepted`},
		{`{"id":"ab","items":[1],"some":["secret",1]}`, "/some", `1 items match the schema of contains: want at least 2`},
		{`{"id":"ab","items":[1],"dep":{"a":1}}`, "/dep", `missing "b", required beside "a"`},
		{`{"id":"ab","items":[1],"if":{"a":1}}`, "/if", `missing "b"`},
		{`{"id":"ab","items":[1],"if":{}}`, "/if", `missing "c"`},
		{`{"id":"ab","items":[1],"rest":{"a":1,"b":2}}`, "/rest/b", `no value is accepted here`},
		{`{"id":"ab","items":[1],"pair":["a","secret"]}`, "/pair/1", `no value is accepted here`},
	} {
		for range 3 { // whatever the order of a map
			if got := violation(t, s, test.data); got.Location != test.location || got.Message != test.message {
				t.Errorf("Validate(%s)\n got %q %q\nwant %q %q", test.data, got.Location, got.Message, test.location, test.message)
				break
			}
		}
	}
}

// TestDrafts shows that keywords mean what they meant in the draft that a schema names.
func TestDrafts(t *testing.T) {
	const draft7 = `"$schema":"http://json-schema.org/draft-07/schema#"`
	for _, test := range []struct {
		schema, data string
		valid        bool
	}{
		{`true`, `1`, true},
		{`false`, `1`, false},
		{`{}`, ``, true},
		{`{"$ref":"#/$defs/a","minimum":5,"$defs":{"a":{"type":"integer"}}}`, `3`, false},
		{`{` + draft7 + `,"properties":{"x":{"$ref":"#/definitions/a","minimum":5}},"definitions":{"a":{"type":"integer"}}}`, `{"x":3}`, true},
		{`{` + draft7 + `,"items":[{"type":"string"}],"additionalItems":false}`, `["a",1]`, false},
		{`{"$schema":"https://json-schema.org/draft/2020-12/schema","items":{"type":"string"}}`, `["a"]`, true},
		{`{` + draft7 + `,"dependencies":{"a":["b"]}}`, `{"a":1}`, false},
		{`{` + draft7 + `,"dependencies":{"a":{"required":["c"]}}}`, `{"a":1}`, false},
		{`{"$schema":"http://json-schema.org/draft-04/schema#","exclusiveMinimum":true,"minimum":1}`, `1`, false},
		{`{"$schema":"https://json-schema.org/draft/2019-09/schema","$recursiveAnchor":true,"properties":{"c":{"$recursiveRef":"#"}},"type":"object"}`, `{"c":{"c":1}}`, false},
		{`{"format":"email","contentMediaType":"application/json"}`, `"none"`, true},
		{`{` + draft7 + `,"format":"email"}`, `"none"`, true},
		{`{"$ref":"https://json-schema.org/draft/2020-12/schema"}`, `{"type":"nonsense"}`, false},
		{`{"$ref":"https://json-schema.org/draft/2020-12/schema"}`, `{"type":"object"}`, true},
		{`{"$id":"https://example.com/a","$ref":"b","$defs":{"b":{"$id":"b","$anchor":"c","type":"null"}}}`, `1`, false},
		{`{"$ref":"#c","$defs":{"b":{"$anchor":"c","type":"null"}}}`, `1`, false},
		{`{"$ref":"tree","$defs":{"strict":{"$id":"strict","$dynamicAnchor":"node","$ref":"tree","unevaluatedProperties":false},
			"tree":{"$id":"tree","$dynamicAnchor":"node","type":"object","properties":{"c":{"items":{"$dynamicRef":"#node"}}}}}}`, `{"c":[{"x":1}]}`, true},
		{`{"$ref":"strict","$defs":{"strict":{"$id":"strict","$dynamicAnchor":"node","$ref":"tree","unevaluatedProperties":false},
			"tree":{"$id":"tree","$dynamicAnchor":"node","type":"object","properties":{"c":{"items":{"$dynamicRef":"#node"}}}}}}`, `{"c":[{"x":1}]}`, false},
		{`{"properties":{"c":{"items":{"$ref":"#"}}},"required":["n"]}`, `{"n":1,"c":[{"n":2,"c":[{}]}]}`, false},
		{`{"properties":{"c":{"items":{"$ref":"#"}}},"required":["n"]}`, `{"n":1,"c":[{"n":2,"c":[{"n":3}]}]}`, true},
		{`{"maximum":9007199254740992}`, `9007199254740993`, false},
		{`{"const":9007199254740993}`, `9007199254740992`, false},
		{`{"const":[1,{"a":"b"}]}`, `[1.0,{"a":"b"}]`, true},
		{`{"type":"integer"}`, `1.0`, true},
		{`{"uniqueItems":true}`, `[["a\u0004b"],["a","b"],"a",["a"],0,false,null,{},[],-1,1]`, true},
		{`{"uniqueItems":true}`, `[0,-0]`, false},
	} {
		if got := violation(t, compile(t, test.schema), test.data); (got == schema.Violation{}) != test.valid {
			t.Errorf("%s\n of %s is %+v, want valid: %v", test.data, test.schema, got, test.valid)
		}
	}
}

func TestRefusedSchemas(t *testing.T) {
	nested := func(n int) string { return strings.Repeat(`{"not":`, n) + `{}` + strings.Repeat(`}`, n) }
	chain := func(n int) string {
		var defs []string
		for i := range n {
			defs = append(defs, `"a`+strings.Repeat("a", i)+`":{"$ref":"#/$defs/a`+strings.Repeat("a", i+1)+`"}`)
		}
		return `{"$ref":"#/$defs/a","$defs":{` + strings.Join(append(defs, `"a`+strings.Repeat("a", n)+`":{}`), ",") + `}}`
	}
	for name, test := range map[string]struct{ schema, message string }{
		"no JSON":        {`{`, "schema: not valid JSON: it ends too early, after byte 1"},
		"list":           {`[]`, "schema: not accepted: want an object or a bool"},
		"type":           {`{"properties":{"a":{"type":"text"}}}`, `schema: /properties/a/type: matches none of the schemas of anyOf`},
		"keyword":        {`{"minLength":"1"}`, `schema: /minLength: string is not accepted: want integer`},
		"draft":          {`{"$schema":"https://example.com/s"}`, `schema: /$schema: "https://example.com/s" is not accepted: want https://json-schema.org/draft/2020-12/schema or an earlier draft's`},
		"remote":         {`{"$ref":"https://example.com/s#/a"}`, `schema: "https://example.com/s" is not accepted as $ref or $schema: nothing is fetched; want a $ref into the schema itself, such as #/$defs/name`},
		"file":           {`{"properties":{"a":{"$ref":"file:///etc/passwd"}}}`, `schema: "file:///etc/passwd" is not accepted as $ref or $schema: nothing is fetched; want a $ref into the schema itself, such as #/$defs/name`},
		"relative":       {`{"$ref":"other.json"}`, `schema: "schema:///other.json" is not accepted as $ref or $schema: nothing is fetched; want a $ref into the schema itself, such as #/$defs/name`},
		"nowhere":        {`{"$ref":"#/$defs/a b"}`, `schema: $ref to "/$defs/a b": there is nothing`},
		"no anchor":      {`{"$ref":"#a"}`, `schema: $ref to "#a": there is no such anchor`},
		"itself":         {`{"$ref":"#"}`, `schema: the whole schema: not accepted: it refers to itself without going down in the data`},
		"through others": {`{"anyOf":[{"$ref":"#/$defs/a"}],"$defs":{"a":{"not":{"$ref":"#"}}}}`, `it refers to itself without going down in the data`},
		"dynamically":    {`{"$ref":"a","$defs":{"a":{"$id":"a","$dynamicAnchor":"n","properties":{"x":{"$dynamicRef":"#n"}}},"b":{"$id":"b","$dynamicAnchor":"n","allOf":[{"$dynamicRef":"#n"}]}}}`, `it refers to itself without going down in the data`},
		"look-ahead":     {`{"properties":{"a":{"pattern":"a(?=b)"}}}`, `schema: /properties/a/pattern: the regular expression is not accepted: error parsing regexp: invalid or unsupported Perl syntax`},
		"pattern key":    {`{"patternProperties":{"(":{}}}`, `schema: /patternProperties/(: a property of this name is not accepted`},
		"long pattern":   {`{"pattern":"` + strings.Repeat("a", 1001) + `"}`, `the regular expression has 1001 bytes: want at most 1000`},
		"large pattern":  {`{"pattern":"` + strings.Repeat("a{1000}", 140) + `"}`, `the regular expression is too large`},
		"depth":          {nested(64), `nested too deeply: want at most 64 levels`},
		"chain":          {chain(80), `more than 64 schemas apply to one value through each other`},
		"values":         {`{"enum":[` + strings.Repeat(`"a",`, 20000) + `1]}`, `values are not accepted: want at most 20000`},
		"objects":        {`{"anyOf":[` + strings.Repeat(`{},`, 1000) + `{}]}`, `1002 objects are not accepted: want at most 1000`},
		"bytes":          {`{"title":"` + strings.Repeat("a", 256<<10) + `"}`, `bytes are not accepted: want at most 262144`},
		"number":         {`{"maximum":1e500}`, `schema: /maximum: the number is not accepted: want at most 128 digits and an exponent between -400 and 400`},
		"one id twice":   {`{"$defs":{"a":{"$id":"x"},"b":{"$id":"x"}}}`, `two schemas have one $id`},
		"one anchor":     {`{"$defs":{"a":{"$anchor":"x"},"b":{"$anchor":"x"}}}`, `two schemas have the anchor "x"`},
		"id":             {`{"$id":"https://[x"}`, `no valid URI reference`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := schema.Compile([]byte(test.schema))
			if eventgateway.KindOf(err) != eventgateway.Invalid || !strings.HasPrefix(err.Error(), "schema: ") || !strings.Contains(err.Error(), test.message) {
				t.Errorf("Compile = %v\n    want %s", err, test.message)
			}
		})
	}
}

// TestNoDataInViolations shows that nothing of the data is told but where it is wrong.
func TestNoDataInViolations(t *testing.T) {
	for _, text := range []string{
		`{"type":"null"}`, `{"const":1}`, `{"enum":[1,2]}`, `{"maximum":1}`, `{"multipleOf":7}`, `{"pattern":"^x$"}`, `{"not":{}}`,
		`{"maxLength":1}`, `{"contains":{"const":0}}`, `{"anyOf":[{"const":0},{"const":1}]}`, `{"properties":{"a":{"const":1}},"required":["b"]}`,
		`{"items":{"const":1}}`, `false`, `{"maxProperties":0}`, `{"uniqueItems":true,"items":{"type":"null"}}`,
	} {
		s := compile(t, text)
		for _, data := range []string{`"topsecret"`, `777888999`, `["topsecret",777888999]`, `{"a":"topsecret","c":777888999}`, `"topsecret`} {
			if v := violation(t, s, data); strings.Contains(v.Error(), "topsecret") || strings.Contains(v.Error(), "777888999") {
				t.Errorf("%s of %s: %v", data, text, v.Error())
			}
		}
	}
}

func TestLongLocation(t *testing.T) {
	s := compile(t, `{"additionalProperties":{"additionalProperties":{"type":"null"}}}`)
	v := violation(t, s, `{"a":{"`+strings.Repeat("n", 1000)+`":1}}`)
	if want := (schema.Violation{Location: "/a", Message: "number is not accepted: want null"}); v != want {
		t.Errorf("got %+v, want %+v", v, want)
	}
}

// TestConcurrently is for the race detector, and has more goroutines than a schema has instances.
func TestConcurrently(t *testing.T) {
	s := compile(t, `{"type":"object","properties":{"n":{"type":"integer","enum":[1,2]}},"patternProperties":{"^p":{"pattern":"a"}}}`)
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			for range 50 {
				if v := violation(t, s, `{"n":1,"p1":"a"}`); v != (schema.Violation{}) {
					t.Errorf("valid data: %+v", v)
				}
				if v := violation(t, s, `{"n":3,"p1":"a"}`); v.Location != "/n" {
					t.Errorf("data that is not: %+v", v)
				}
			}
		})
	}
	all.Wait()
}
