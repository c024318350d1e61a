package migrate

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/eventgateway/eventgateway"
)

// oldProviders are the fields of the function types the predecessor had.
var oldProviders = map[string][]string{
	"http":        {"url"},
	"awslambda":   {"arn", "region", "awsAccessKeyId", "awsSecretAccessKey", "awsSessionToken"},
	"awskinesis":  {"streamName", "region", "awsAccessKeyId", "awsSecretAccessKey", "awsSessionToken"},
	"awsfirehose": {"deliveryStreamName", "region", "awsAccessKeyId", "awsSecretAccessKey", "awsSessionToken"},
	"awssqs":      {"queueUrl", "region", "awsAccessKeyId", "awsSecretAccessKey", "awsSessionToken"},
	"weighted":    {"weighted"},
}

func (c *conversion) function(key string, n *node) (*node, error) {
	provider := n.member("provider")
	if provider == nil || provider.kind != kindObject {
		return nil, errors.New("it has no provider")
	}
	typ := n.string("type")
	if typ != "" {
		c.cloudEvents = true
	} else {
		typ = provider.string("type")
	}
	fields, known := oldProviders[typ]
	switch {
	case typ == "emulator":
		return nil, errors.New("type emulator was for the local emulator of the Serverless Framework, which is gone")
	case !known:
		return nil, fmt.Errorf("nothing is known of type %s", quoted(typ))
	case !slices.Contains(c.types, typ):
		return nil, fmt.Errorf("type %s is not built into this gateway: want one of %s", typ, strings.Join(c.types, ", "))
	}
	converted := n.pick("functionId", "metadata")
	picked := provider.pick(fields...)
	if keys := picked.pick("awsAccessKeyId", "awsSecretAccessKey"); len(keys.members) == 1 || len(keys.members) == 0 && picked.member("awsSessionToken") != nil {
		c.warn("%s: its AWS credentials are left out: they are incomplete and had no effect", key)
		for _, field := range []string{"awsAccessKeyId", "awsSecretAccessKey", "awsSessionToken"} {
			picked.drop(field)
		}
	}
	for i, m := range picked.members {
		if m.name == "weighted" {
			picked.members[i].name = "functions"
		}
	}
	converted.members = slices.Insert(converted.members, min(1, len(converted.members)),
		member{name: "type", value: &node{kind: kindString, text: typ}}, member{name: "provider", value: picked})
	return converted, nil
}

func (c *conversion) eventType(_ string, n *node) (*node, error) {
	if name := n.string("name"); eventgateway.IsSystemEvent(name) {
		return nil, fmt.Errorf("%s is an event of the gateway itself, which needs no registration here", quoted(name))
	}
	return n.pick("name", "authorizerId", "metadata"), nil
}

func (c *conversion) cors(_ string, n *node) (*node, error) {
	return n.pick("method", "path", "allowedOrigins", "allowedMethods", "allowedHeaders", "allowCredentials", "metadata"), nil
}

func (c *conversion) subscription(key string, n *node) (*node, error) {
	if n.member("eventType") != nil {
		s := n.pick("type", "eventType", "functionId", "method", "path", "metadata")
		for i, m := range s.members {
			if m.name == "eventType" {
				s.members[i].name = "event"
			}
		}
		return s, nil
	}
	s := n.pick("event", "functionId", "method", "path", "cors", "metadata")
	if eventgateway.CanonicalEvent(s.string("event")) == eventgateway.EventHTTP {
		return s, nil
	}
	// Until 0.7 only http events had a method and CORS; for all others they were ignored, and POST it was.
	s.drop("method")
	if s.member("cors") != nil {
		c.warn("%s: its cors is left out: it had no effect, and custom events accept any origin", key)
		s.drop("cors")
	}
	return s, nil
}

// settle leaves out, until nothing changes any more, what needs something that is left out.
func (c *conversion) settle(space string) {
	s := c.spaces[space]
	for changed := true; changed; {
		functions := map[string]bool{}
		for _, r := range s.resources[Functions] {
			functions[r.id] = true
		}
		changed = false
		for k := range s.resources {
			s.resources[k] = slices.DeleteFunc(s.resources[k], func(r *Resource) bool {
				reason := s.lacks(r, functions)
				if reason != "" {
					c.leftOut(r.Name+" in space "+space, "%s", reason)
					changed = true
				}
				return reason != ""
			})
		}
	}
}

// lacks returns what a resource needs and is not there; empty if it needs nothing more.
func (s *oldSpace) lacks(r *Resource, functions map[string]bool) string {
	missing := func(id string) string {
		if id == "" || functions[id] {
			return ""
		}
		return "function " + quoted(id) + " is not there"
	}
	switch r.kind {
	case Functions:
		list := r.node.member("provider").member("functions")
		if list == nil {
			return ""
		}
		for _, part := range list.items {
			if reason := missing(part.string("functionId")); reason != "" {
				return reason
			}
		}
	case EventTypes:
		reason := missing(r.node.string("authorizerId"))
		if reason != "" {
			s.closed[r.id] = true
		}
		return reason
	case Subscriptions:
		if s.closed[eventgateway.CanonicalEvent(r.node.string("event"))] {
			return "its event type is left out, and with it perhaps who was to be asked"
		}
		return missing(r.node.string("functionId"))
	}
	return ""
}

// sortedKeys returns a map's keys in order.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
