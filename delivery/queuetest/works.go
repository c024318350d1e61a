package queuetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/delivery"
)

// receivedAt is a time to the nanosecond, near enough that nothing is too old.
var receivedAt = time.Now().Add(-time.Second).Round(time.Second).Add(123_456_789)

// work returns a small one, the same for the same ID.
func work(id string) *delivery.Work {
	return &delivery.Work{
		Event: &eventgateway.Event{
			Type: "user.created", ID: id, ReceivedAt: receivedAt, DataType: eventgateway.TypeJSON, Data: []byte(`{"id":"` + id + `"}`),
		},
		Owed: []delivery.Owed{{Target: delivery.Target{Space: "default", SubscriptionID: "sub", FunctionID: "fn"}}},
	}
}

func works(ids ...string) (list []*delivery.Work) {
	for _, id := range ids {
		list = append(list, work(id))
	}
	return list
}

func numbered(prefix string, n int) (ids []string) {
	for i := range n {
		ids = append(ids, fmt.Sprintf("%s-%d", prefix, i))
	}
	return ids
}

// events returns one of every kind, by name. Each call makes them anew, the same.
func events() map[string]*eventgateway.Event {
	binary := make([]byte, 256)
	for i := range binary {
		binary[i] = byte(i)
	}
	event := func(dataType string, data []byte) *eventgateway.Event {
		return &eventgateway.Event{Type: "user.created", ReceivedAt: receivedAt, DataType: dataType, Data: data}
	}
	full := event(eventgateway.TypeJSON, []byte(`{"customer":"Zoë","n":[1,2.50,1e400]}`))
	full.CloudEvent = &eventgateway.CloudEventAttributes{
		Source: "urn:shop:orders", Subject: "orders/ü/7", Time: "2026-01-02T03:04:05.678901234+05:45", DataSchema: "https://schemas/1",
		Extensions: map[string]any{
			"tenant": "a \"quoted\" name", "sampled": true, "dropped": false, "shard": int32(-2147483648), "zero": int32(0), "empty": "",
		},
	}
	full.Depth, full.Cause = 15, "what \"caused\" it ü"
	full.Trace = eventgateway.TraceContext{
		Parent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", State: "eventgateway=d:15,vendor=a b",
	}
	full.Authorization = json.RawMessage(`{"principalId":"ü","context":{"n":1.0}}`)
	full.SchemaViolation = "/customer: want a number, as \"ü\""
	bare := event("", nil)
	bare.CloudEvent = &eventgateway.CloudEventAttributes{Source: "/"}
	request := event("application/x-www-form-urlencoded", []byte("a=1&b=%20"))
	request.Type = eventgateway.EventHTTP
	request.HTTP = &eventgateway.HTTPRequest{
		Path: "/users/ü/files", Method: "PUT", Host: "shop.example:8443",
		Header:  http.Header{"Accept": {"a", "b"}, "X-Empty": {""}, "X-Latin": {"caf\xe9"}, "Cookie": {"k=v; l=w"}},
		Query:   url.Values{"q": {"1", "", "ü"}, "flag": {""}},
		RawPath: "/users/%c3%bc/files", RawQuery: "q=1&q&q=%C3%BC&flag", Protocol: "HTTP/2.0", Scheme: "https", ClientIP: "2001:db8::7",
	}
	bareRequest := event("", []byte{})
	bareRequest.Type = eventgateway.EventHTTP
	bareRequest.HTTP = &eventgateway.HTTPRequest{Path: "/", Method: "GET"}
	kinds := map[string]*eventgateway.Event{
		"json":           event(eventgateway.TypeJSON, []byte(" {\"a\" : 1.0,\r\n\"a\":2}\n")),
		"text":           event("text/plain; charset=latin1", []byte("caf\xe9")),
		"binary":         event("application/octet-stream", binary),
		"empty":          event("application/octet-stream", []byte{}),
		"no data":        event("", nil),
		"one mebibyte":   event("application/octet-stream", bytes.Repeat(binary, 4<<10)),
		"cloudevent":     full,
		"bare cloud":     bare,
		"http":           request,
		"bare http":      bareRequest,
		"strange id":     event("text/plain", []byte("x")),
		"strange type":   event("text/plain", []byte("x")),
		"strange params": event("text/plain", []byte("x")),
	}
	for name, ev := range kinds {
		ev.ID = "event " + name
	}
	kinds["strange id"].ID = "a/b c\n\"ü\" 漢字 \U0001f600 ; *.>"
	kinds["strange type"].Type = "user.* > \t/ü"
	return kinds
}

// owed returns deliveries in which everything is set, and one in which nothing is.
func owed() []delivery.Owed {
	return []delivery.Owed{
		{
			Target: delivery.Target{
				Space: "team.1-a", SubscriptionID: "5f4dcc3b5aa765d6", FunctionID: "a.function_1",
				Params:      eventgateway.PathParams{{Name: "id", Value: "a/b ü"}, {Name: "rest", Value: ""}, {Name: "raw", Value: "\xff"}},
				OrderingKey: "customer \"7\"\n\xff",
			},
			Attempts: 4, NotBefore: receivedAt.Add(time.Hour + 1), Order: 1<<62 + 7,
		},
		{Target: delivery.Target{Space: "default", SubscriptionID: "sub", FunctionID: "fn"}},
		{
			Target: delivery.Target{Space: "default", SubscriptionID: "sub", FunctionID: "morgue"},
			Dead:   &delivery.DeadNote{Reason: "timeout", Error: "no whole answer from ü in time", FunctionID: "fn", Attempts: 5},
		},
	}
}

// differs returns how a work differs from what it should be; "" when it does not. An empty list or map is as good as none.
func differs(got, want *delivery.Work) string {
	switch {
	case got.Key != want.Key:
		return fmt.Sprintf("the key is %q, want %q", got.Key, want.Key)
	case len(got.Owed) != len(want.Owed):
		return fmt.Sprintf("it has %d deliveries, want %d", len(got.Owed), len(want.Owed))
	}
	for i := range got.Owed {
		if how := owedDiffers(&got.Owed[i], &want.Owed[i]); how != "" {
			return fmt.Sprintf("delivery %d: %s", i, how)
		}
	}
	return eventDiffers(got.Event, want.Event)
}

func owedDiffers(got, want *delivery.Owed) string {
	if !got.NotBefore.Equal(want.NotBefore) || got.NotBefore.IsZero() != want.NotBefore.IsZero() {
		return fmt.Sprintf("it is not before %s, want %s", got.NotBefore, want.NotBefore)
	}
	a, b := *got, *want
	a.NotBefore, b.NotBefore = time.Time{}, time.Time{}
	if !slices.Equal(a.Params, b.Params) {
		return fmt.Sprintf("the parameters are %q, want %q", a.Params, b.Params)
	}
	a.Params, b.Params = nil, nil
	if !reflect.DeepEqual(a, b) {
		return fmt.Sprintf("it is %s, want %s", show(a), show(b))
	}
	return ""
}

func eventDiffers(got, want *eventgateway.Event) string {
	switch {
	case !got.ReceivedAt.Equal(want.ReceivedAt):
		return fmt.Sprintf("it was received at %s, want %s", got.ReceivedAt, want.ReceivedAt)
	case !bytes.Equal(got.Data, want.Data):
		return fmt.Sprintf("the data is %.80q (%d bytes), want %.80q (%d bytes)", got.Data, len(got.Data), want.Data, len(want.Data))
	}
	a, b := plain(got), plain(want)
	if !reflect.DeepEqual(a, b) {
		return fmt.Sprintf("the event is %s, want %s", show(a), show(b))
	}
	return ""
}

// plain returns a copy of an event without what was compared already, and with nothing that is empty but not nil.
func plain(ev *eventgateway.Event) eventgateway.Event {
	c := *ev
	c.ReceivedAt, c.Data = time.Time{}, nil
	if ce := c.CloudEvent; ce != nil {
		attributes := *ce
		attributes.Extensions = maps.Clone(ce.Extensions)
		if len(attributes.Extensions) == 0 {
			attributes.Extensions = nil
		}
		c.CloudEvent = &attributes
	}
	if r := c.HTTP; r != nil {
		request := *r
		if len(request.Header) == 0 {
			request.Header = nil
		}
		if len(request.Query) == 0 {
			request.Query = nil
		}
		c.HTTP = &request
	}
	return c
}

// show writes a value out for a message, with the types of what is in maps.
func show(value any) string {
	text, err := json.Marshal(value)
	if ev, ok := value.(eventgateway.Event); ok && ev.CloudEvent != nil {
		text = fmt.Appendf(text, " %#v", ev.CloudEvent.Extensions)
	}
	if err != nil {
		return fmt.Sprintf("%+v", value)
	}
	return string(text)
}
