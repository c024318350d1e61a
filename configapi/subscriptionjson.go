package configapi

import (
	"encoding/json"

	"github.com/eventgateway/eventgateway"
)

// subscriptionBody is a subscription as a client sends it. A nil field was not given.
type subscriptionBody struct {
	space, id, kind, event, eventType, functionID, method, path *string
	filter, transform, responseTransform                        *string
	pattern                                                     json.RawMessage
	cors                                                        *eventgateway.CORS
	headers, metadata                                           map[string]string
	delivery                                                    *eventgateway.Delivery
	paused                                                      *bool
}

// readSubscription reads what a client sends for a subscription in a space.
func readSubscription(body []byte, space string) (*subscriptionBody, error) {
	b := new(subscriptionBody)
	if err := readObject("", body, []field{
		{"space", text(&b.space)},
		{"subscriptionId", text(&b.id)},
		{"type", text(&b.kind)},
		{"event", text(&b.event)},
		{"eventType", text(&b.eventType)},
		{"functionId", text(&b.functionID)},
		{"method", text(&b.method)},
		{"path", text(&b.path)},
		{"cors", b.readCORS},
		{"filter", text(&b.filter)},
		{"pattern", object(&b.pattern)},
		{"transform", text(&b.transform)},
		{"responseTransform", text(&b.responseTransform)},
		{"headers", textMap(&b.headers)},
		{"delivery", b.readDelivery},
		{"paused", b.readPaused},
		{"metadata", textMap(&b.metadata)},
	}); err != nil {
		return nil, err
	}
	if b.event == nil {
		b.event = b.eventType
	}
	if b.eventType != nil && *b.event != *b.eventType {
		return nil, eventgateway.Errorf(eventgateway.Invalid, "eventType: %s is not accepted beside event %s: want one of them",
			eventgateway.Quote(*b.eventType), eventgateway.Quote(*b.event))
	}
	return b, agree("space", b.space, space)
}

func (b *subscriptionBody) readCORS(path string, raw json.RawMessage) error {
	b.cors = new(eventgateway.CORS)
	return readObject(path, raw, []field{
		{"origins", texts(&b.cors.Origins)},
		{"methods", texts(&b.cors.Methods)},
		{"headers", texts(&b.cors.Headers)},
		{"allowCredentials", boolean(&b.cors.AllowCredentials)},
	})
}

func (b *subscriptionBody) readPaused(path string, raw json.RawMessage) error {
	b.paused = new(bool)
	return boolean(b.paused)(path, raw)
}

// subscription returns the new subscription that was sent, complete and valid by itself.
func (b *subscriptionBody) subscription(space string) (*eventgateway.Subscription, error) {
	sub := &eventgateway.Subscription{
		Space: space, Type: eventgateway.SubscriptionType(value(b.kind)), Event: value(b.event),
		FunctionID: value(b.functionID), Method: value(b.method), Path: value(b.path),
	}
	b.setChangeable(sub)
	sub.Normalize()
	if err := checkSubscription(sub); err != nil {
		return nil, err
	}
	if b.id != nil && *b.id != sub.ID {
		return nil, eventgateway.InvalidField("subscriptionId", *b.id, "none: the gateway gives it, here "+sub.ID)
	}
	return sub, nil
}

// change makes the changes that were sent to an existing subscription. What says which events reach which function is its
// identity and does not change; all else is replaced, and removed when it was not sent. Only whether it is paused stays as it
// is then: a client that does not know of it must not resume it by chance.
func (b *subscriptionBody) change(sub *eventgateway.Subscription) error {
	wanted := *sub
	set := func(dst, sent *string) {
		if sent != nil {
			*dst = *sent
		}
	}
	set((*string)(&wanted.Type), b.kind)
	set(&wanted.Event, b.event)
	set(&wanted.FunctionID, b.functionID)
	set(&wanted.Method, b.method)
	set(&wanted.Path, b.path)
	wanted.CORS, wanted.Delivery = nil, nil
	wanted.Normalize()
	for _, f := range []struct{ name, is, wanted string }{
		{"type", string(sub.Type), string(wanted.Type)},
		{"event", eventgateway.CanonicalEvent(sub.Event), eventgateway.CanonicalEvent(wanted.Event)},
		{"functionId", sub.FunctionID, wanted.FunctionID},
		{"method", sub.Method, wanted.Method},
		{"path", sub.Path, wanted.Path},
	} {
		if f.is != f.wanted {
			return eventgateway.InvalidField(f.name, f.wanted, "no change from "+eventgateway.Quote(f.is)+
				": only "+changeable+" of a subscription can be changed; delete it and create another")
		}
	}
	if err := agree("subscriptionId", b.id, sub.ID); err != nil {
		return err
	}
	b.setChangeable(sub)
	return nil
}

// changeable names what setChangeable sets.
const changeable = "cors, filter, pattern, transform, responseTransform, headers, delivery, paused and metadata"

// setChangeable sets what of a subscription may change.
func (b *subscriptionBody) setChangeable(sub *eventgateway.Subscription) {
	sub.CORS, sub.Metadata = b.cors, b.metadata
	sub.Filter, sub.Pattern = value(b.filter), b.pattern
	sub.Transforms = eventgateway.Transforms{
		Transform: value(b.transform), ResponseTransform: value(b.responseTransform), Headers: b.headers,
	}
	sub.Delivery = b.delivery
	if b.paused != nil {
		sub.Paused = *b.paused
	}
}

// checkSubscription validates a subscription by itself, its expressions included. Call Normalize first.
func checkSubscription(sub *eventgateway.Subscription) error {
	if err := sub.Validate(); err != nil {
		return err
	}
	return checkExpressions(sub, nil)
}

// subscriptionAnswer is a subscription as it is shown.
type subscriptionAnswer struct {
	Space      string                        `json:"space,omitempty"`
	ID         string                        `json:"subscriptionId"`
	Type       eventgateway.SubscriptionType `json:"type,omitempty"`
	Event      string                        `json:"event"`
	EventType  string                        `json:"eventType,omitempty"`
	FunctionID string                        `json:"functionId"`
	Method     string                        `json:"method"`
	Path       string                        `json:"path"`
	CORS       *eventgateway.CORS            `json:"cors,omitempty"`
	Filter     string                        `json:"filter,omitempty"`
	Pattern    json.RawMessage               `json:"pattern,omitempty"`
	eventgateway.Transforms
	Delivery *eventgateway.Delivery `json:"delivery,omitempty"`
	Paused   bool                   `json:"paused,omitempty"`
	Metadata map[string]string      `json:"metadata,omitempty"`
}

// showSubscription returns a subscription as it is shown.
func showSubscription(s *eventgateway.Subscription, g generation) subscriptionAnswer {
	a := subscriptionAnswer{
		s.Space, s.ID, s.Type, s.Event, s.Event, s.FunctionID, s.Method, s.Path, s.CORS, s.Filter, s.Pattern, s.Transforms,
		s.Delivery, s.Paused, s.Metadata,
	}
	if g == first {
		a.Space, a.Type, a.EventType = "", "", ""
	}
	return a
}
