package delivery_test

import (
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/delivery"
	"github.com/eventgateway/eventgateway/expression"
)

func TestTargetOf(t *testing.T) {
	s := &eventgateway.Subscription{Space: "s", ID: "1", FunctionID: "f"}
	params := eventgateway.PathParams{{Name: "id", Value: "7"}}
	in := expression.NewInput(&eventgateway.Event{Type: "e"})
	for _, policy := range []*eventgateway.Delivery{nil, {}, {Attempts: 3}} {
		s.Delivery = policy
		got, err := delivery.TargetOf(s, params, in)
		if err != nil || got.Space != "s" || got.SubscriptionID != "1" || got.FunctionID != "f" || got.OrderingKey != "" ||
			len(got.Params) != 1 || got.Params[0] != params[0] {
			t.Errorf("%+v: got %+v, %v", policy, got, err)
		}
	}
}

func TestOrderingKeys(t *testing.T) {
	long := strings.Repeat("x", 513)
	const hashed = "sha256:35ade0090e64e74d6ad04204009c23a4e34b82bdf0f4f317fbcc5f26f9b10241"
	for _, test := range []struct {
		source, data, want string
		fails              bool
	}{
		{`data.id`, `{"id":"a"}`, "a", false},
		{`data.id`, `{"id":7}`, "7", false},
		{`data.id`, `{"id":7.0}`, "7", false},
		{`data.id`, `{"id":"7"}`, "7", false},
		{`data.id`, `{"id":true}`, "true", false},
		{`data.id`, `{"id":["a",7]}`, `["a",7]`, false},
		{`data.id`, `{"id":null}`, "", false},
		{`data.id`, `{"id":""}`, "", false},
		{`data.id`, `{}`, "", true},
		{`data.id`, ``, "", true},
		{`data.id`, `{"id":"` + long[1:] + `"}`, long[1:], false},
		{`request.params.id`, `{}`, "", true},
	} {
		ev := &eventgateway.Event{Type: "e", DataType: eventgateway.TypeJSON, Data: []byte(test.data)}
		s := &eventgateway.Subscription{Delivery: &eventgateway.Delivery{OrderingKey: test.source}}
		got, err := delivery.TargetOf(s, nil, expression.NewInput(ev))
		if got.OrderingKey != test.want || (err != nil) != test.fails {
			t.Errorf("%s of %s: got %q and %v, want %q", test.source, test.data, got.OrderingKey, err, test.want)
		}
	}
	keyOf := func(text string) string {
		ev := &eventgateway.Event{Type: "http", HTTP: &eventgateway.HTTPRequest{Header: map[string][]string{"X-Key": {text}}}}
		s := &eventgateway.Subscription{Delivery: &eventgateway.Delivery{OrderingKey: `request.headers["x-key"]`}}
		target, _ := delivery.TargetOf(s, nil, expression.NewInput(ev))
		return target.OrderingKey
	}
	if got := keyOf(long); got != hashed {
		t.Errorf("a key of 513 bytes is %q, want %q", got, hashed)
	}
	if a, b := keyOf(long+"a"), keyOf(long+"b"); a == b || len(a) != len(hashed) {
		t.Errorf("two long keys are %q and %q", a, b)
	}
	if a, b := keyOf("\xff"), keyOf("\xfe"); a == b || !strings.HasPrefix(a, "sha256:") || !strings.HasPrefix(b, "sha256:") {
		t.Errorf("keys that are not valid UTF-8 are %q and %q", a, b)
	}
}

// TestOrderingKeyOfParams checks that each target has the key of its own path parameters.
func TestOrderingKeyOfParams(t *testing.T) {
	s := &eventgateway.Subscription{Delivery: &eventgateway.Delivery{OrderingKey: `request.params.id`}}
	in := expression.NewInput(&eventgateway.Event{Type: "http", HTTP: &eventgateway.HTTPRequest{}})
	for _, want := range []string{"7", "8"} {
		got, err := delivery.TargetOf(s, eventgateway.PathParams{{Name: "id", Value: want}}, in)
		if got.OrderingKey != want || err != nil {
			t.Errorf("got %q and %v, want %q", got.OrderingKey, err, want)
		}
	}
}
