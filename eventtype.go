package eventgateway

import (
	"encoding/json"
)

// SchemaMode says what becomes of an event whose data violates the schema of its type.
type SchemaMode string

// The schema modes.
const (
	// SchemaReject refuses the event with 400. It is the default.
	SchemaReject SchemaMode = "reject"
	// SchemaFlag accepts it; the violation is counted and goes along with the event, see Event.SchemaViolation.
	SchemaFlag SchemaMode = "flag"
	// SchemaOff does not look at the data.
	SchemaOff SchemaMode = "off"
)

// MaxSchemaLength bounds the JSON Schema of an event type, in bytes.
const MaxSchemaLength = 256 << 10

// EventType is a type of events that is registered in a space.
type EventType struct {
	// Space is the sandbox it is registered in. Default: "default".
	Space string `json:"space,omitempty"`
	// Name is the event type, such as "user.created"; "http" (or "http.request") and "invoke" for the built-in ones. Required.
	Name string `json:"name"`
	// AuthorizerID names the function, in the same space, that is asked before an event of the type is delivered. Default:
	// nobody is asked.
	AuthorizerID string `json:"authorizerId,omitempty"`
	// Schema is the JSON Schema, draft 2020-12, of the event's data. Default: any data is accepted. Whether it compiles,
	// package schema knows.
	Schema json.RawMessage `json:"schema,omitempty"`
	// SchemaMode says what becomes of events that violate Schema. Default: "reject".
	SchemaMode SchemaMode `json:"schemaMode,omitempty"`
	// Metadata is the user's own; lists can be filtered by it.
	Metadata map[string]string `json:"metadata,omitempty"`
}

// ID is the type's identity in its space: its name, and one for both names of the http event.
func (t *EventType) ID() string { return CanonicalEvent(t.Name) }

// Normalize fills in what has a default.
func (t *EventType) Normalize() {
	if t.Space == "" {
		t.Space = DefaultSpace
	}
	if t.SchemaMode == SchemaReject {
		t.SchemaMode = ""
	}
	if string(t.Schema) == "null" {
		t.Schema = nil
	}
}

// Validate checks the event type by itself; whether its schema compiles and its authorizer exists is checked elsewhere. Call
// Normalize first.
func (t *EventType) Validate() error {
	if err := ValidateID("space", t.Space); err != nil {
		return err
	}
	if err := ValidateEventName("name", t.Name); err != nil {
		return err
	}
	if t.Name == "." || t.Name == ".." {
		return InvalidField("name", t.Name, "a name that can stand in a URL, so neither . nor ..")
	}
	if IsSystemEvent(t.Name) {
		return InvalidField("name", t.Name, "a type without the prefix gateway. or eventgateway., which only the gateway's own events have")
	}
	if t.AuthorizerID != "" {
		if err := ValidateID("authorizerId", t.AuthorizerID); err != nil {
			return err
		}
	}
	switch t.SchemaMode {
	case "", SchemaReject, SchemaFlag, SchemaOff:
	default:
		return InvalidField("schemaMode", string(t.SchemaMode), `"reject", "flag" or "off"`)
	}
	if len(t.Schema) > MaxSchemaLength {
		return Errorf(Invalid, "schema: %d bytes are not accepted: want at most %d", len(t.Schema), MaxSchemaLength)
	}
	return ValidateMetadata(t.Metadata)
}
