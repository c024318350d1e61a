package eventgateway_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway"
)

func TestValidateJSONNamesTheByteAndNotTheData(t *testing.T) {
	deep := strings.Repeat("[", 10001) + strings.Repeat("]", 10001)
	for _, test := range []struct{ name, data, want string }{
		{"an object", `{"a":[1,true,null,"é"]}`, ""},
		{"nothing", ``, "body: not valid JSON: it ends too early, after byte 0"},
		{"cut off", `{"secret":`, "body: not valid JSON: it ends too early, after byte 10"},
		{"a stray letter", `{"secret":x}`, "body: not valid JSON at byte 11"},
		{"two values", `{} {}`, "body: not valid JSON at byte 4"},
		{"invalid UTF-8", "{\"a\":\"\xff\"}", "body: not valid JSON: byte 7 is not valid UTF-8"},
		{"a lone continuation byte after a whole rune", "\"é\x80\"", "body: not valid JSON: byte 4 is not valid UTF-8"},
		{"as deep as is accepted", deep[1 : len(deep)-1], ""},
		{"too deep", deep, "body: not accepted as JSON: nested too deeply at byte 10001: want at most 10000 levels"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := ""
			if err := eventgateway.ValidateJSON("body", []byte(test.data)); err != nil {
				got = err.Error()
				if eventgateway.KindOf(err) != eventgateway.Invalid {
					t.Errorf("kind %v, want Invalid", eventgateway.KindOf(err))
				}
			}
			if got != test.want {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

// FuzzJSON holds the hand-written JSON against encoding/json.
func FuzzJSON(f *testing.F) {
	for _, seed := range []string{
		`{"a":1,"b":{"c":[1,2,{"d":"}]"}]},"e":"\"\\\u00e9\ud83d\ude00\ud83d x"}`, `[1,[2],"]",{}]`, ` { } `, `[]`, `"\ud800\u0041"`,
		`{"a" : "b" , "a" : null}`, "\"\u2028\x7f\"", `-1.5e3`, "\xff\"\x00\n", `{"":{}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		checkAppendString(t, data)
		if eventgateway.ValidateJSON("x", data) != nil {
			for range eventgateway.JSONMembers(data) { // need not make sense, must end
			}
			for range eventgateway.JSONElements(data) {
			}
			return
		}
		checkMembers(t, data)
		checkElements(t, data)
		var text string
		isText := json.Unmarshal(data, &text) == nil && strings.TrimSpace(string(data)) != "null"
		got, ok := eventgateway.JSONText([]byte(strings.Trim(string(data), " \t\r\n")))
		if ok != isText || ok && string(got) != text {
			t.Errorf("JSONText(%q) = %q, %v; want %q, %v", data, got, ok, text, isText)
		}
	})
}

func checkAppendString(t *testing.T, data []byte) {
	t.Helper()
	quoted := eventgateway.AppendJSONString(nil, data)
	var back string
	if err := json.Unmarshal(quoted, &back); err != nil {
		t.Fatalf("AppendJSONString(%q) = %q: %v", data, quoted, err)
	}
	standard, _ := json.Marshal(string(data))
	var want string
	_ = json.Unmarshal(standard, &want)
	if back != want {
		t.Errorf("AppendJSONString(%q) reads back as %q, want %q", data, back, want)
	}
}

func checkMembers(t *testing.T, data []byte) {
	t.Helper()
	var want map[string]json.RawMessage
	if json.Unmarshal(data, &want) != nil {
		want = nil
	}
	var got map[string]json.RawMessage
	if want != nil {
		got = map[string]json.RawMessage{}
	}
	for rawName, value := range eventgateway.JSONMembers(data) {
		name, ok := eventgateway.JSONText(rawName)
		if !ok {
			t.Fatalf("%q is not a name in %q", rawName, data)
		}
		got[string(name)] = value
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("members of %q: %q, want %q", data, got, want)
	}
}

func checkElements(t *testing.T, data []byte) {
	t.Helper()
	var want, got []json.RawMessage
	_ = json.Unmarshal(data, &want)
	for element := range eventgateway.JSONElements(data) {
		got = append(got, element)
	}
	if len(got) != len(want) {
		t.Fatalf("elements of %q: %q, want %q", data, got, want)
	}
	for i := range got {
		if string(got[i]) != string(want[i]) {
			t.Errorf("element %d of %q: %q, want %q", i, data, got[i], want[i])
		}
	}
}
