package eventgateway_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway"
)

func TestFunctionDefaults(t *testing.T) {
	f := eventgateway.Function{ID: "f", Format: eventgateway.FormatEvent}
	f.Normalize()
	if f.Space != "default" || f.Format != "" || f.Timeout != 0 {
		t.Errorf("Normalize gives %+v", f)
	}
	if f.CallTimeout() != 30*time.Second {
		t.Errorf("CallTimeout() = %v by default", f.CallTimeout())
	}
	f.Timeout = eventgateway.Duration(time.Millisecond)
	if f.CallTimeout() != time.Millisecond {
		t.Errorf("CallTimeout() = %v, want 1ms", f.CallTimeout())
	}
	if f.Key() != (eventgateway.FunctionKey{Space: "default", ID: "f"}) {
		t.Errorf("Key() = %v", f.Key())
	}
}

func TestFunctionKeyHash(t *testing.T) {
	key := eventgateway.FunctionKey{Space: "a", ID: "b"}
	if key.Hash() != (eventgateway.FunctionKey{Space: strings.Clone("a"), ID: strings.Clone("b")}).Hash() {
		t.Error("equal keys have different hashes")
	}
	for _, other := range []eventgateway.FunctionKey{{"b", "a"}, {"ab", ""}, {"", "ab"}, {"a", "c"}, {"c", "b"}} {
		if other.Hash() == key.Hash() {
			t.Errorf("%v has the hash of %v", other, key)
		}
	}
}

func TestFunctionValidate(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*eventgateway.Function)
		want   string
	}{
		{"valid", func(*eventgateway.Function) {}, ""},
		{"longest timeout", func(f *eventgateway.Function) { f.Timeout = eventgateway.Duration(15 * time.Minute) }, ""},
		{
			"space", func(f *eventgateway.Function) { f.Space = "a b" },
			`space: "a b" is not accepted: want 1 to 255 letters, digits, dots, dashes or underscores`,
		},
		{
			"no ID", func(f *eventgateway.Function) { f.ID = "" },
			`functionId: "" is not accepted: want 1 to 255 letters, digits, dots, dashes or underscores`,
		},
		{
			"no type", func(f *eventgateway.Function) { f.Type = "" },
			"type: missing: want the name of a provider such as http or awslambda",
		},
		{
			"no provider", func(f *eventgateway.Function) { f.Provider = nil },
			`provider: missing: want an object with the fields of type "http"`,
		},
		{
			"null provider", func(f *eventgateway.Function) { f.Provider = json.RawMessage("null") },
			`provider: missing: want an object with the fields of type "http"`,
		},
		{
			"format", func(f *eventgateway.Function) { f.Format = "xml" },
			`format: "xml" is not accepted: want event, cloudevents, cloudevents-binary, raw, apigateway-v1 or apigateway-v2`,
		},
		{
			"negative timeout", func(f *eventgateway.Function) { f.Timeout = -1 },
			`timeout: "-1ns" is not accepted: want more than 0s and at most 15m`,
		},
		{
			"long timeout", func(f *eventgateway.Function) { f.Timeout = eventgateway.Duration(15*time.Minute + 1) },
			`timeout: "15m0.000000001s" is not accepted: want more than 0s and at most 15m`,
		},
		{"most concurrency", func(f *eventgateway.Function) { f.Concurrency = 10_000 }, ""},
		{
			"negative concurrency", func(f *eventgateway.Function) { f.Concurrency = -1 },
			"concurrency: -1 is not accepted: want 1 to 10000, or 0 for the gateway's default",
		},
		{
			"much concurrency", func(f *eventgateway.Function) { f.Concurrency = 10_001 },
			"concurrency: 10001 is not accepted: want 1 to 10000, or 0 for the gateway's default",
		},
		{
			"metadata", func(f *eventgateway.Function) { f.Metadata = map[string]string{"k": strings.Repeat("v", 1025)} },
			`metadata.k: "` + strings.Repeat("v", 80) + `…" is not accepted: want at most 1024 bytes`,
		},
	} {
		f := eventgateway.Function{ID: "f", Type: "http", Provider: json.RawMessage(`{"url":"http://a.example"}`)}
		test.change(&f)
		f.Normalize()
		wantError(t, test.name, f.Validate(), test.want)
	}
}

func TestValidateMetadata(t *testing.T) {
	many := func(n int) map[string]string {
		m := map[string]string{}
		for i := range n {
			m[fmt.Sprint(i)] = ""
		}
		return m
	}
	longest := map[string]string{strings.Repeat("k", 128): strings.Repeat("v", 1024)}
	for _, test := range []struct {
		name     string
		metadata map[string]string
		want     string
	}{
		{"none", nil, ""},
		{"most", many(64), ""},
		{"longest", longest, ""},
		{"too many", many(65), "metadata: 65 entries are not accepted: want at most 64"},
		{"no key", map[string]string{"": "v"}, `metadata key: "" is not accepted: want 1 to 128 bytes`},
		{
			"long key",
			map[string]string{strings.Repeat("k", 129): ""},
			`metadata key: "` + strings.Repeat("k", 80) + `…" is not accepted: want 1 to 128 bytes`,
		},
	} {
		wantError(t, test.name, eventgateway.ValidateMetadata(test.metadata), test.want)
	}
}
