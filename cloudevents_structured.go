package eventgateway

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ParseCloudEvent reads a structured CloudEvent: JSON of version 1.0, or of 0.1 with its eventType, eventID and
// cloudEventsVersion. The event shares document's memory. An error is an *Error of kind Invalid that names the attribute.
func ParseCloudEvent(document []byte, receivedAt time.Time) (*Event, error) {
	if err := ValidateJSON("body", document); err != nil {
		return nil, err
	}
	return parseStructured("", bytes.TrimSpace(document), receivedAt)
}

// ParseCloudEventBatch reads a JSON array of structured CloudEvents, all or none. Errors are those of ParseCloudEvent, and
// name the event by its index.
func ParseCloudEventBatch(document []byte, receivedAt time.Time) ([]*Event, error) {
	if err := ValidateJSON("body", document); err != nil {
		return nil, err
	}
	if document = bytes.TrimSpace(document); document[0] != '[' {
		return nil, Errorf(Invalid, "body: not accepted as %s: want a JSON array of CloudEvents", TypeCloudEventBatch)
	}
	var events []*Event
	for element := range JSONElements(document) {
		ev, err := parseStructured(fmt.Sprintf("events[%d].", len(events)), element, receivedAt)
		if err != nil {
			return nil, err
		}
		events = append(events, ev)
	}
	return events, nil
}

// structuredData is what of a document is data and not an attribute.
type structuredData struct{ plain, base64 []byte }

func parseStructured(prefix string, object []byte, receivedAt time.Time) (*Event, error) {
	if object[0] != '{' {
		what := strings.TrimSuffix(cmp.Or(prefix, "body"), ".")
		return nil, Errorf(Invalid, "%s: not accepted as a CloudEvent: want a JSON object", what)
	}
	var memory [16]attribute
	attrs := attributes{prefix, memory[:0]}
	var data structuredData
	var extensions []byte // an object of them, which only 0.1 has
	legacy := false
	for rawName, value := range JSONMembers(object) {
		text, _ := JSONText(rawName)
		name := string(text)
		var once *[]byte
		switch {
		case name == "data":
			once = &data.plain
		case name == "data_base64":
			once = &data.base64
		case name == "extensions" && value[0] == '{':
			once = &extensions
		}
		if once == nil {
			legacy = legacy || name == "cloudEventsVersion"
			if err := attrs.add(name, value); err != nil {
				return nil, err
			}
			continue
		}
		if *once != nil {
			return nil, Errorf(Invalid, "%s: given twice: want it once", attrs.field(name))
		}
		*once = value
	}
	if legacy {
		for rawName, value := range JSONMembers(extensions) {
			name, _ := JSONText(rawName)
			if err := attrs.add(string(name), value); err != nil {
				return nil, err
			}
		}
		if err := attrs.modernize(); err != nil {
			return nil, err
		}
	} else if extensions != nil {
		return nil, Errorf(Invalid, "%sextensions: not accepted: want extensions as attributes beside id and type", prefix)
	}
	ev, err := attrs.event(receivedAt)
	if err != nil {
		return nil, err
	}
	return ev, data.into(ev, prefix)
}

// add takes a member of a document as an attribute; null is as good as absent.
func (a *attributes) add(name string, value []byte) error {
	if isOwnExtension(name) {
		return nil
	}
	attr := attribute{name: name}
	switch value[0] {
	case 'n':
		return nil
	case 't', 'f':
		attr.other = value[0] == 't'
	case '"':
		text, _ := JSONText(value)
		attr.text = string(text)
	default:
		n, err := strconv.ParseInt(string(value), 10, 32)
		if err != nil {
			return Errorf(Invalid, "%s: not accepted: want a string, a boolean or an integer of 32 bits", a.field(name))
		}
		attr.other = int32(n)
	}
	a.list = append(a.list, attr)
	return nil
}

// into gives ev its data: JSON as it stands in the document, under another type what the string says or its base64
// stands for.
func (d *structuredData) into(ev *Event, prefix string) error {
	if d.base64 != nil && d.base64[0] != 'n' {
		if d.plain != nil && d.plain[0] != 'n' {
			return Errorf(Invalid, "%sdata_base64: not accepted beside data: want one of them", prefix)
		}
		return d.decode(ev, prefix)
	}
	if ev.DataType == "" {
		ev.DataType = TypeJSON
	}
	switch {
	case d.plain == nil:
	case IsJSON(ev.DataType):
		ev.Data = d.plain
	case d.plain[0] == 'n':
	default:
		text, ok := JSONText(d.plain)
		if !ok {
			return Errorf(Invalid, "%sdata: not accepted with datacontenttype %s: want a string, or data_base64",
				prefix, Quote(ev.DataType))
		}
		ev.Data = text
	}
	return nil
}

func (d *structuredData) decode(ev *Event, prefix string) error {
	text, ok := JSONText(d.base64)
	if !ok {
		return Errorf(Invalid, "%sdata_base64: not accepted: want a string of base64", prefix)
	}
	data, err := base64.StdEncoding.AppendDecode(nil, text)
	if err != nil {
		return Errorf(Invalid, "%sdata_base64: not valid base64", prefix)
	}
	if ev.DataType == "" {
		ev.DataType = TypeOctetStream
	}
	if IsJSON(ev.DataType) && len(data) > 0 {
		if err := ValidateJSON(prefix+"data_base64", data); err != nil {
			return err
		}
	}
	ev.Data = data
	return nil
}
