package eventgateway

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"unicode/utf8"
)

// Encoded is an event as one function gets it.
type Encoded struct {
	// Payload is what the function receives.
	Payload []byte
	// ContentType is the MIME type of Payload. Never empty.
	ContentType string
	// Header are the CloudEvents attributes of FormatCloudEventsBinary; nil for other formats.
	Header http.Header
}

// Encode is EncodeRoute for an event that came by a path of which no more than the matched parameters is known.
func (ev *Event) Encode(buf []byte, f Format, params PathParams) Encoded {
	return ev.EncodeRoute(buf, f, Route{Params: params})
}

// EncodeRoute writes ev in format f for a subscription that it came to by route. The payload is appended to buf, which may
// be nil. The data of an http event is, in every format but those of API Gateway, the JSON object that describes its request.
// An event that is no http event is written in FormatEvent where f is for http events only.
func (ev *Event) EncodeRoute(buf []byte, f Format, route Route) Encoded {
	params := route.Params
	if ev.HTTP == nil && f.OnlyHTTP() {
		f = FormatEvent
	}
	switch f {
	case FormatAPIGatewayV1:
		return Encoded{Payload: newGatewayRequest(ev, route).appendV1(buf), ContentType: TypeJSON}
	case FormatAPIGatewayV2:
		return Encoded{Payload: newGatewayRequest(ev, route).appendV2(buf), ContentType: TypeJSON}
	case FormatCloudEvents:
		return Encoded{Payload: ev.appendCloudEvent(buf, params), ContentType: TypeCloudEvent}
	case FormatCloudEventsBinary:
		return Encoded{Payload: ev.appendRaw(buf, params), ContentType: ev.dataType(), Header: ev.cloudEventHeader()}
	case FormatRaw:
		return Encoded{Payload: ev.appendRaw(buf, params), ContentType: ev.dataType()}
	default:
		return Encoded{Payload: ev.appendEvent(buf, params), ContentType: TypeJSON}
	}
}

// dataType is the MIME type of the event's data: of the object that describes the request where ev is an http event,
// whatever type the request's body has.
func (ev *Event) dataType() string {
	switch {
	case ev.HTTP != nil:
		return TypeJSON
	case ev.DataType == "":
		return TypeOctetStream
	default:
		return ev.DataType
	}
}

// appendEvent writes the gateway's own schema.
func (ev *Event) appendEvent(buf []byte, params PathParams) []byte {
	buf = slices.Grow(buf, ev.sizeHint())
	buf = append(buf, `{"event":`...)
	buf = AppendJSONString(buf, ev.Type)
	buf = append(buf, `,"id":`...)
	buf = AppendJSONString(buf, ev.ID)
	buf = append(buf, `,"receivedAt":`...)
	buf = strconv.AppendInt(buf, ev.ReceivedAt.UnixMilli(), 10)
	buf = append(buf, `,"data":`...)
	if ev.HTTP != nil {
		buf = ev.appendHTTP(buf, params)
	} else {
		buf = appendData(buf, ev.DataType, ev.Data)
	}
	buf = append(buf, `,"dataType":`...)
	buf = AppendJSONString(buf, ev.dataType())
	if ce := ev.CloudEvent; ce != nil {
		buf = appendText(buf, "source", ce.Source)
		buf = appendText(buf, "subject", ce.Subject)
		buf = appendText(buf, "time", ce.Time)
		buf = appendText(buf, "dataschema", ce.DataSchema)
		if len(ce.Extensions) > 0 {
			buf = append(buf, `,"extensions":{`...)
			buf = ce.appendExtensions(buf)
			if ev.hasFindings() {
				buf = append(buf, ',')
				buf = ev.appendFindings(buf)
			}
			return append(buf, "}}"...)
		}
	}
	if ev.hasFindings() {
		buf = append(buf, `,"extensions":{`...)
		buf = ev.appendFindings(buf)
		buf = append(buf, '}')
	}
	return append(buf, '}')
}

// sizeHint guesses the length of the encoded event, so that buffers seldom grow.
func (ev *Event) sizeHint() int {
	const envelope = 256
	n := envelope + len(ev.Type) + len(ev.ID) + len(ev.Data)
	if !IsJSON(ev.DataType) {
		n += len(ev.Data) / 3
	}
	if ev.HTTP != nil {
		n += len(ev.HTTP.Path) + 64*len(ev.HTTP.Header)
	}
	if ev.hasFindings() {
		n += 128 + len(ev.Authorization) + len(ev.SchemaViolation)
	}
	return n
}

// appendHTTP writes the data of an http event. Headers and query parameters are sorted by name, so that equal requests
// make equal payloads.
func (ev *Event) appendHTTP(buf []byte, params PathParams) []byte {
	r := ev.HTTP
	buf = append(buf, `{"path":`...)
	buf = AppendJSONString(buf, r.Path)
	buf = append(buf, `,"method":`...)
	buf = AppendJSONString(buf, r.Method)
	buf = append(buf, `,"headers":{`...)
	names := make([]string, 0, 32)
	for i, name := range sortedKeys(names, r.Header) {
		buf = appendComma(buf, i)
		buf = AppendJSONString(buf, name)
		buf = append(buf, ':')
		buf = appendJoined(buf, r.Header[name], ", ")
	}
	buf = append(buf, `},"host":`...)
	buf = AppendJSONString(buf, r.Host)
	buf = append(buf, `,"query":{`...)
	for i, name := range sortedKeys(names, r.Query) {
		buf = appendComma(buf, i)
		buf = AppendJSONString(buf, name)
		buf = append(buf, ":["...)
		for j, value := range r.Query[name] {
			buf = appendComma(buf, j)
			buf = AppendJSONString(buf, value)
		}
		buf = append(buf, ']')
	}
	buf = append(buf, `},"params":{`...)
	for i, p := range params {
		buf = appendComma(buf, i)
		buf = AppendJSONString(buf, p.Name)
		buf = append(buf, ':')
		buf = AppendJSONString(buf, p.Value)
	}
	buf = append(buf, `},"body":`...)
	buf = appendData(buf, ev.DataType, ev.Data)
	return append(buf, '}')
}

// appendData writes data as the event schema has it: JSON as it came, forms as a string, anything else as base64. A form
// that is not valid UTF-8, such as one with a file in it, would not survive as a string and becomes base64 too.
func appendData(buf []byte, dataType string, data []byte) []byte {
	switch {
	case IsJSON(dataType):
		if len(data) == 0 {
			return append(buf, "null"...)
		}
		return append(buf, data...)
	case IsForm(dataType) && utf8.Valid(data):
		return AppendJSONString(buf, data)
	default:
		return appendBase64(buf, data)
	}
}

// appendRaw writes the data alone.
func (ev *Event) appendRaw(buf []byte, params PathParams) []byte {
	if ev.HTTP != nil {
		return ev.appendHTTP(slices.Grow(buf, ev.sizeHint()), params)
	}
	return append(buf, ev.Data...)
}

func appendBase64(buf, data []byte) []byte {
	buf = append(buf, '"')
	buf = base64.StdEncoding.AppendEncode(buf, data)
	return append(buf, '"')
}

// appendText writes a further member of an object, unless it is empty.
func appendText(buf []byte, name, value string) []byte {
	if value == "" {
		return buf
	}
	buf = append(buf, `,"`...)
	buf = append(buf, name...)
	buf = append(buf, `":`...)
	return AppendJSONString(buf, value)
}

// appendJoined writes a header's or query parameter's values as one string.
func appendJoined(buf []byte, values []string, separator string) []byte {
	buf = append(buf, '"')
	for i, value := range values {
		if i > 0 {
			buf = append(buf, separator...)
		}
		buf = appendEscaped(buf, value)
	}
	return append(buf, '"')
}

func appendComma(buf []byte, i int) []byte {
	if i > 0 {
		return append(buf, ',')
	}
	return buf
}

// sortedKeys returns m's keys in order, in the memory of keys where that is enough.
func sortedKeys[V any](keys []string, m map[string]V) []string {
	keys = keys[:0]
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
