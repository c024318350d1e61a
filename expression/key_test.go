package expression_test

import (
	"errors"
	"testing"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/expression"
)

func TestText(t *testing.T) {
	const data = `{"s":"a b","empty":"","one":1,"uno":1.0,"ten":1e1,"half":0.5,"minus":-0.0,"big":9223372036854775808,` +
		`"double":9223372036854775808.0,"huge":1e21,"low":-9223372036854775808.0,"yes":true,"no":null,"list":[1,"a",{"b":2,"a":1}]}`
	in := expression.NewInput(jsonEvent(data))
	for _, test := range []struct{ source, want string }{
		{`data.s`, "a b"},
		{`data.empty`, ""},
		{`event.id`, "42"},
		{`data.one`, "1"},
		{`data.uno`, "1"},
		{`"1"`, "1"},
		{`1u`, "1"},
		{`data.ten`, "10"},
		{`data.half`, "0.5"},
		{`data.minus`, "0"},
		{`data.big`, "9223372036854775808"},
		{`data.double`, "9223372036854775808"},
		{`data.low`, "-9223372036854775808"},
		{`data.huge`, "1e+21"},
		{`data.yes`, "true"},
		{`data.no`, ""},
		{`data.?missing`, ""},
		{`data.?one`, "1"},
		{`data.list`, `[1,"a",{"a":1,"b":2}]`},
		{`[data.one, data.s]`, `[1,"a b"]`},
		{`event.time`, "2026-01-02T15:04:05Z"},
		{`duration("90s")`, "90s"},
		{`b"\x00\x01"`, "AAE="},
		{`data.s + "/" + string(data.one)`, "a b/1"},
	} {
		if got, err := expression.Text("key", test.source, in); err != nil || got != test.want {
			t.Errorf("%s: got %q, %v, want %q", test.source, got, err, test.want)
		}
	}
}

func TestTextOfARequest(t *testing.T) {
	ev := &eventgateway.Event{Type: "http", HTTP: &eventgateway.HTTPRequest{Header: map[string][]string{"X-Tenant": {"acme"}}}}
	in := expression.NewInput(ev)
	for _, id := range []string{"7", "8"} {
		in.SetParams(eventgateway.PathParams{{Name: "id", Value: id}})
		got, err := expression.Text("key", `request.headers["x-tenant"] + "/" + request.params.id`, in)
		if err != nil || got != "acme/"+id {
			t.Errorf("got %q, %v", got, err)
		}
	}
}

func TestTextErrors(t *testing.T) {
	in := expression.NewInput(jsonEvent(order))
	for _, test := range []struct{ source, want string }{
		{`data.missing`, "delivery.orderingKey: no such key: missing"},
		{`{"a": 1}[data.note]`, "delivery.orderingKey: no such key"},
		{`data.total / 0.0`, "delivery.orderingKey: a double that is no finite number has no JSON"},
		{`request.path`, "delivery.orderingKey: no such attribute(s)"},
		{`(`, "delivery.orderingKey: the expression does not compile any more"},
	} {
		got, err := expression.Text("delivery.orderingKey", test.source, in)
		var failed *expression.TransformError
		if got != "" || !errors.As(err, &failed) || failed.Field != "delivery.orderingKey" || err.Error() != test.want {
			t.Errorf("%s:\n got %q, %v\nwant %s", test.source, got, err, test.want)
		}
	}
}
