package jetstream

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"reflect"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/delivery"
)

// What versions before the fields Depth to SchemaViolation of an event have written to disk.
const (
	recordedWorks = "AQAAAAAAAAADBKMBpgFsdXNlci5jcmVhdGVkAmRpZC0xAxsYeevOPbcNFQRwYXBwbGljYXRpb24vanNvbgVHeyJhIjoxfQalAWIvcwJj" +
		"c3ViA3QyMDI1LTExLTIxVDA0OjQwOjAwWgRldXJuOngFo2FuJmF0YXhhefUCY2tleQOBpwFhcwJlc3ViLTEDYWYFYW8GAgcbGHnrzj23DRUICaIBpgFk" +
		"aHR0cAJkaWQtMgMbGHnrzj23DRUEanRleHQvcGxhaW4FRGJvZHkHpQFkL2EvYgJkUE9TVANhaAShY1gtQYJhMWEyBaFhcYFhdgOBpQFhcwJlc3ViLTID" +
		"YWcEgaIBYmlkAmFiCaQBZ2V4cGlyZWQCYWUDYWYEBQ=="
	recordedLetter = "AaoBYXMCZXN1Yi0xA2FmBKYBbHVzZXIuY3JlYXRlZAJkaWQtMQMbGHnrzj23DRUEcGFwcGxpY2F0aW9uL2pzb24FR3siYSI6MX0GpQFiL3MC" +
		"Y3N1YgN0MjAyNS0xMS0yMVQwNDo0MDowMFoEZXVybjp4BaNhdGF4YXn1YW4mBmFvB2d0aW1lb3V0CGFlCRkB+AoFCxsYeevOPbcNFQ=="
)

// TestRecordedBytesAreReadable reads what is on the disks of gateways that are updated: what they accepted is not lost.
func TestRecordedBytesAreReadable(t *testing.T) {
	at := time.Unix(1763700000, 123456789)
	cloudEvent := &eventgateway.Event{
		Type: "user.created", ID: "id-1", ReceivedAt: at, DataType: eventgateway.TypeJSON, Data: []byte(`{"a":1}`),
		CloudEvent: &eventgateway.CloudEventAttributes{
			Source: "/s", Subject: "sub", Time: "2025-11-21T04:40:00Z", DataSchema: "urn:x",
			Extensions: map[string]any{"n": int32(-7), "t": "x", "y": true},
		},
	}
	request := &eventgateway.Event{
		Type: "http", ID: "id-2", ReceivedAt: at, DataType: "text/plain", Data: []byte("body"),
		HTTP: &eventgateway.HTTPRequest{
			Path: "/a/b", Method: "POST", Host: "h", Header: http.Header{"X-A": {"1", "2"}}, Query: url.Values{"q": {"v"}},
		},
	}
	from, rest, err := readRecordHeader(recorded(t, recordedWorks))
	if err != nil || from != (origin{3, 4}) {
		t.Fatalf("the origin is %v, %v", from, err)
	}
	works, err := decodeWorks(rest)
	if err != nil {
		t.Fatal(err)
	}
	if want := []*delivery.Work{
		{Event: cloudEvent, Key: "key", Owed: []delivery.Owed{{
			Target:   delivery.Target{Space: "s", SubscriptionID: "sub-1", FunctionID: "f", OrderingKey: "o"},
			Attempts: 2, NotBefore: at, Order: 9,
		}}},
		{Event: request, Owed: []delivery.Owed{{
			Target: delivery.Target{
				Space: "s", SubscriptionID: "sub-2", FunctionID: "g", Params: eventgateway.PathParams{{Name: "id", Value: "b"}},
			},
			Dead: &delivery.DeadNote{Reason: "expired", Error: "e", FunctionID: "f", Attempts: 5},
		}}},
	}; !reflect.DeepEqual(works, want) {
		t.Errorf("got %+v, want %+v", works, want)
	}
	letter, err := decodeLetter(recorded(t, recordedLetter))
	if err != nil {
		t.Fatal(err)
	}
	if want := (&delivery.DeadLetter{
		Space: "s", SubscriptionID: "sub-1", FunctionID: "f", Event: cloudEvent, OrderingKey: "o", Reason: "timeout", Error: "e",
		Status: 504, Attempts: 5, At: at,
	}); !reflect.DeepEqual(letter, want) {
		t.Errorf("got %+v, want %+v", letter, want)
	}
}

func recorded(t *testing.T, text string) []byte {
	t.Helper()
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
