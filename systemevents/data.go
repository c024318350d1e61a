package systemevents

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/delivery"
	"github.com/eventgateway/eventgateway/providers"
)

// appendReceived writes the data of gateway.event.received. Headers are those of the request, as http events have them.
func appendReceived(buf []byte, ev *eventgateway.Event, path string, header http.Header) []byte {
	buf = appendEvent(buf, `{"event":`, ev, nil)
	buf = append(buf, `,"path":`...)
	buf = eventgateway.AppendJSONString(buf, path)
	buf = append(buf, `,"headers":{`...)
	for i, name := range slices.Sorted(maps.Keys(header)) {
		if i > 0 {
			buf = append(buf, ',')
		}
		buf = eventgateway.AppendJSONString(buf, name)
		buf = append(buf, ':')
		buf = eventgateway.AppendJSONString(buf, strings.Join(header[name], ", "))
	}
	return append(buf, "}}"...)
}

// appendCall begins the data of the events about a call of a function.
func appendCall(buf []byte, call delivery.Invocation) []byte {
	buf = append(buf, `{"space":`...)
	buf = eventgateway.AppendJSONString(buf, call.Function.Space)
	buf = appendEvent(buf, `,"event":`, call.Event, call.Params)
	buf = append(buf, `,"functionId":`...)
	return eventgateway.AppendJSONString(buf, call.Function.ID)
}

// appendEvent writes an event in the gateway's own schema.
func appendEvent(buf []byte, before string, ev *eventgateway.Event, params eventgateway.PathParams) []byte {
	return ev.Encode(append(buf, before...), eventgateway.FormatEvent, params).Payload
}

// appendResult writes what a function answered: JSON as it came, text as a string, anything else as base64. The type that the
// answer says it has is no help: where a function says nothing, its host often guesses, and calls JSON text.
func appendResult(buf []byte, result *providers.Result) []byte {
	buf = append(buf, `,"result":`...)
	body := result.Body
	switch {
	case eventgateway.ValidateJSON("result", body) == nil:
		return append(buf, body...)
	case utf8.Valid(body):
		return eventgateway.AppendJSONString(buf, body)
	}
	buf = append(slices.Grow(buf, base64.StdEncoding.EncodedLen(len(body))+3), '"')
	buf = base64.StdEncoding.AppendEncode(buf, body)
	return append(buf, '"')
}

// appendRetreat writes the data of gateway.function.retreated.
func appendRetreat(buf []byte, r *eventgateway.Retreat) []byte {
	doc, err := json.Marshal(r)
	if err != nil { // a year beyond 9999
		return append(buf, "{}"...)
	}
	return append(buf, doc...)
}

// appendError writes why a call failed: what the sender of a synchronous event is told too, without payload and credentials.
func appendError(buf []byte, err error) []byte {
	message := "the call failed"
	if e, ok := errors.AsType[*providers.Error](err); ok {
		message = e.Message
	}
	buf = append(buf, `,"error":`...)
	return eventgateway.AppendJSONString(buf, message)
}
