package eventsapi

import (
	"errors"
	"net/http"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/schema"
	"github.com/eventgateway/eventgateway/snapshot"
)

// hasSchema reports whether there is a schema to validate the data of events by.
func hasSchema(kind *snapshot.EventType) bool {
	return kind.Schema != nil && kind.SchemaMode != eventgateway.SchemaOff
}

// checkSchema validates the event of a verdict by the schema of its type. The data of an http event is the request's body.
func (x *exchange) checkSchema(v *verdict) {
	if !hasSchema(v.kind) {
		return
	}
	violation := violationOf(v.kind.Schema, v.event)
	switch {
	case violation == "":
	case v.kind.SchemaMode == eventgateway.SchemaFlag:
		v.violation = violation
		v.setEvent()
	default:
		v.refusal = &refused{
			status: http.StatusBadRequest, reason: ReasonSchema,
			message: "the data violates the schema of event type " + eventgateway.Quote(v.event.Type) + ": " + violation,
		}
	}
}

// violationOf says in which way the data of an event violates a schema, without the data; empty if it does not.
func violationOf(s *schema.Schema, ev *eventgateway.Event) string {
	if len(ev.Data) > 0 && !eventgateway.IsJSON(ev.DataType) {
		return "it is not JSON but " + eventgateway.Quote(eventgateway.MediaType(ev.DataType)) +
			": want JSON under a JSON type, such as application/json"
	}
	err := s.Validate(ev.Data)
	if err == nil {
		return ""
	}
	if v, ok := errors.AsType[*schema.Violation](err); ok {
		at := "as a whole"
		if v.Location != "" {
			at = "at " + eventgateway.Quote(v.Location)
		}
		return at + ": " + v.Message
	}
	return "it cannot be validated"
}

// setEvent gives the space's subscribers an event of their own, with what only they may see.
func (v *verdict) setEvent() {
	own := *v.event
	own.SchemaViolation, own.Authorization = v.violation, v.authorization
	v.event = &own
}
