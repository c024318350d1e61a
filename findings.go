package eventgateway

import (
	"net/http"
	"strings"
)

// What the gateway itself found out about an event stands among its extensions: in its own schema as
// extensions.eventgateway.authorization and .schemaViolation, in the formats of CloudEvents, whose extensions have no
// members, as two of them.
const (
	// ownExtension is the member of extensions, and how the names of extensions begin that only the gateway gives. What a
	// sender writes under such names is left out: functions rely on it.
	ownExtension = "eventgateway"

	authorizationExtension   = ownExtension + "authorization"
	schemaViolationExtension = ownExtension + "schemaviolation"
)

// isOwnExtension reports whether only the gateway gives an extension.
func isOwnExtension(name string) bool { return strings.HasPrefix(name, ownExtension) }

func (ev *Event) hasFindings() bool { return len(ev.Authorization) > 0 || ev.SchemaViolation != "" }

// appendFindings writes them as a member of the gateway's own schema.
func (ev *Event) appendFindings(buf []byte) []byte {
	buf = append(buf, `"`+ownExtension+`":{`...)
	if len(ev.Authorization) > 0 {
		buf = append(buf, `"authorization":`...)
		buf = append(buf, ev.Authorization...)
	}
	if ev.SchemaViolation != "" {
		buf = appendComma(buf, len(ev.Authorization))
		buf = append(buf, `"schemaViolation":`...)
		buf = AppendJSONString(buf, ev.SchemaViolation)
	}
	return append(buf, '}')
}

// setFindings sets them as headers of a CloudEvent in binary mode.
func (ev *Event) setFindings(h http.Header) {
	if len(ev.Authorization) > 0 {
		h["Ce-Eventgatewayauthorization"] = []string{EscapeHeaderValue(string(ev.Authorization))}
	}
	if ev.SchemaViolation != "" {
		h["Ce-Eventgatewayschemaviolation"] = []string{EscapeHeaderValue(ev.SchemaViolation)}
	}
}

// readFindings reads back what appendFindings writes.
func (ev *Event) readFindings(at string, object []byte) error {
	return members(at, object, func(name, at string, value []byte) (err error) {
		switch name {
		case "authorization":
			if value[0] != '{' {
				return Errorf(Invalid, "%s: not accepted: want a JSON object", at)
			}
			ev.Authorization = value
		case "schemaViolation":
			ev.SchemaViolation, err = jsonString(at, value)
		default:
			err = Errorf(Invalid, "unknown field %s: want only authorization, schemaViolation", at)
		}
		return err
	})
}

// readFindingExtensions reads back those of them that stand in a structured CloudEvent.
func (ev *Event) readFindingExtensions(field string, object []byte) error {
	for rawName, value := range JSONMembers(object) {
		if value[0] == 'n' { // null is as good as absent
			continue
		}
		name, _ := JSONText(rawName)
		at := field + "." + string(name)
		switch string(name) {
		case authorizationExtension:
			text, err := jsonString(at, value)
			if err == nil {
				err = ValidateJSON(at, []byte(text))
			}
			if err != nil {
				return err
			}
			ev.Authorization = []byte(text)
		case schemaViolationExtension:
			var err error
			if ev.SchemaViolation, err = jsonString(at, value); err != nil {
				return err
			}
		}
	}
	return nil
}
