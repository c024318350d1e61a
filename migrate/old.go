package migrate

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/eventgateway/eventgateway"
)

// The predecessor kept its resources under <kind>/<space>/<id>, and before it had spaces (0.5 with etcd v3) under <kind>/<id>:
//
//	functions      {"space","functionId","type","provider":{…},"metadata"}, until 0.6 with the type inside the provider
//	subscriptions  {"space","subscriptionId","type","eventType","functionId","path","method","metadata"},
//	               until 0.7 with "event" in place of type and eventType, and with "cors"
//	eventtypes     {"space","name","authorizerId","metadata"}, since 0.8
//	cors           {"space","corsId","method","path","allowedOrigins",…,"metadata"}, since 0.8
//
// endpoints, and topics before that, were made of the subscriptions and hold nothing else.

// OldEntry is a key of the predecessor's, without the prefix and the slash after it, and its value.
type OldEntry struct {
	Key   string
	Value []byte
}

// ConvertOld makes a document of the predecessor's keys. types are the function types the gateway knows. What cannot be
// carried over is left out together with what needs it, and a warning says so; no warning holds a credential.
func ConvertOld(name string, entries []OldEntry, types []string) (doc *Document, warnings []string) {
	c := &conversion{types: types, spaces: map[string]*oldSpace{}}
	for _, entry := range entries {
		c.read(entry)
	}
	doc = &Document{Name: name, several: true, expanded: map[string]string{}}
	for _, space := range sortedKeys(c.spaces) {
		s := &Space{Name: space, Given: [kindCount]bool{true, true, true, true}}
		c.settle(space)
		for k := range c.spaces[space].resources {
			s.Resources = append(s.Resources, c.spaces[space].resources[k]...)
		}
		doc.Spaces = append(doc.Spaces, s)
	}
	if c.cloudEvents {
		c.warn("since version 0.7 functions were sent CloudEvents 0.1. They are sent the gateway's own schema here, with the data in " +
			`"data" as before; a function that reads more than that may set format to cloudevents, which is version 1.0`)
	}
	return doc, c.warnings
}

// conversion makes a document of keys.
type conversion struct {
	types       []string
	spaces      map[string]*oldSpace
	cloudEvents bool
	warnings    []string
}

// oldSpace is what was read of one space.
type oldSpace struct {
	resources [kindCount][]*Resource
	// closed are the event types that cannot be carried over: perhaps somebody was to be asked before their events are
	// delivered, so nothing may subscribe to them.
	closed map[string]bool
}

func (c *conversion) warn(format string, args ...any) {
	c.warnings = append(c.warnings, fmt.Sprintf(format, args...))
}

func (c *conversion) leftOut(key, format string, args ...any) {
	c.warn("%s: left out: %s", key, fmt.Sprintf(format, args...))
}

// read converts one key.
func (c *conversion) read(entry OldEntry) {
	list, rest, ok := strings.Cut(entry.Key, "/")
	if !ok || list == "endpoints" || list == "topics" {
		return
	}
	k := slices.Index([]string{"functions", "eventtypes", "cors", "subscriptions"}, list)
	if k < 0 {
		c.leftOut(entry.Key, "nothing is known of %s", quoted(list))
		return
	}
	space, id, ok := strings.Cut(rest, "/")
	if !ok {
		space, id = eventgateway.DefaultSpace, rest
	}
	if err := eventgateway.ValidateID("space", space); err != nil {
		c.leftOut(entry.Key, "%v", err)
		return
	}
	s := c.spaces[space]
	if s == nil {
		s = &oldSpace{closed: map[string]bool{}}
		c.spaces[space] = s
	}
	if err := c.convert(s, entry, space, Kind(k)); err != nil {
		c.leftOut(entry.Key, "%v", err)
		if Kind(k) == EventTypes && !eventgateway.IsSystemEvent(id) {
			s.closed[eventgateway.CanonicalEvent(id)] = true
		}
	}
}

// convert converts one key of a kind into a resource of its space.
func (c *conversion) convert(s *oldSpace, entry OldEntry, space string, k Kind) error {
	n, err := readTree(entry.Value)
	if err != nil || n.kind != kindObject {
		return errors.New("its value is no JSON object")
	}
	if given := n.string("space"); given != "" && given != space {
		return fmt.Errorf("its value is of space %s", quoted(given))
	}
	of := [kindCount]func(key string, n *node) (*node, error){c.function, c.eventType, c.cors, c.subscription}
	converted, err := of[k](entry.Key, n)
	if err != nil {
		return err
	}
	id, name, err := identify(k, converted)
	if err != nil {
		return err
	}
	if err := validate(k, space, converted); err != nil {
		return err
	}
	if slices.ContainsFunc(s.resources[k], func(r *Resource) bool { return r.identity == id }) {
		return fmt.Errorf("it is there already: %s", name)
	}
	s.resources[k] = append(s.resources[k], &Resource{name, id, converted})
	return nil
}

// validate checks what is converted by the rules of its noun. What needs the other resources or the provider is checked when
// the document is compared.
func validate(k Kind, space string, n *node) error {
	var noun interface {
		Normalize()
		Validate() error
	}
	switch k {
	case Functions:
		noun = &eventgateway.Function{Space: space}
	case EventTypes:
		noun = &eventgateway.EventType{Space: space}
	case CORS:
		noun = &eventgateway.CORSResource{Space: space}
	default:
		noun = &eventgateway.Subscription{Space: space}
	}
	if err := json.Unmarshal(n.json(), noun); err != nil {
		return fmt.Errorf("a field is not of the type it should be")
	}
	noun.Normalize()
	return noun.Validate()
}

// pick returns an object of the members named, in their order, as far as they are there and say something. Names are found
// in any case: the predecessor changed one of them in that way.
func (n *node) pick(fields ...string) *node {
	picked := &node{kind: kindObject}
	for _, name := range fields {
		for _, m := range n.members {
			empty := m.value.kind == kindNull || m.value.kind == kindString && m.value.text == "" ||
				m.value.kind == kindObject && len(m.value.members) == 0
			if strings.EqualFold(m.name, name) && !empty {
				picked.members = append(picked.members, member{name: name, value: m.value})
				break
			}
		}
	}
	return picked
}
