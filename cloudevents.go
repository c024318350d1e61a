package eventgateway

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	// TypeCloudEvent is the MIME type of a structured CloudEvent in JSON.
	TypeCloudEvent = "application/cloudevents+json"
	// TypeCloudEventBatch is the MIME type of a batch of them.
	TypeCloudEventBatch = "application/cloudevents-batch+json"
	// SourceGateway is the source of events that came in as no CloudEvent.
	SourceGateway = "urn:eventgateway"
)

const (
	cloudEventsVersion = "1.0"
	// timeLayout is RFC 3339 to the millisecond, which is as fine as receivedAt is.
	timeLayout = "2006-01-02T15:04:05.000Z07:00"
)

func (ev *Event) source() string {
	if ev.CloudEvent != nil {
		return ev.CloudEvent.Source
	}
	return SourceGateway
}

// time is when the event happened, or where nobody said, when it was received.
func (ev *Event) time() string {
	if ev.CloudEvent != nil && ev.CloudEvent.Time != "" {
		return ev.CloudEvent.Time
	}
	return ev.ReceivedAt.UTC().Format(timeLayout)
}

// appendCloudEvent writes a structured CloudEvent.
func (ev *Event) appendCloudEvent(buf []byte, params PathParams) []byte {
	buf = slices.Grow(buf, ev.sizeHint())
	buf = append(buf, `{"specversion":"`+cloudEventsVersion+`","id":`...)
	buf = AppendJSONString(buf, ev.ID)
	buf = appendText(buf, "source", ev.source())
	buf = appendText(buf, "type", ev.Type)
	buf = appendText(buf, "time", ev.time())
	if ce := ev.CloudEvent; ce != nil {
		buf = appendText(buf, "subject", ce.Subject)
		buf = appendText(buf, "dataschema", ce.DataSchema)
		if len(ce.Extensions) > 0 {
			buf = append(buf, ',')
			buf = ce.appendExtensions(buf)
		}
	}
	buf = appendText(buf, authorizationExtension, string(ev.Authorization))
	buf = appendText(buf, schemaViolationExtension, ev.SchemaViolation)
	buf = appendText(buf, "datacontenttype", ev.dataType())
	switch {
	case ev.HTTP != nil:
		buf = append(buf, `,"data":`...)
		buf = ev.appendHTTP(buf, params)
	case len(ev.Data) == 0:
	case IsJSON(ev.DataType):
		buf = append(buf, `,"data":`...)
		buf = append(buf, ev.Data...)
	case isText(ev.DataType) && utf8.Valid(ev.Data):
		buf = append(buf, `,"data":`...)
		buf = AppendJSONString(buf, ev.Data)
	default:
		buf = append(buf, `,"data_base64":`...)
		buf = appendBase64(buf, ev.Data)
	}
	return append(buf, '}')
}

// isText reports whether data of this MIME type reads better as a string than as base64.
func isText(dataType string) bool {
	t := strings.ToLower(MediaType(dataType))
	return strings.HasPrefix(t, "text/") || strings.HasSuffix(t, "/xml") || strings.HasSuffix(t, "+xml") || IsForm(t)
}

// cloudEventHeader returns the attributes as the headers of binary mode.
func (ev *Event) cloudEventHeader() http.Header {
	h := http.Header{
		"Ce-Specversion": {cloudEventsVersion},
		"Ce-Id":          {EscapeHeaderValue(ev.ID)},
		"Ce-Source":      {EscapeHeaderValue(ev.source())},
		"Ce-Type":        {EscapeHeaderValue(ev.Type)},
		"Ce-Time":        {EscapeHeaderValue(ev.time())},
	}
	ev.setFindings(h)
	ce := ev.CloudEvent
	if ce == nil {
		return h
	}
	if ce.Subject != "" {
		h["Ce-Subject"] = []string{EscapeHeaderValue(ce.Subject)}
	}
	if ce.DataSchema != "" {
		h["Ce-Dataschema"] = []string{EscapeHeaderValue(ce.DataSchema)}
	}
	for name, value := range ce.Extensions {
		h.Set("ce-"+name, EscapeHeaderValue(extensionText(value)))
	}
	return h
}

// extensionText is the canonical string form of an extension's value.
func extensionText(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case int32:
		return strconv.FormatInt(int64(v), 10)
	}
	return ""
}

// appendExtensions writes the extensions as members of an object, in the order of their names.
func (ce *CloudEventAttributes) appendExtensions(buf []byte) []byte {
	for i, name := range sortedKeys(make([]string, 0, 16), ce.Extensions) {
		buf = appendComma(buf, i)
		buf = AppendJSONString(buf, name)
		buf = append(buf, ':')
		switch v := ce.Extensions[name].(type) {
		case bool:
			buf = strconv.AppendBool(buf, v)
		case int32:
			buf = strconv.AppendInt(buf, int64(v), 10)
		default:
			buf = AppendJSONString(buf, extensionText(v))
		}
	}
	return buf
}
