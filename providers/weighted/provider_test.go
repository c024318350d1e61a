package weighted

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
)

func function(fields string) *eventgateway.Function {
	return &eventgateway.Function{Space: "s", ID: "w", Type: "weighted", Provider: json.RawMessage(fields)}
}

const two = `"functions":[{"functionId":"a","weight":90},{"functionId":"b","weight":10}]`

// TestCanonical writes fields as they are shown.
func TestCanonical(t *testing.T) {
	for _, test := range []struct{ fields, want string }{
		{`{` + two + `}`, `{` + two + `}`},
		{`{"weighted":[{"functionId":"a","weight":90},{"functionId":"b","weight":10}]}`, `{` + two + `}`},
		{`{` + two + `,"failover":false}`, `{` + two + `}`},
		{`{` + two + `,"failover":null}`, `{` + two + `}`},
		{`{` + two + `,"failover":true}`, `{` + two + `,"failover":true}`},
		{`{` + two + `,"failover":["b","a"],"key":"data.id"}`, `{` + two + `,"key":"data.id","failover":["b","a"]}`},
		// What the gateway keeps is not taken from others.
		{`{` + two + `,"retreat":{"errorRate":0},"previous":[{"functionId":"x","weight":1}],"retreated":{"at":"2026-01-02T03:04:05Z"}}`, `{` + two + `,"retreat":{"errorRate":0}}`},
	} {
		got, err := providers.Check(function(test.fields), nil, nil)
		if err != nil || string(got) != test.want {
			t.Errorf("%s: got %s, %v, want %s", test.fields, got, err, test.want)
		}
	}
}

// TestPrevious changes weights one after the other, as PUT does.
func TestPrevious(t *testing.T) {
	const retreat = `,"retreat":{"errorRate":0.1}`
	shares := func(a, b int) string {
		return fmt.Sprintf(`[{"functionId":"a","weight":%d},{"functionId":"b","weight":%d}]`, a, b)
	}
	var stored *eventgateway.Function
	for i, step := range []struct{ fields, want string }{
		{`{"functions":` + shares(100, 0) + retreat + `}`, ""},
		{`{"functions":` + shares(90, 10) + retreat + `}`, shares(100, 0)},
		{`{"functions":` + shares(90, 10) + retreat + `,"failover":true}`, shares(100, 0)}, // not of the weights
		{`{"functions":` + shares(50, 50) + retreat + `,"previous":[{"functionId":"x","weight":1}]}`, shares(90, 10)},
		{`{"functions":` + shares(50, 50) + `,"retreat":{"errorRate":0.1,"to":` + shares(1, 0) + `}}`, ""},
		{`{"functions":` + shares(50, 50) + retreat + `}`, ""},
		{`{"functions":` + shares(0, 1) + `}`, ""}, // nobody asks for them
	} {
		got, err := providers.Check(function(step.fields), stored, nil)
		if err != nil {
			t.Fatal(err)
		}
		var fields struct{ Previous json.RawMessage }
		if err := json.Unmarshal(got, &fields); err != nil || string(fields.Previous) != step.want {
			t.Errorf("step %d: %s, want the previous weights %s", i, got, step.want)
		}
		stored = function(string(got))
	}
}

// TestRetreatedStays shows a retreat until the weights are changed; then those it went back to are the previous ones.
func TestRetreatedStays(t *testing.T) {
	stored := function(`{"functions":[{"functionId":"a","weight":100},{"functionId":"b","weight":0}],"retreat":{"errorRate":0.1},"retreated":{"at":"2026-01-02T03:04:05Z","member":"b","reason":"errorRate","calls":1,"failed":1,"slow":0,"from":[{"functionId":"b","weight":1}]}}`)
	got, err := providers.Check(function(`{"functions":[{"functionId":"b","weight":0},{"functionId":"a","weight":100}],"retreat":{"errorRate":0.2}}`), stored, nil)
	if err != nil || !strings.Contains(string(got), `"retreated":{"at":"2026-01-02T03:04:05Z"`) {
		t.Errorf("with the same weights: %s, %v", got, err)
	}
	got, err = providers.Check(function(`{"functions":[{"functionId":"a","weight":90},{"functionId":"b","weight":10}],"retreat":{"errorRate":0.2}}`), stored, nil)
	if err != nil || strings.Contains(string(got), "retreated") || !strings.Contains(string(got), `"previous":[{"functionId":"a","weight":100}`) {
		t.Errorf("with other weights: %s, %v", got, err)
	}
}

func TestMembers(t *testing.T) {
	parts := providers.PartsOf(function(`{"functions":[{"functionId":"a","weight":1},{"functionId":"c","shadow":true}],` +
		`"retreat":{"errorRate":0.1,"to":[{"functionId":"t","weight":1},{"functionId":"a","weight":1}]},"previous":[{"functionId":"p","weight":1}]}`))
	if got := fmt.Sprint(parts.Members); got != "[{provider.functions[0].functionId a} {provider.functions[1].functionId c} "+
		"{provider.retreat.to[0].functionId t} {provider.previous[0].functionId p}]" {
		t.Errorf("members are %s", got)
	}
	if providers.PartsOf(&eventgateway.Function{Type: "weightedtest", Provider: json.RawMessage("{}")}) != nil || providers.IsComposite("nothing") {
		t.Error("a function of another type has parts")
	}
}

func TestValidate(t *testing.T) {
	const accepted = "accepted"
	list := func(n int, member string) string {
		all := make([]string, n)
		for i := range all {
			all[i] = strings.ReplaceAll(member, "#", fmt.Sprint(i))
		}
		return strings.Join(all, ",")
	}
	for _, test := range []struct{ fields, want string }{
		{`{` + two + `,"key":"data.id"}`, accepted},
		{`{"functions":[` + list(100, `{"functionId":"f#","weight":1000000}`) + `]}`, accepted},
		{`{}`, "provider.functions: missing: want a list of functionId and weight"},
		{`{"functions":[]}`, "provider.functions: missing: want a list of functionId and weight"},
		{`{"weighted":[]}`, "provider.functions: missing: want a list of functionId and weight"},
		{`{` + two + `,"weighted":[{"functionId":"a","weight":1}]}`, "provider.weighted: not accepted beside functions: want one list of members"},
		{`{"functions":[` + list(101, `{"functionId":"f#","weight":1}`) + `]}`, "provider.functions: 101 members are not accepted: want at most 100"},
		{`{"functions":[{"weight":1}]}`, `provider.functions[0].functionId: "" is not accepted: want 1 to 255 letters, digits, dots, dashes or underscores`},
		{`{"functions":[{"functionId":"a"}]}`, "provider.functions[0].weight: missing: want 0 to 1000000"},
		{`{"functions":[{"functionId":"a","weight":-1}]}`, "provider.functions[0].weight: -1 is not accepted: want 0 to 1000000"},
		{`{"functions":[{"functionId":"a","weight":1000001}]}`, "provider.functions[0].weight: 1000001 is not accepted: want 0 to 1000000"},
		{`{"functions":[{"functionId":"a","weight":0.5}]}`, "provider.functions.weight: got number, want integer"},
		{`{"functions":[{"functionId":"a","weight":0}]}`, "provider.functions: no member has a weight above 0: want at least one"},
		{`{"functions":[{"functionId":"a","weight":1},{"functionId":"a","weight":1}]}`, `provider.functions[1].functionId: "a" is given twice: want every member once`},
		{`{"functions":[{"functionId":"a","shadow":true}]}`, "provider.functions: no member has a weight above 0: want at least one"},
		{`{"functions":[{"functionId":"a","shadow":true,"weight":1}]}`, "provider.functions[0].weight: 1 is not accepted for a shadow: it gets a copy of every call; want none"},
		{`{"functions":[{"functionId":"a","weight":1},` + list(11, `{"functionId":"s#","shadow":true}`) + `]}`, "provider.functions: 11 shadows are not accepted: want at most 10"},
		{`{` + two + `,"failover":["c"]}`, `provider.failover[0]: "c" is not accepted: want one of the members`},
		{`{` + two + `,"failover":["a","a"]}`, `provider.failover[1]: "a" is given twice: want every member once`},
		{`{` + two + `,"failover":"a"}`, `provider: failover: "\"a\"" is not accepted: want true, false or a list of functionIds`},
		{`{` + two + `,"retreat":{}}`, "provider.retreat: neither errorRate nor latency is given: want one of them or both"},
		{`{` + two + `,"retreat":{"errorRate":1}}`, `provider.retreat.errorRate: "1" is not accepted: want 0 or more, and less than 1`},
		{`{` + two + `,"retreat":{"latency":"-1s"}}`, `provider.retreat.latency: "-1s" is not accepted: want more than 0s`},
		{`{` + two + `,"retreat":{"latency":"1s","quantile":0.1}}`, `provider.retreat.quantile: "0.1" is not accepted: want 0.5 or more, and less than 1`},
		{`{` + two + `,"retreat":{"errorRate":0,"quantile":0.9}}`, "provider.retreat.quantile: not accepted without latency: want the bound that it is for"},
		{`{` + two + `,"retreat":{"errorRate":0,"window":"2h"}}`, `provider.retreat.window: "2h0m0s" is not accepted: want 1s to 1h`},
		{`{` + two + `,"retreat":{"errorRate":0,"minimumCalls":-1}}`, "provider.retreat.minimumCalls: -1 is not accepted: want 1 to 1000000"},
		{`{` + two + `,"retreat":{"errorRate":0,"to":[{"functionId":"a","weight":0}]}}`, "provider.retreat.to: no member has a weight above 0: want at least one"},
		{`{` + two + `,"url":"http://a"}`, `provider: unknown field "url": want functions, weighted, key, failover, retreat, previous, retreated`},
	} {
		_, err := providers.Check(function(test.fields), nil, nil)
		got := accepted
		if err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%s:\n got %s\nwant %s", test.fields, got, test.want)
		}
	}
}

const everything = `{
	function a 90
	function b 10
	shadow c
	key data.id
	failover b a
	retreat {
		error_rate 0.05
		latency 500ms
		quantile 0.99
		window 30s
		minimum_calls 50
		to a 99
		to b 1
	}
}`

func TestCaddyfile(t *testing.T) {
	p := new(Provider)
	if err := p.UnmarshalCaddyfile(caddyfile.NewTestDispenser("weighted " + everything)); err != nil {
		t.Fatal(err)
	}
	want := `{"functions":[{"functionId":"a","weight":90},{"functionId":"b","weight":10},{"functionId":"c","shadow":true}],"key":"data.id",` +
		`"failover":["b","a"],"retreat":{"errorRate":0.05,"latency":"500ms","quantile":0.99,"window":"30s","minimumCalls":50,` +
		`"to":[{"functionId":"a","weight":99},{"functionId":"b","weight":1}]}}`
	if got := string(caddyconfig.JSON(p, nil)); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if err := p.Validate(); err != nil {
		t.Error(err)
	}
}

func TestCaddyfileRefused(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"weighted a", "wrong argument count"},
		{"weighted", "needs a function"},
		{"weighted {\n function a\n}", "wrong argument count"},
		{"weighted {\n function a x\n}", `weight: "x" is not accepted`},
		{"weighted {\n function a 1\n url b\n}", `unknown option "url" of provider weighted`},
		{"weighted {\n key a\n key b\n}", "key is given twice"},
		{"weighted {\n failover\n failover\n}", "failover is given twice"},
		{"weighted {\n function a 1\n retreat {\n error_rate 0.1\n }\n}", "retreat needs to"},
		{"weighted {\n retreat {\n error_rate x\n }\n}", `error_rate: "x" is not accepted`},
		{"weighted {\n retreat {\n latency x\n }\n}", `latency: "x" is not accepted`},
		{"weighted {\n retreat {\n minimum_calls x\n }\n}", `minimum_calls: "x" is not accepted`},
		{"weighted {\n retreat {\n window 1s\n window 2s\n }\n}", "window is given twice"},
		{"weighted {\n retreat {\n rate 1\n }\n}", `unknown option "rate" of retreat`},
	} {
		err := new(Provider).UnmarshalCaddyfile(caddyfile.NewTestDispenser(test.text))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: got %v, want %s", test.text, err, test.want)
		}
	}
}
