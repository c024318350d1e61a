package azureeventgrid

import (
	"bytes"
	"strconv"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
)

// document returns the CloudEvent that is published. One that the call brings goes out as it is. Else it has the attributes of
// the event, and as data what the call brings: what the subscription's transform made, or the data in the function's format.
// The gateway's own schema, which is the default format, is not put into a second envelope: its data is the data.
func document(call *providers.Call) []byte {
	if eventgateway.MediaType(call.ContentType) == eventgateway.TypeCloudEvent {
		return call.Payload
	}
	ev := *call.Event
	if data, ok := dataOf(call); !ok {
		ev.HTTP, ev.Data, ev.DataType = nil, call.Payload, call.ContentType
	} else if ev.HTTP != nil { // as it is in the payload, with the parameters of the subscription's path
		ev.HTTP, ev.Data, ev.DataType = nil, data, eventgateway.TypeJSON
	}
	return ev.Encode(nil, eventgateway.FormatCloudEvents, nil).Payload
}

// dataOf returns the data in a payload that is the event in the gateway's own schema, and whether it is one.
func dataOf(call *providers.Call) ([]byte, bool) {
	if !bytes.HasPrefix(call.Payload, ownSchema(call.Event)) {
		return nil, false
	}
	for name, value := range eventgateway.JSONMembers(call.Payload) {
		if string(name) == `"data"` {
			return value, true
		}
	}
	return nil, false
}

// ownSchema is how an event begins in eventgateway.FormatEvent. No transform writes that by chance: the id is in it.
func ownSchema(ev *eventgateway.Event) []byte {
	begin := append(make([]byte, 0, 128), `{"event":`...)
	begin = eventgateway.AppendJSONString(begin, ev.Type)
	begin = append(begin, `,"id":`...)
	begin = eventgateway.AppendJSONString(begin, ev.ID)
	begin = append(begin, `,"receivedAt":`...)
	begin = strconv.AppendInt(begin, ev.ReceivedAt.UnixMilli(), 10)
	return append(begin, `,"data":`...)
}
