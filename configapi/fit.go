package configapi

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/expression"
	"github.com/eventgateway/eventgateway/matcher"
)

// fitTime bounds how long a new schema is held against the expressions of the subscriptions there are. Those that are left
// then are taken to fit: an expression that does not is a mistake that harms nobody, as it matches nothing.
const fitTime = 2 * time.Second

// bindingSchema returns the schema that the data of a type's events is held against; nil for none.
func bindingSchema(t *eventgateway.EventType) json.RawMessage {
	if t == nil || t.SchemaMode == eventgateway.SchemaOff {
		return nil
	}
	return t.Schema
}

// fits refuses a subscription whose expressions select what the schema of its event type does not have.
func (m *merged) fits(sub *eventgateway.Subscription) error {
	if eventgateway.IsEventPattern(sub.Event) {
		return nil
	}
	t := m.eventType(sub.Space, eventgateway.CanonicalEvent(sub.Event))
	if t == nil || bindingSchema(t.EventType) == nil {
		return nil
	}
	return checkExpressions(sub, bindingSchema(t.EventType))
}

// checkExpressions compiles the expressions of a subscription. schema is that of its event type; nil for none.
func checkExpressions(sub *eventgateway.Subscription, schema json.RawMessage) error {
	scope := expression.Scope{Event: eventgateway.CanonicalEvent(sub.Event), Schema: schema}
	if _, err := matcher.CompileFilter(sub, scope); err != nil {
		return err
	}
	if d := sub.Delivery; d != nil && d.OrderingKey != "" {
		if _, err := expression.Compile(expression.Transform, "delivery.orderingKey", d.OrderingKey, scope); err != nil {
			return err
		}
	}
	return expression.CheckTransforms(sub, scope)
}

// listenersFit refuses an event type whose schema is not what old, which may be nil, has, if the expressions of a
// subscription to it select what the schema does not have.
func (m *merged) listenersFit(t, old *eventgateway.EventType) error {
	schema := bindingSchema(t)
	if schema == nil || string(schema) == string(bindingSchema(old)) || m.listeners(t.Space, t.ID()) == 0 {
		return nil
	}
	deadline := time.Now().Add(fitTime)
	known := map[string]bool{}
	for s := range m.subscriptionsOf(t.Space) {
		if !s.listensTo(t.ID()) {
			continue
		}
		key := expressionsOf(s)
		if key == "" || known[key] {
			continue
		}
		if time.Now().After(deadline) {
			return nil
		}
		known[key] = true
		if err := checkExpressions(&s.Subscription, schema); err != nil {
			return eventgateway.Errorf(eventgateway.InUse, "schema: subscription %s to event type %q does not fit it: %w", s.ID, t.Name, err)
		}
	}
	return nil
}

// expressionsOf tells subscriptions with different expressions apart; it is empty for one without.
func expressionsOf(s *subscription) string {
	key := ""
	if s.Delivery != nil {
		key = s.Delivery.OrderingKey
	}
	if s.Filter == "" && len(s.Pattern) == 0 && key == "" && s.Transform == "" && s.ResponseTransform == "" && len(s.Headers) == 0 {
		return ""
	}
	return fmt.Sprintf("%q %q %q %q %q %q", s.Filter, s.Pattern, key, s.Transform, s.ResponseTransform, s.Headers)
}
