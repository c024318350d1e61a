package eventgateway

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"fmt"
	"strconv"
	"time"
)

// ParseDocument reads an event as people write one down, to try something with it:
//
//   - a structured CloudEvent;
//   - the gateway's own schema, as FormatEvent writes it;
//   - {"http":{"method":"GET","path":"/users/7","headers":{},"body":null}}, the data of an http event alone.
//
// A document may leave out what the gateway gives: the id, the time, and the type of the data, which is JSON then. params
// are the path parameters of an http event. The event shares document's memory. An error is an *Error of kind Invalid
// that names the field; field is what it calls the document itself, such as "event".
func ParseDocument(field string, document []byte, now time.Time) (ev *Event, params PathParams, err error) {
	if err := ValidateJSON(field, document); err != nil {
		return nil, nil, err
	}
	object := bytes.TrimSpace(document)
	if object[0] != '{' {
		return nil, nil, Errorf(Invalid, "%s: not accepted: want a JSON object", field)
	}
	for name := range JSONMembers(object) {
		switch text, _ := JSONText(name); string(text) {
		case "specversion", "cloudEventsVersion":
			ev, err := parseStructured(field+".", object, now)
			if err == nil {
				err = ev.readFindingExtensions(field, object)
			}
			return ev, nil, err
		}
	}
	d := eventDocument{field: field, ev: &Event{ID: NewID(now), ReceivedAt: now}}
	if err := d.read(object); err != nil {
		return nil, nil, err
	}
	return d.ev, d.params, nil
}

// eventDocument is an event in the gateway's own schema while it is read.
type eventDocument struct {
	field  string
	ev     *Event
	params PathParams
	// data and request are the event's data as it stands; request is that of an http event.
	data, request []byte
	attributes    attributes
}

// members calls read for every member of an object that is not null. Names are those read knows, each once.
func members(field string, object []byte, read func(name, at string, value []byte) error) error {
	if object[0] != '{' {
		return Errorf(Invalid, "%s: not accepted: want a JSON object", field)
	}
	seen := map[string]bool{}
	for rawName, value := range JSONMembers(object) {
		text, _ := JSONText(rawName)
		name := string(text)
		at := field + "." + name
		if !isToken(name) || len(name) > 80 {
			at = field + "." + Quote(name)
		}
		if seen[name] {
			return Errorf(Invalid, "%s: given twice: want it once", at)
		}
		seen[name] = true
		if value[0] == 'n' {
			continue
		}
		if err := read(name, at, value); err != nil {
			return err
		}
	}
	return nil
}

func (d *eventDocument) read(object []byte) error {
	d.attributes = attributes{prefix: d.field + "."}
	if err := members(d.field, object, d.member); err != nil {
		return err
	}
	switch {
	case d.request != nil && (d.data != nil || CanonicalEvent(cmp.Or(d.ev.Type, EventHTTP)) != EventHTTP):
		return Errorf(Invalid, "%s.http: not accepted beside event or data: want one of them", d.field)
	case d.request == nil && CanonicalEvent(d.ev.Type) == EventHTTP:
		if d.request = d.data; d.request == nil {
			return Errorf(Invalid, "%s.data: missing: want an object with method, path, headers, …", d.field)
		}
	}
	if d.request != nil {
		d.ev.Type = EventHTTP
		at := d.field + ".http"
		if d.data != nil {
			at = d.field + ".data"
		}
		return d.readRequest(at, d.request)
	}
	if d.ev.Type == "" {
		return Errorf(Invalid, "%s: not accepted: want a CloudEvent, an object with event and data, or one with http", d.field)
	}
	if err := ValidateEventName(d.field+".event", d.ev.Type); err != nil {
		return err
	}
	d.ev.DataType = cmp.Or(d.ev.DataType, TypeJSON)
	if err := ValidateDataType(d.field+".dataType", d.ev.DataType); err != nil {
		return err
	}
	if err := d.readAttributes(); err != nil {
		return err
	}
	var err error
	d.ev.Data, err = readData(d.field+".data", d.ev.DataType, d.data)
	return err
}

func (d *eventDocument) member(name, at string, value []byte) (err error) {
	switch name {
	case "event":
		d.ev.Type, err = jsonString(at, value)
	case "id":
		d.ev.ID, err = jsonString(at, value)
	case "receivedAt":
		var ms int64
		if ms, err = strconv.ParseInt(string(value), 10, 64); err != nil {
			return Errorf(Invalid, "%s: not accepted: want milliseconds since 1970", at)
		}
		d.ev.ReceivedAt = time.UnixMilli(ms)
	case "dataType":
		d.ev.DataType, err = jsonString(at, value)
	case "data":
		d.data = value
	case "http":
		d.request = value
	case "source", "subject", "time", "dataschema":
		return d.attributes.add(name, value)
	case "extensions":
		return members(at, value, func(name, at string, value []byte) error {
			if name == ownExtension {
				return d.ev.readFindings(at, value)
			}
			return d.attributes.add(name, value)
		})
	default:
		return Errorf(Invalid, "unknown field %s: want only event, id, receivedAt, data, dataType, source, subject, time, "+
			"dataschema, extensions, or http", at)
	}
	return err
}

// readAttributes gives the event what only a CloudEvent has, if it has any of it.
func (d *eventDocument) readAttributes() error {
	if len(d.attributes.list) == 0 {
		return nil
	}
	d.attributes.list = append(d.attributes.list,
		attribute{name: "specversion", text: cloudEventsVersion}, attribute{name: "type", text: d.ev.Type},
		attribute{name: "id", text: d.ev.ID})
	ev, err := d.attributes.event(d.ev.ReceivedAt)
	if err != nil {
		return err
	}
	d.ev.CloudEvent = ev.CloudEvent
	return nil
}

// readData undoes what appendData does.
func readData(field, dataType string, value []byte) ([]byte, error) {
	switch {
	case value == nil:
		return nil, nil
	case IsJSON(dataType):
		return value, nil
	}
	text, ok := JSONText(value)
	if !ok {
		return nil, Errorf(Invalid, "%s: not accepted with the type %s: want a string", field, Quote(dataType))
	}
	if IsForm(dataType) {
		return text, nil
	}
	data, err := base64.StdEncoding.AppendDecode(nil, text)
	if err != nil {
		return nil, Errorf(Invalid, "%s: not valid base64, as which data of type %s is written", field, Quote(dataType))
	}
	return data, nil
}

func jsonString(field string, value []byte) (string, error) {
	text, ok := JSONText(value)
	if !ok {
		return "", Errorf(Invalid, "%s: not accepted: want a string", field)
	}
	return string(text), nil
}

// jsonStrings reads a string, or a list of strings.
func jsonStrings(field string, value []byte) ([]string, error) {
	if value[0] != '[' {
		text, err := jsonString(field, value)
		return []string{text}, err
	}
	list := []string{}
	for element := range JSONElements(value) {
		text, err := jsonString(fmt.Sprintf("%s[%d]", field, len(list)), element)
		if err != nil {
			return nil, err
		}
		list = append(list, text)
	}
	return list, nil
}
