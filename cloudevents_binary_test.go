package eventgateway_test

import (
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway"
)

// header makes headers of pairs.
func header(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Add(pairs[i], pairs[i+1])
	}
	return h
}

func binary(more ...string) http.Header {
	return header(append([]string{"ce-specversion", "1.0", "ce-id", "1", "ce-source", "/s", "ce-type", "t"}, more...)...)
}

func TestParseCloudEventHeader(t *testing.T) {
	h := binary("Content-Type", "application/json", "ce-subject", "Euro%20%E2%82%AC%20%22%25", "ce-ext", `"a \"b\" c"`, "ce-raw",
		"é",
		"ce-time", "2026-01-02T15:04:05Z", "ce-dataschema", "urn:x", "X-Other", "y")
	ev, err := eventgateway.ParseCloudEventHeader(h, []byte(`{}`), receivedAt)
	if err != nil {
		t.Fatal(err)
	}
	want := &eventgateway.CloudEventAttributes{
		Source: "/s", Subject: `Euro € "%`, Time: "2026-01-02T15:04:05Z", DataSchema: "urn:x",
		Extensions: map[string]any{"ext": `a "b" c`, "raw": "é"},
	}
	if !reflect.DeepEqual(ev.CloudEvent, want) || ev.Type != "t" || ev.ID != "1" || ev.DataType != "application/json" ||
		string(ev.Data) != "{}" {
		t.Errorf("got %+v with %+v, want %+v", ev, ev.CloudEvent, want)
	}
	legacy := header("ce-cloudeventsversion", "0.1", "ce-eventtype", "t", "ce-eventid", "1", "ce-source", "/s", "ce-x-myext", "v")
	ev, err = eventgateway.ParseCloudEventHeader(legacy, nil, receivedAt)
	if err != nil || ev.Type != "t" || ev.ID != "1" || ev.DataType != "application/octet-stream" ||
		ev.CloudEvent.Extensions["myext"] != "v" {
		t.Errorf("version 0.1: got %+v, %v", ev, err)
	}
}

func TestParseCloudEventHeaderRefuses(t *testing.T) {
	for _, test := range []struct {
		name   string
		header http.Header
		want   string
	}{
		{"no version", header("ce-id", "1", "ce-source", "/s", "ce-type", "t"), `ce-specversion: missing: want "1.0"`},
		{"no id", header("ce-specversion", "1.0", "ce-source", "/s", "ce-type", "t"), "ce-id: missing"},
		{"an id twice", binary("ce-id", "2"), "ce-id: given 2 times: want it once"},
		{"half an escape", binary("ce-subject", "100%"), `ce-subject: "100%" is not accepted: want UTF-8, percent-encoded`},
		{"no hexadecimal digits", binary("ce-subject", "%zz"), `ce-subject: "%zz" is not accepted`},
		{"escaped bytes that are no UTF-8", binary("ce-subject", "%FF"), `ce-subject: "%FF" is not accepted`},
		{"bytes that are no UTF-8", binary("ce-subject", "\xff"), `ce-subject: "` + "\uFFFD" + `" is not accepted`},
		{
			"an escaped control character", binary("ce-subject", "%0A"),
			`ce-subject: "\n" is not accepted: want valid UTF-8 without control`,
		},
		{
			"the data's type", binary("ce-datacontenttype", "text/plain"),
			"ce-datacontenttype: not accepted: want the type of the data in Content-Type",
		},
		{"data", binary("ce-data", "x"), `ce-attribute: "data" is not accepted`},
		{"a name with a dash", binary("ce-my-ext", "x"), `ce-attribute: "my-ext" is not accepted`},
		{"a bad Content-Type", binary("Content-Type", "json"), `Content-Type: "json" is not accepted: want a MIME type`},
	} {
		t.Run(test.name, func(t *testing.T) {
			ev, err := eventgateway.ParseCloudEventHeader(test.header, nil, receivedAt)
			if err == nil || !strings.HasPrefix(err.Error(), test.want) || eventgateway.KindOf(err) != eventgateway.Invalid {
				t.Errorf("got %+v, %v; want %q", ev, err, test.want)
			}
		})
	}
}

// FuzzParseCloudEventHeader looks for header values that panic, or do not survive being passed on.
func FuzzParseCloudEventHeader(f *testing.F) {
	f.Add("1", "/s", "t", "a%20b", "x", "text/plain")
	f.Add(`"q\"`, "%", "http", "%E2%82%AC", "data", "")
	f.Fuzz(func(t *testing.T, id, source, eventType, subject, extension, contentType string) {
		h := http.Header{
			"Ce-Specversion": {"1.0"}, "Ce-Id": {id}, "Ce-Source": {source}, "Ce-Type": {eventType}, "Ce-Subject": {subject},
			http.CanonicalHeaderKey("ce-" + extension): {subject},
		}
		if contentType != "" {
			h["Content-Type"] = []string{contentType}
		}
		ev, err := eventgateway.ParseCloudEventHeader(h, nil, receivedAt)
		if err != nil {
			return
		}
		encoded := ev.Encode(nil, eventgateway.FormatCloudEventsBinary, nil)
		for name, values := range encoded.Header {
			if !eventgateway.ValidHeaderName(name) || !eventgateway.ValidHeaderValue(values[0]) {
				t.Errorf("%q: %q cannot be a header", name, values)
			}
		}
		encoded.Header.Set("Content-Type", encoded.ContentType)
		again, err := eventgateway.ParseCloudEventHeader(encoded.Header, nil, receivedAt)
		if err != nil {
			t.Fatalf("does not survive: %v", err)
		}
		sameEvent(t, again, ev, ev.CloudEvent.Extensions)
	})
}
