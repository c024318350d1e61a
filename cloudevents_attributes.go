package eventgateway

import (
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// attribute is one context attribute as a sender wrote it.
type attribute struct {
	name string
	// text is the value, unless other holds it as a bool or an int32.
	text  string
	other any
}

// attributes are those of one event, with the words an error puts before their names: "ce-", or "events[3].".
type attributes struct {
	prefix string
	list   []attribute
}

// legacyNames are the attributes CloudEvents 0.1 had under other names, in lower case.
var legacyNames = map[string]string{
	"cloudeventsversion": "specversion",
	"eventtype":          "type",
	"eventid":            "id",
	"eventtime":          "time",
	"schemaurl":          "dataschema",
	"contenttype":        "datacontenttype",
}

// field is what an error calls an attribute.
func (a *attributes) field(name string) string {
	if isToken(name) && len(name) <= 40 {
		return a.prefix + name
	}
	return a.prefix + Quote(name)
}

// modernize gives the attributes of CloudEvents 0.1 the names they have in 1.0. The version of an event type, which 1.0
// dropped, becomes an extension.
func (a *attributes) modernize() error {
	for i := range a.list {
		attr := &a.list[i]
		attr.name = strings.ToLower(attr.name)
		modern, ok := legacyNames[attr.name]
		if !ok {
			continue
		}
		if modern == "specversion" {
			if attr.text != "0.1" {
				return InvalidField(a.prefix+"cloudEventsVersion", attr.text, `"0.1"; later versions call it specversion`)
			}
			attr.text = cloudEventsVersion
		}
		attr.name = modern
	}
	return nil
}

// event validates the attributes and makes an event of them. The data is the caller's to add.
func (a *attributes) event(receivedAt time.Time) (*Event, error) {
	made := &struct {
		Event
		ce CloudEventAttributes
	}{}
	ev, ce := &made.Event, &made.ce
	ev.CloudEvent, ev.ReceivedAt = ce, receivedAt
	specVersion := ""
	core := [...]coreAttribute{
		{"specversion", &specVersion},
		{"id", &ev.ID},
		{"source", &ce.Source},
		{"type", &ev.Type},
		{"subject", &ce.Subject},
		{"time", &ce.Time},
		{"dataschema", &ce.DataSchema},
		{"datacontenttype", &ev.DataType},
	}
	var seen [len(core)]bool
	for _, attr := range a.list {
		i := slices.IndexFunc(core[:], func(c coreAttribute) bool { return c.name == attr.name })
		if i < 0 {
			if err := a.extend(ce, attr); err != nil {
				return nil, err
			}
			continue
		}
		if seen[i] {
			return nil, Errorf(Invalid, "%s: given twice: want it once", a.prefix+attr.name)
		}
		if attr.other != nil {
			return nil, Errorf(Invalid, "%s: not accepted: want a string", a.prefix+attr.name)
		}
		if err := a.checkText(attr); err != nil {
			return nil, err
		}
		seen[i], *core[i].value = true, attr.text
	}
	return ev, a.validate(ev, specVersion)
}

type coreAttribute struct {
	name  string
	value *string
}

// extend adds an extension attribute.
func (a *attributes) extend(ce *CloudEventAttributes, attr attribute) error {
	if isOwnExtension(attr.name) {
		return nil
	}
	if !validAttributeName(attr.name) {
		return InvalidField(a.prefix+"attribute", attr.name, "a name of 1 to 255 lower-case letters or digits, other than data")
	}
	if _, ok := ce.Extensions[attr.name]; ok {
		return Errorf(Invalid, "%s: given twice: want it once", a.field(attr.name))
	}
	if err := a.checkText(attr); err != nil {
		return err
	}
	if ce.Extensions == nil {
		ce.Extensions = make(map[string]any)
	}
	if attr.other != nil {
		ce.Extensions[attr.name] = attr.other
	} else {
		ce.Extensions[attr.name] = attr.text
	}
	return nil
}

func (a *attributes) checkText(attr attribute) error {
	if !utf8.ValidString(attr.text) || strings.ContainsFunc(attr.text, isControl) {
		return InvalidField(a.field(attr.name), attr.text, "valid UTF-8 without control characters")
	}
	return nil
}

func (a *attributes) validate(ev *Event, specVersion string) error {
	if specVersion != cloudEventsVersion {
		if specVersion == "" {
			return Errorf(Invalid, `%sspecversion: missing: want "1.0"`, a.prefix)
		}
		return InvalidField(a.prefix+"specversion", specVersion, `"1.0", or "0.1" as cloudEventsVersion`)
	}
	ce := ev.CloudEvent
	if ev.ID == "" {
		return Errorf(Invalid, "%sid: missing: want a string that is not empty", a.prefix)
	}
	if ce.Source == "" {
		return Errorf(Invalid, "%ssource: missing: want a URI reference that is not empty", a.prefix)
	}
	if _, err := url.Parse(ce.Source); err != nil {
		return InvalidField(a.prefix+"source", ce.Source, "a URI reference")
	}
	if ev.Type == "" {
		return Errorf(Invalid, "%stype: missing: want the name of an event type", a.prefix)
	}
	if err := ValidateEventName(a.prefix+"type", ev.Type); err != nil {
		return err
	}
	if ce.Time != "" {
		if _, err := time.Parse(time.RFC3339, ce.Time); err != nil {
			return InvalidField(a.prefix+"time", ce.Time, "a time as RFC 3339 has it, such as 2026-01-02T15:04:05Z")
		}
	}
	if ce.DataSchema != "" {
		if u, err := url.Parse(ce.DataSchema); err != nil || !u.IsAbs() {
			return InvalidField(a.prefix+"dataschema", ce.DataSchema, "an absolute URI")
		}
	}
	if ev.DataType != "" {
		return ValidateDataType(a.prefix+"datacontenttype", ev.DataType)
	}
	return nil
}

func isControl(r rune) bool { return r < 0x20 || r >= 0x7f && r < 0xa0 }

// validAttributeName reports whether name can be that of an extension. CloudEvents asks for at most 20 characters, which
// many producers do not keep to.
func validAttributeName(name string) bool {
	if name == "" || len(name) > maxEventNameLength || name == "data" {
		return false
	}
	for i := 0; i < len(name); i++ {
		if c := name[i]; !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9') {
			return false
		}
	}
	return true
}
