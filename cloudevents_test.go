package eventgateway_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway"
)

// TestCloudEventsSurviveEncoding sends an event through both CloudEvents formats and expects the same event back.
func TestCloudEventsSurviveEncoding(t *testing.T) {
	for _, ev := range []*eventgateway.Event{
		cloudEvent("application/json", `{"a":1}`), cloudEvent("text/plain", "x"), cloudEvent("image/png", "\x89PNG"),
		cloudEvent("text/plain", ""),
	} {
		structured := ev.Encode(nil, eventgateway.FormatCloudEvents, nil)
		got, err := eventgateway.ParseCloudEvent(structured.Payload, receivedAt)
		if err != nil {
			t.Fatal(err)
		}
		sameEvent(t, got, ev, ev.CloudEvent.Extensions)

		bin := ev.Encode(nil, eventgateway.FormatCloudEventsBinary, nil)
		bin.Header.Set("Content-Type", bin.ContentType)
		if got, err = eventgateway.ParseCloudEventHeader(bin.Header, bin.Payload, receivedAt); err != nil {
			t.Fatal(err)
		}
		sameEvent(t, got, ev, map[string]any{"traceparent": "00-1-2-01", "sampled": "true", "sequence": "-7"}) // headers are strings
	}
}

// TestOwnExtensionsAreNotTheSenders leaves out what only the gateway may say, in every form an event can come in.
func TestOwnExtensionsAreNotTheSenders(t *testing.T) {
	authorized := withFindings(cloudEvent("application/json", `{"a":1}`), "it is wrong")
	structured := authorized.Encode(nil, eventgateway.FormatCloudEvents, nil).Payload
	inHeaders := authorized.Encode(nil, eventgateway.FormatCloudEventsBinary, nil)
	inHeaders.Header.Set("Content-Type", inHeaders.ContentType)
	for name, parse := range map[string]func() (*eventgateway.Event, error){
		"structured": func() (*eventgateway.Event, error) { return eventgateway.ParseCloudEvent(structured, receivedAt) },
		"batch": func() (*eventgateway.Event, error) {
			events, err := eventgateway.ParseCloudEventBatch(fmt.Appendf(nil, "[%s]", structured), receivedAt)
			if err != nil {
				return nil, err
			}
			return events[0], nil
		},
		"binary": func() (*eventgateway.Event, error) {
			return eventgateway.ParseCloudEventHeader(inHeaders.Header, inHeaders.Payload, receivedAt)
		},
		"0.1": func() (*eventgateway.Event, error) {
			return eventgateway.ParseCloudEvent([]byte(`{"cloudEventsVersion":"0.1","eventType":"t","eventID":"1","source":"/s",`+
				`"extensions":{"traceparent":"00-1-2-01","eventgateway":{"authorization":{"principalId":"admin"}}}}`), receivedAt)
		},
	} {
		ev, err := parse()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if ev.Authorization != nil || ev.SchemaViolation != "" {
			t.Errorf("%s: got the authorization %s and the violation %q", name, ev.Authorization, ev.SchemaViolation)
		}
		if ev.CloudEvent.Extensions["traceparent"] != "00-1-2-01" {
			t.Errorf("%s: the extensions are %v", name, ev.CloudEvent.Extensions)
		}
		for _, format := range formats {
			again := ev.Encode(nil, format, nil)
			if text := fmt.Sprintf("%s %v", again.Payload, again.Header); strings.Contains(strings.ToLower(text), "eventgateway") {
				t.Errorf("%s as %s: got %s", name, format, text)
			}
		}
	}
}

func sameEvent(t *testing.T, got, want *eventgateway.Event, extensions map[string]any) {
	t.Helper()
	ce := *want.CloudEvent
	ce.Extensions = extensions
	if ce.Time == "" { // it is passed on as having happened when it was received
		ce.Time = receivedAt.Format("2006-01-02T15:04:05.000Z07:00")
	}
	if got.ID != want.ID || got.Type != want.Type || got.DataType != want.DataType || string(got.Data) != string(want.Data) ||
		!reflect.DeepEqual(got.CloudEvent, &ce) {
		t.Errorf("got  %+v with %+v\nwant %+v with %+v", got, got.CloudEvent, want, ce)
	}
}
