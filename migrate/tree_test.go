package migrate

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

func TestReadTree(t *testing.T) {
	for _, test := range []struct{ name, data, want string }{
		{"JSON as it is", `{"b":1.50,"a":[true,null,"x\u00e9\ud83d\ude00"]}`, `{"b":1.50,"a":[true,null,"xé😀"]}`},
		{"numbers", "[1, -2.5e3, 0x10, 1_000, 1.]", `[1,-2.5e3,16,1000,1]`},
		{"words", "[yes, no, on, null, ~, True, '1', 2020-01-02]", `["yes","no","on",null,null,true,"1","2020-01-02"]`},
		{"names", "{on: 1, 7: 2, true: 3, 'a b': 4}", `{"on":1,"7":2,"true":3,"a b":4}`},
		{"aliases", "a: &a {x: 1}\nb: [*a, *a]", `{"a":{"x":1},"b":[{"x":1},{"x":1}]}`},
		{"a text of lines", "a: |\n  one\n  two\nb: >\n  one\n  two\n", `{"a":"one\ntwo\n","b":"one two\n"}`},
		{"a byte order mark", "\uFEFFa: 1", `{"a":1}`},
	} {
		n, err := readTree([]byte(test.data))
		if err != nil || string(n.json()) != test.want {
			t.Errorf("%s: read %s, %v; want %s", test.name, text(n), err, test.want)
		}
	}
}

func TestReadTreeRefuses(t *testing.T) {
	for _, test := range []struct{ name, data, want string }{
		{"no UTF-8", "a: \xff", "not valid UTF-8"},
		{"nothing", " \n", "empty"},
		{"a name twice", "a: 1\nb: 2\na: 3", `line 3: "a" is given twice`},
		{"a name twice in JSON", "{\"a\": 1,\n\"a\": 2}", `line 2: "a" is given twice`},
		{"merging", "a: &a {x: 1}\nb:\n  <<: *a", "line 3: <<: merging is not accepted"},
		{"a list as a name", "? [a]\n: 1", "line 1: a name that is no text"},
		{"a tag", "a: 1\nb: !!binary aGk=", "line 2: tag !!binary is not accepted"},
		{"no number", "a: .nan", "line 1: .nan is not accepted"},
		{"depth", strings.Repeat("[", 200) + strings.Repeat("]", 200), "line 1: nested too deep"},
		{"depth in YAML", strings.Repeat("- ", 200) + "a", "line 1: nested too deep"},
		{"an endless alias", "a: &a [*a]", ""},
		{"aliases of aliases", laughs(), "line "},
	} {
		n, err := readTree([]byte(test.data))
		if err == nil || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("%s: read %.100s, %v; want %s", test.name, text(n), err, test.want)
		}
	}
}

// laughs is a short document that stands for a very long one.
func laughs() string {
	s := "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n"
	for i := range 9 {
		name, before := string(rune('1'+i)), string(rune('0'+i))
		s += "a" + name + ": &a" + name + " [" + strings.TrimSuffix(strings.Repeat("*a"+before+",", 10), ",") + "]\n"
	}
	return s
}

func TestLookup(t *testing.T) {
	n, err := readTree([]byte("a:\n  b:\n    - x\n    - y: 1\n  b.c: 2\n"))
	if err != nil {
		t.Fatal(err)
	}
	for path, line := range map[string]int{"": 1, "a": 1, "a.b": 2, "a.b.0": 3, "a.b.1.y": 4, "a.b.c": 5, "a.b.1.z.u": 4, "nothing": 1, "a.x": 1} {
		if _, got := n.lookup(path); got != line {
			t.Errorf("%q is on line %d, want %d", path, got, line)
		}
	}
}

// texts are those that YAML could take for something else.
var texts = []string{
	"", " ", "null", "~", "true", "yes", "1", "1e3", "0x1F", "2020-01-01", "a: b", "# c", "- d", "&a", "*a", "!x", "a\nb\n", "\n", "a\n\n", " a\n b",
	"a\tb", "\ttab\n", "é😀", "'", `"`, "\\", "${X}", "$${X}", "\u0085", "\u2028x", "\x01", "{", "[", "|", ">", "%", "@", "a #b", "<<", "=", "…", "***", "trailing \nx",
	strings.Repeat("long ", 60),
}

// randomTree returns some JSON value.
func randomTree(r *rand.Rand, depth int) *node {
	switch n := r.IntN(8); {
	case n == 0 && depth > 0:
		list := &node{kind: kindList}
		for range r.IntN(4) {
			list.items = append(list.items, randomTree(r, depth-1))
		}
		return list
	case n < 4 && depth > 0:
		object := &node{kind: kindObject}
		seen := map[string]bool{}
		for range r.IntN(5) {
			name := texts[r.IntN(len(texts))]
			if !seen[name] {
				object.members = append(object.members, member{name: name, value: randomTree(r, depth-1)})
			}
			seen[name] = true
		}
		return object
	case n == 4:
		return &node{kind: kindNumber, text: []string{"0", "-1", "1.5", "1e3", "12345678901234567890", "0.10"}[r.IntN(6)]}
	case n == 5:
		return &node{kind: kindBoolean, text: []string{"true", "false"}[r.IntN(2)]}
	case n == 6:
		return &node{kind: kindNull}
	}
	return &node{kind: kindString, text: texts[r.IntN(len(texts))]}
}

// TestYAMLKeepsAllValues writes values as YAML and reads them back.
func TestYAMLKeepsAllValues(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		tree := &node{kind: kindObject, members: []member{{name: "v", value: randomTree(r, 4)}}}
		written, err := yaml.Marshal(tree.yaml())
		if err != nil {
			t.Fatalf("%s: %v", tree.json(), err)
		}
		read, err := readTree(written)
		if err != nil || !bytes.Equal(read.json(), tree.json()) {
			t.Fatalf("%s was written as\n%s\nand read as %s, %v", tree.json(), written, text(read), err)
		}
	}
}

func TestDifferences(t *testing.T) {
	for _, test := range []struct {
		from, to string
		want     []FieldChange
	}{
		{`{"a":1,"b":{"c":[1]}}`, `{"b":{"c":[1]},"a":1}`, nil},
		{`{"a":null}`, `{}`, nil},
		{`{"space":"a","subscriptionId":"x","event":"e","eventType":"e"}`, `{"event":"e"}`, nil},
		{`{"a":{"b":1,"c":2}}`, `{"a":{"b":"1","d":2}}`, []FieldChange{{"a.b", "1", `"1"`}, {"a.c", "2", ""}, {"a.d", "", "2"}}},
		{`{"a":[1,2]}`, `{"a":[2,1]}`, []FieldChange{{"a", "[1,2]", "[2,1]"}}},
		{`{"a":{"x":{"u":1,"v":2}}}`, `{"a":{"x":{"v":2,"u":1}}}`, nil},
		{`{"a":[{"u":1,"v":2}]}`, `{"a":[{"v":2,"u":1}]}`, nil},
		{`{"a":{"b":1}}`, `{"a":1}`, []FieldChange{{"a", `{"b":1}`, "1"}}},
	} {
		from, err := readTree([]byte(test.from))
		if err != nil {
			t.Fatal(err)
		}
		to, err := readTree([]byte(test.to))
		if err != nil {
			t.Fatal(err)
		}
		if got := differences(from, to); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s and %s differ in %v, want %v", test.from, test.to, got, test.want)
		}
	}
}

// FuzzParse gives anything as a document: it is refused, or what was read is the same when it is written and read again.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"functions: [{functionId: f, type: http, provider: {url: '${A}', x: '$${B}'}}]", `{"spaces":[{"space":"a","cors":[{"method":"GET","path":"/"}]}]}`,
		"subscriptions:\n- event: http\n  method: get\n  functionId: f\n", "a: &a [*a]", "? a\n: b", "\x00", "--- {}\n--- {}",
	} {
		f.Add([]byte(seed))
	}
	getenv := func(name string) (string, bool) { return "value of " + name, name != "UNSET" }
	f.Fuzz(func(t *testing.T, data []byte) {
		doc, err := Parse("doc", data, getenv)
		if err != nil {
			return
		}
		for _, s := range doc.Spaces {
			for _, r := range s.Resources {
				again, err := readTree(r.node.json())
				if err != nil || !json.Valid(r.node.json()) || !bytes.Equal(again.json(), r.node.json()) {
					t.Fatalf("%q: the resource %s is read again as %s, %v", data, r.node.json(), text(again), err)
				}
			}
		}
	})
}

// TestPlaceholders expands and escapes.
func TestPlaceholders(t *testing.T) {
	getenv := func(name string) (string, bool) { return "<" + name + ">", name != "UNSET" }
	for in, want := range map[string]string{
		"${A}": "<A>", "a${A}b${B_1}": "a<A>b<B_1>", "$${A}": "${A}", "$$${A}": "$${A}", "$": "$", "$$": "$$", "$A": "$A", "{A}": "{A}", "": "",
	} {
		doc, err := Parse("doc", []byte(`{"functions":[{"functionId":"f","metadata":{"m":"${A}"},"provider":{"p":["`+in+`"]}}]}`), getenv)
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		n := doc.Spaces[0].Resources[0].node
		if got := n.member("provider").member("p").items[0].text; got != want {
			t.Errorf("%s is %s, want %s", in, got, want)
		}
		if n.member("metadata").string("m") != "${A}" {
			t.Errorf("a placeholder outside provider is expanded")
		}
	}
	for _, text := range texts {
		if got, err := (&reader{getenv: getenv}).expandText(&node{}, escapePlaceholders(text)); err != nil || got != text {
			t.Errorf("%q is %q, %v after escaping and expanding", text, got, err)
		}
	}
	for _, in := range []string{"${UNSET}", "${", "${}", "${1A}", "${A", "${A-b}", "${é}"} {
		if _, err := Parse("doc", []byte(`{"functions":[{"functionId":"f","provider":{"p":"`+in+`"}}]}`), getenv); err == nil {
			t.Errorf("%s is accepted", in)
		}
	}
}
