package migrate

import (
	"strings"

	"github.com/eventgateway/eventgateway"
)

// Kind is a kind of resources.
type Kind int

// The kinds of resources, in the order they are created in: each may name resources of those before it.
const (
	Functions Kind = iota
	EventTypes
	CORS
	Subscriptions

	kindCount = iota
)

// names are what a kind is called: its list in documents and answers, its path in the Configuration API, one of it in
// messages.
var names = [kindCount]struct{ list, path, one string }{
	Functions:     {"functions", "functions", "function"},
	EventTypes:    {"eventTypes", "eventtypes", "event type"},
	CORS:          {"cors", "cors", "cors"},
	Subscriptions: {"subscriptions", "subscriptions", "subscription"},
}

// String returns the name of the kind's list in documents.
func (k Kind) String() string { return names[k].list }

// identity tells one resource of a space from the others of its kind.
type identity struct {
	kind Kind
	id   string
}

// identify returns the identity of a resource as written, and a name that says what it is to a reader.
func identify(k Kind, n *node) (id identity, name string, err error) {
	if n.kind != kindObject {
		return id, "", eventgateway.Errorf(eventgateway.Invalid, "%s is not accepted: want an object", n.kind)
	}
	required := [kindCount][]string{{"functionId"}, {"name"}, {"method", "path"}, {"functionId"}}
	for _, field := range []string{"functionId", "name", "method", "path", "type", "event", "eventType"} {
		if v := n.member(field); v != nil && v.kind != kindString && identifying(k, field) {
			return id, "", eventgateway.Errorf(eventgateway.Invalid, "%s: %s is not accepted: want a string", field, v.kind)
		}
	}
	for _, field := range required[k] {
		if n.string(field) == "" {
			return id, "", eventgateway.Errorf(eventgateway.Invalid, "%s: missing", field)
		}
	}
	id.kind = k
	switch k {
	case Functions:
		id.id = n.string("functionId")
		name = quoted(id.id)
	case EventTypes:
		id.id = eventgateway.CanonicalEvent(n.string("name"))
		name = quoted(n.string("name"))
	case CORS:
		c := eventgateway.CORSResource{Method: n.string("method"), Path: n.string("path")}
		c.Normalize()
		id.id, name = c.ID, c.Method+" "+quoted(c.Path)
	case Subscriptions:
		s := subscriptionOf(n)
		if s.Event == "" {
			return id, "", eventgateway.Errorf(eventgateway.Invalid, "event: missing")
		}
		s.Normalize()
		id.id = s.ID
		name = strings.Join([]string{string(s.Type), quoted(s.Event), s.Method, quoted(s.Path), "to", quoted(s.FunctionID)}, " ")
	}
	return id, names[k].one + " " + name, nil
}

// identifying reports whether a field is part of a resource's identity.
func identifying(k Kind, field string) bool {
	switch k {
	case Functions:
		return field == "functionId"
	case EventTypes:
		return field == "name"
	case CORS:
		return field == "method" || field == "path"
	}
	return field != "name"
}

// subscriptionOf returns what identifies a subscription, not normalized.
func subscriptionOf(n *node) *eventgateway.Subscription {
	event := n.string("event")
	if event == "" {
		event = n.string("eventType")
	}
	return &eventgateway.Subscription{
		Type: eventgateway.SubscriptionType(n.string("type")), Event: event, FunctionID: n.string("functionId"),
		Method: n.string("method"), Path: n.string("path"),
	}
}

// quoted returns a name as it is if that is clear, else in quotes and with its control characters escaped.
func quoted(name string) string {
	plain := name != ""
	for i := 0; plain && i < len(name); i++ {
		plain = name[i] > ' ' && name[i] < 0x7f && name[i] != '"'
	}
	if plain {
		return name
	}
	return eventgateway.Quote(name)
}
