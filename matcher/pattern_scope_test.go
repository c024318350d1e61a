package matcher_test

import (
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/expression"
	"github.com/eventgateway/eventgateway/matcher"
)

func TestPatternsAgainstSchema(t *testing.T) {
	const schema = `{"type":"object","properties":{"status":{"type":"string"},"items":{"type":"array","items":{"$ref":"#/$defs/item"}},
		"free":{"type":"object"}},"$defs":{"item":{"properties":{"sku":{},"price":{"type":"number"}}}}}`
	for pattern, want := range map[string]string{
		`{"detail":{"status":["paid"]}}`:                                     "",
		`{"detail":{"items":{"sku":["a"],"price":[{"numeric":[">",1]}]}}}`:   "",
		`{"detail":{"free":{"what":{"ever":[1]}}}}`:                          "",
		`{"detail":{"coupon":[{"exists":false}]}}`:                           "",
		`{"detail":{"coupon":["x",{"exists":false}]}}`:                       "",
		`{"account":["1"],"source":["x"],"event":{"type":["order.placed"]}}`: "",
		`{"detail":{"stauts":["paid"]}}`:                                     `pattern: "data.stauts": the schema of the event type has no such property: want one of free, items, status`,
		`{"data":{"items":{"suk":["a"]}}}`:                                   `pattern: "data.items.suk": the schema of the event type has no such property: want one of price, sku`,
		`{"detail":{"status":{"x":["a"]}}}`:                                  `pattern: "data.status.x"`,
		`{"detail":{"stauts":[{"exists":true}]}}`:                            `pattern: "data.stauts"`,
		`{"$or":[{"detail":{"status":["a"]}},{"detail":{"stauts":["a"]}}]}`:  `pattern: "data.stauts"`,
		`{"detail":{"$or":[{"status":["a"]},{"items":{"prize":["a"]}}]}}`:    `pattern: "data.items.prize"`,
	} {
		s := &eventgateway.Subscription{Event: "order.placed", FunctionID: "f", Pattern: []byte(pattern)}
		s.Normalize()
		_, err := matcher.CompileFilter(s, expression.Scope{Schema: []byte(schema)})
		if want == "" && err != nil || want != "" && (eventgateway.KindOf(err) != eventgateway.Invalid || !strings.HasPrefix(err.Error(), want)) {
			t.Errorf("%s:\n got %v\nwant %s", pattern, err, want)
		}
		if _, err := matcher.CompileFilter(s, expression.Scope{}); err != nil {
			t.Errorf("%s without a schema: %v", pattern, err)
		}
	}
}

// TestWhatTheGatewaySays shows that filters and patterns see the extension of the gateway, by the index and without.
func TestWhatTheGatewaySays(t *testing.T) {
	ev := &eventgateway.Event{
		Type: "order.placed", DataType: "application/json", Data: []byte(`{}`), SchemaViolation: "/a: missing",
		Authorization: []byte(`{"principalId":"ada","context":{"roles":["admin","user"]}}`),
		CloudEvent:    &eventgateway.CloudEventAttributes{Extensions: map[string]any{"eventgateway": "mine", "tenant": "t"}},
	}
	plain := &eventgateway.Event{Type: "order.placed"}
	for _, s := range []eventgateway.Subscription{
		{Filter: `event.extensions.eventgateway.authorization.principalId == "ada"`},
		{Filter: `"admin" in event.extensions.eventgateway.authorization.context.roles && event.extensions.tenant == "t"`},
		{Filter: `has(event.extensions.eventgateway.schemaViolation)`},
		{Filter: `event.extensions.eventgateway.schemaViolation.startsWith("/a")`},
		{Pattern: []byte(`{"eventgateway":{"authorization":{"context":{"roles":["user"]}}},"tenant":["t"]}`)},
		{Pattern: []byte(`{"eventgateway":{"schemaViolation":[{"prefix":"/a"}],"authorization":{"principalId":["ada"]}}}`)},
	} {
		s.Event, s.FunctionID = "order.placed", "f"
		s.Normalize()
		table := (*matcher.Table)(nil).Insert(&s)
		for _, test := range []struct {
			ev   *eventgateway.Event
			want bool
		}{{ev, true}, {plain, false}} {
			filter, err := matcher.CompileFilter(&s, expression.Scope{})
			if err != nil {
				t.Fatal(err)
			}
			if got, _ := filter.Match(expression.NewInput(test.ev)); got != test.want {
				t.Errorf("%s%s matches: %v", s.Filter, s.Pattern, got)
			}
			var m matcher.Match
			q := matcher.Query{Method: "POST", Path: "/", Event: "order.placed", Input: expression.NewInput(test.ev)}
			if got := table.Find(&q, &m); got != test.want {
				t.Errorf("%s%s is found: %v", s.Filter, s.Pattern, got)
			}
		}
	}
}
