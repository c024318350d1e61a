package expression_test

import (
	"testing"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/expression"
)

func TestGatewayExtension(t *testing.T) {
	sent := map[string]any{"eventgateway": "mine", "tenant": "t"}
	ev := &eventgateway.Event{
		Type: "order.placed", DataType: "application/json", Data: []byte(`{}`),
		Authorization:   []byte(`{"principalId":"ada","context":{"roles":["admin"],"level":3}}`),
		SchemaViolation: "/a: missing",
		CloudEvent:      &eventgateway.CloudEventAttributes{Extensions: sent},
	}
	without := &eventgateway.Event{Type: "order.placed", CloudEvent: ev.CloudEvent}
	for _, test := range []struct {
		ev           *eventgateway.Event
		source, want string
	}{
		{ev, `event.extensions.eventgateway`, `{"authorization":{"context":{"level":3,"roles":["admin"]},"principalId":"ada"},"schemaViolation":"/a: missing"}`},
		{ev, `event.extensions.eventgateway.authorization.principalId + event.extensions.tenant`, `ada` + `t`},
		{ev, `event.extensions.eventgateway.authorization.context.level + 1`, `4`},
		{ev, `event.extensions.eventgateway.schemaViolation`, `/a: missing`},
		{without, `event.extensions.eventgateway`, `mine`},
		{&eventgateway.Event{}, `event.extensions.?eventgateway.?authorization.orValue("nobody")`, `nobody`},
		{&eventgateway.Event{Authorization: []byte(`{}`)}, `event.extensions`, `{"eventgateway":{"authorization":{}}}`},
		{&eventgateway.Event{SchemaViolation: "x"}, `event.extensions`, `{"eventgateway":{"schemaViolation":"x"}}`},
	} {
		in := expression.NewInput(test.ev)
		for range 2 { // it is made once
			got, err := expression.Encode(in, eventgateway.FormatEvent, eventgateway.Route{}, &eventgateway.Transforms{Transform: test.source})
			if err != nil || string(got.Payload) != test.want {
				t.Errorf("%s is %s, %v, want %s", test.source, got.Payload, err, test.want)
			}
		}
	}
	if len(sent) != 2 || sent["eventgateway"] != "mine" {
		t.Errorf("the sender's extensions are now %v", sent)
	}
}
