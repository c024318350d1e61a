package delivery

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway"
)

// TestCallHeaders covers what a function called while the sender waits is told of the chain.
func TestCallHeaders(t *testing.T) {
	parent := "00-" + strings.Repeat("1", 32) + "-" + strings.Repeat("2", 16) + "-01"
	for _, test := range []struct {
		name   string
		ev     eventgateway.Event
		header http.Header
		want   http.Header
	}{
		{"first", eventgateway.Event{ID: "a b"}, nil, http.Header{
			"Event-Gateway-Depth": {"1"}, "Event-Gateway-Cause": {"a%20b"},
		}},
		{
			"deep, in a trace",
			eventgateway.Event{ID: "7", Depth: 15, Trace: eventgateway.TraceContext{Parent: parent}},
			nil,
			http.Header{
				"Event-Gateway-Depth": {"16"}, "Event-Gateway-Cause": {"7"}, "Traceparent": {parent},
				"Tracestate": {"eventgateway=d:16"},
			},
		},
		{
			"own names are not the subscription's to set",
			eventgateway.Event{ID: "7"},
			http.Header{"Event-Gateway-Depth": {"0"}, "Event-Gateway-Other": {"x"}, "Traceparent": {"mine"}, "X-A": {"1"}},
			http.Header{"Event-Gateway-Depth": {"1"}, "Event-Gateway-Cause": {"7"}, "Traceparent": {"mine"}, "X-A": {"1"}},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := fmt.Sprint(test.header)
			encoded := eventgateway.Encoded{Header: test.header}
			setCallHeaders(&encoded, &test.ev)
			if fmt.Sprint(encoded.Header) != fmt.Sprint(test.want) {
				t.Errorf("got  %v\nwant %v", encoded.Header, test.want)
			}
			if fmt.Sprint(test.header) != before {
				t.Errorf("the header given is now %v", test.header)
			}
		})
	}
}

// TestTraceBegins covers the deliveries of events that are part of no trace.
func TestTraceBegins(t *testing.T) {
	seen := map[string]bool{}
	for _, ev := range []eventgateway.Event{
		{ID: "1"},
		{ID: "2"},
		{},
		{ID: "1", CloudEvent: &eventgateway.CloudEventAttributes{Source: "a"}},
		{ID: "1", CloudEvent: &eventgateway.CloudEventAttributes{Source: "b"}},
		{ID: strings.Repeat("\x00", 1<<10)},
	} {
		parent := traceParentOf(&ev)
		if !eventgateway.ValidTraceParent(parent) || seen[parent] {
			t.Errorf("%q is not valid, or that of another event", parent)
		}
		seen[parent] = true
		if again := traceParentOf(&ev); again != parent {
			t.Errorf("%q becomes %q at the next attempt", parent, again)
		}
	}
}

func BenchmarkCallHeaders(b *testing.B) {
	ev := &eventgateway.Event{ID: "0190163d-8694-739b-aea5-966c26f8ad91"}
	b.ReportAllocs()
	for b.Loop() {
		encoded := eventgateway.Encoded{}
		setCallHeaders(&encoded, ev)
	}
}
