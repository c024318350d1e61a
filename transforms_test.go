package eventgateway_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway"
)

func TestExpressionsOfASubscription(t *testing.T) {
	long := strings.Repeat("x", eventgateway.MaxExpressionLength+1)
	many := map[string]string{}
	for i := range eventgateway.MaxTransformHeaders + 1 {
		many[fmt.Sprint("X-", i)] = "1"
	}
	header := func(name, value string) eventgateway.Subscription {
		return eventgateway.Subscription{Transforms: eventgateway.Transforms{Headers: map[string]string{name: value}}}
	}
	for _, test := range []struct {
		name  string
		given eventgateway.Subscription
		want  string
	}{
		{"nothing", eventgateway.Subscription{}, ""},
		{"all", eventgateway.Subscription{Filter: "true", Transforms: eventgateway.Transforms{
			Transform: "data", ResponseTransform: "response.data", Headers: map[string]string{"X-A": "event.id", "content-type": "'a/b'"},
		}}, ""},
		{"a pattern", eventgateway.Subscription{Pattern: json.RawMessage(`{"a":["b"]}`)}, ""},
		{
			"both",
			eventgateway.Subscription{Filter: "true", Pattern: json.RawMessage(`{}`)},
			"pattern: not accepted beside filter: want one of them",
		},
		{"a long filter", eventgateway.Subscription{Filter: long}, "filter: 8193 bytes are not accepted: want at most 8192"},
		{
			"a long transform",
			eventgateway.Subscription{Transforms: eventgateway.Transforms{Transform: long}},
			"transform: 8193 bytes are not accepted: want at most 8192",
		},
		{
			"a long response transform",
			eventgateway.Subscription{Transforms: eventgateway.Transforms{ResponseTransform: long}},
			"responseTransform: 8193 bytes are not accepted: want at most 8192",
		},
		{"a long header", header("X-A", long), "headers.X-A: 8193 bytes are not accepted: want at most 8192"},
		{"an empty header", header("X-A", ""), "headers.X-A: empty: want a CEL expression"},
		{"no UTF-8", header("X-A", "\xff"), "headers.X-A: not valid UTF-8: want a CEL expression"},
		{"no header name", header("X A", "1"), `headers: "X A" is not accepted: want an HTTP header name`},
		{"no name at all", header("", "1"), `headers: "" is not accepted: want an HTTP header name`},
		{"a line break", header("X-A\r\nX-B", "1"), `headers: "X-A\r\nX-B" is not accepted: want an HTTP header name`},
		{
			"a header of the message", header("content-length", "1"),
			"headers.content-length: this header is set by the gateway itself: want it left out",
		},
		{
			"a header of the gateway's own", header("event-gateway-attempt", "1"),
			"headers.event-gateway-attempt: only the gateway itself sets headers that start with Event-Gateway-: want another name",
		},
		{"the host", header("Host", "'h'"), "headers.Host: this header is set by the gateway itself: want it left out"},
		{
			"a header twice",
			eventgateway.Subscription{Transforms: eventgateway.Transforms{Headers: map[string]string{"X-A": "1", "x-a": "2"}}},
			"headers.x-a: the header is given twice: want it once",
		},
		{
			"many headers",
			eventgateway.Subscription{Transforms: eventgateway.Transforms{Headers: many}},
			"headers: 33 entries are not accepted: want at most 32",
		},
		{
			"an answer nobody waits for",
			eventgateway.Subscription{Type: "async", Transforms: eventgateway.Transforms{ResponseTransform: "1"}},
			`responseTransform: not accepted for type "async": want it only for sync, where somebody waits for the answer`,
		},
	} {
		s := test.given
		s.Event, s.FunctionID, s.Method = "http", "f", "GET"
		s.Normalize()
		wantError(t, test.name, s.Validate(), test.want)
	}
}

func TestSubscriptionWithExpressionsJSON(t *testing.T) {
	s := eventgateway.Subscription{
		Event: "e", FunctionID: "f", Type: "sync", Pattern: json.RawMessage(`{"a":["b"]}`),
		Transforms: eventgateway.Transforms{Transform: "data", ResponseTransform: "response", Headers: map[string]string{"X-A": "'1'"}},
	}
	s.Normalize()
	written, err := json.Marshal(s)
	want := `{"space":"default","subscriptionId":"` + s.ID + `","type":"sync","event":"e","functionId":"f","method":"POST","path":"/",` +
		`"pattern":{"a":["b"]},"transform":"data","responseTransform":"response","headers":{"X-A":"'1'"}}`
	if err != nil || string(written) != want {
		t.Errorf("got %s, %v, want %s", written, err, want)
	}
	var again eventgateway.Subscription
	if err := json.Unmarshal(written, &again); err != nil || !reflect.DeepEqual(again, s) {
		t.Errorf("read %+v, %v, want %+v", again, err, s)
	}
}
