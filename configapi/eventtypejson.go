package configapi

import (
	"bytes"
	"encoding/json"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/schema"
)

// readEventType reads an event type that is to stand in space, and under name unless that is empty. What it returns is
// complete and valid by itself, its schema included. A type has one resource for both names of the http event, so either is
// accepted where the other is in the URL.
func readEventType(body []byte, space, name string) (*eventgateway.EventType, error) {
	var spaceSent, nameSent, authorizer, mode *string
	t := &eventgateway.EventType{Space: space, Name: name}
	if err := readObject("", body, []field{
		{"space", text(&spaceSent)},
		{"name", text(&nameSent)},
		{"authorizerId", text(&authorizer)},
		{"schema", jsonSchema(&t.Schema)},
		{"schemaMode", text(&mode)},
		{"metadata", textMap(&t.Metadata)},
	}); err != nil {
		return nil, err
	}
	if err := agree("space", spaceSent, space); err != nil {
		return nil, err
	}
	switch {
	case name == "":
		t.Name = value(nameSent)
	case nameSent != nil && eventgateway.CanonicalEvent(*nameSent) != eventgateway.CanonicalEvent(name):
		return nil, agree("name", nameSent, name)
	}
	t.AuthorizerID, t.SchemaMode = value(authorizer), eventgateway.SchemaMode(value(mode))
	t.Normalize()
	if err := t.Validate(); err != nil {
		return nil, err
	}
	if len(t.Schema) > 0 {
		if _, err := schema.Compile(t.Schema); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// jsonSchema reads a JSON Schema, which is an object, or true or false, without its white space.
func jsonSchema(dst *json.RawMessage) func(string, json.RawMessage) error {
	return func(path string, raw json.RawMessage) error {
		if raw[0] != '{' && raw[0] != 't' && raw[0] != 'f' {
			return wrongType(path, raw, "a JSON Schema: an object, true or false")
		}
		var b bytes.Buffer
		err := json.Compact(&b, raw)
		*dst = b.Bytes()
		return err
	}
}
