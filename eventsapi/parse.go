package eventsapi

import (
	"net/http"
	"strings"

	"github.com/eventgateway/eventgateway"
)

// form is how a request says what event it is.
type form uint8

const (
	formHTTP form = iota
	formStructured
	formBatch
	formBinary
	formCustom
	formInvoke
	// formUnknown is a CloudEvent in a format that is not JSON.
	formUnknown
)

// formOf tells the form of a request by its headers, as the first of the rules that fits.
func formOf(h http.Header) form {
	if types := h["Content-Type"]; len(types) > 0 {
		switch rest, ok := cutPrefixFold(eventgateway.MediaType(types[0]), "application/cloudevents"); {
		case !ok || rest == "":
		case strings.EqualFold(rest, "+json"):
			return formStructured
		case strings.EqualFold(rest, "-batch+json"):
			return formBatch
		case rest[0] == '+' || rest[0] == '-':
			return formUnknown
		}
	}
	if eventgateway.IsCloudEventHeader(h) {
		return formBinary
	}
	names := h["Event"]
	if len(names) == 0 {
		return formHTTP
	}
	switch eventgateway.CanonicalEvent(names[0]) {
	case eventgateway.EventHTTP:
		return formHTTP
	case eventgateway.EventInvoke:
		return formInvoke
	}
	return formCustom
}

// cutPrefixFold is strings.CutPrefix without regard to case.
func cutPrefixFold(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return s, false
	}
	return s[len(prefix):], true
}

// parseOne reads the request as one event: a CloudEvent or a custom event.
func (x *exchange) parseOne(form form) (*eventgateway.Event, error) {
	if form == formCustom {
		x.event = x.r.Header["Event"][0]
		if err := checkType("Event", x.event); err != nil {
			x.event = ""
			return nil, err
		}
	}
	body, err := x.readBody()
	if err != nil {
		return nil, err
	}
	var ev *eventgateway.Event
	switch form {
	case formStructured:
		ev, err = eventgateway.ParseCloudEvent(body, x.now)
	case formBinary:
		if err = x.checkData(body, false); err == nil {
			ev, err = eventgateway.ParseCloudEventHeader(x.r.Header, body, x.now)
		}
	default:
		return x.newEvent(x.event, body)
	}
	if err != nil {
		return nil, err
	}
	if err := checkType("type", ev.Type); err != nil {
		return nil, err
	}
	dropOwn(ev)
	x.setChain(ev)
	x.event = ev.Type
	return ev, nil
}

// newEvent makes the event of a request that is no CloudEvent.
func (x *exchange) newEvent(eventType string, body []byte) (*eventgateway.Event, error) {
	if err := x.checkData(body, false); err != nil {
		return nil, err
	}
	ev := &eventgateway.Event{
		Type: eventType, ID: eventgateway.NewID(x.now), ReceivedAt: x.now, DataType: dataType(x.r), Data: body,
	}
	x.setChain(ev)
	return ev, nil
}

// dataType is the MIME type the request gives for its body.
func dataType(r *http.Request) string {
	if types := r.Header["Content-Type"]; len(types) > 0 && types[0] != "" {
		return types[0]
	}
	return eventgateway.TypeOctetStream
}

// checkType checks the type of an event from outside; field names it in the error.
func checkType(field, eventType string) error {
	if err := eventgateway.ValidateEventName(field, eventType); err != nil {
		return err
	}
	if eventgateway.IsSystemEvent(eventType) {
		return eventgateway.InvalidField(field, eventType,
			"a type without the prefix gateway. or eventgateway., which only the gateway's own events have")
	}
	if e := eventgateway.CanonicalEvent(eventType); e == eventgateway.EventHTTP || e == eventgateway.EventInvoke {
		return eventgateway.InvalidField(field, eventType, "the type of a custom event; http and invoke are built in")
	}
	return nil
}

// checkData checks that a body is what its headers say. An encoded body, such as a gzipped one, is let through if
// encodedOK and nothing has to look into it.
func (x *exchange) checkData(body []byte, encodedOK bool) error {
	t := dataType(x.r)
	if err := eventgateway.ValidateDataType("Content-Type", t); err != nil {
		return err
	}
	if len(body) == 0 {
		return nil
	}
	isJSON := eventgateway.IsJSON(t)
	if encoding := contentEncoding(x.r); encoding != "" && !(encodedOK && !isJSON && !eventgateway.IsForm(t)) {
		return refusal(http.StatusUnsupportedMediaType, ReasonMediaType,
			"Content-Encoding: "+eventgateway.Quote(encoding)+" is not accepted: want a body that is not encoded")
	}
	if isJSON {
		return eventgateway.ValidateJSON("body", body)
	}
	return nil
}

// contentEncoding returns how the body is encoded; empty when it is not.
func contentEncoding(r *http.Request) string {
	encoding := strings.Join(r.Header["Content-Encoding"], ", ")
	if strings.EqualFold(encoding, "identity") {
		return ""
	}
	return encoding
}
