package googlepubsub

import (
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
)

// What Pub/Sub takes of attributes and keys, in bytes.
const (
	maxAttributes  = 100
	maxName        = 256
	maxValue       = 1024
	maxOrderingKey = 1024
)

// message writes what is published for a call: the payload as data, and as attributes its type, what comes beside it, names in
// lower case as the CloudEvents binding for Pub/Sub has them, and where that is not the event's own, the event's type, id and
// source.
func message(call *providers.Call) ([]byte, error) {
	if len(call.Key) > maxOrderingKey {
		return nil, unfit("the ordering key is longer than the 1024 bytes Google Pub/Sub takes")
	}
	attributes := map[string]string{"content-type": call.ContentType}
	for name, values := range call.Header {
		attributes[strings.ToLower(name)] = strings.Join(values, ", ")
	}
	if _, ok := attributes["ce-type"]; !ok {
		attributes["event-type"], attributes["event-id"] = call.Event.Type, call.Event.ID
		if ce := call.Event.CloudEvent; ce != nil {
			attributes["event-source"] = ce.Source
		}
	}
	if err := fit(attributes); err != nil {
		return nil, err
	}
	return json.Marshal(struct {
		Data        []byte            `json:"data,omitempty"`
		Attributes  map[string]string `json:"attributes"`
		OrderingKey string            `json:"orderingKey,omitempty"`
	}{call.Payload, attributes, call.Key})
}

// fit leaves out of the gateway's own what Pub/Sub does not take, and refuses the event for what is its own or the
// subscription's.
func fit(attributes map[string]string) error {
	for name, value := range attributes {
		switch {
		case len(name) <= maxName && len(value) <= maxValue && utf8.ValidString(value) && !strings.HasPrefix(name, "goog"):
		case isOwn(name):
			delete(attributes, name)
		default:
			return unfit("an attribute of the event is not what Google Pub/Sub takes, most often because its value is longer than 1024 bytes: " +
				"use a format that has the attributes in the payload, or shorter headers")
		}
	}
	if len(attributes) > maxAttributes {
		return unfit("the event has more than the 100 attributes Google Pub/Sub takes: use a format that has them in the payload, or fewer headers")
	}
	return nil
}

var ownPrefix = strings.ToLower(eventgateway.HeaderPrefix)

// isOwn reports whether an attribute is not the event's or the subscription's.
func isOwn(name string) bool {
	return strings.HasPrefix(name, ownPrefix) || name == "traceparent" || name == "tracestate"
}

func unfit(message string) *providers.Error {
	return &providers.Error{Failure: providers.FunctionFailed, Permanent: true, Message: message}
}

// requestOf returns the body of a request that publishes messages.
func requestOf(messages [][]byte) []byte {
	const open, end = `{"messages":[`, `]}`
	size := len(open) + len(end)
	for _, m := range messages {
		size += len(m) + 1
	}
	body := append(make([]byte, 0, size), open...)
	for i, m := range messages {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, m...)
	}
	return append(body, end...)
}
