package eventgateway_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway"
)

// required is what every structured CloudEvent must have.
const required = `"specversion":"1.0","id":"1","source":"/s","type":"t"`

func TestParseCloudEvent(t *testing.T) {
	for _, test := range []struct {
		name, document string
		dataType, data string
		extensions     map[string]any
	}{
		{"no data", `{` + required + `}`, "application/json", "", nil},
		{"JSON data as it came", ` {` + required + `,"data": { "a" : 1.00 } } `, "application/json", `{ "a" : 1.00 }`, nil},
		{"JSON null", `{` + required + `,"data":null}`, "application/json", `null`, nil},
		{"a JSON string", `{` + required + `,"data":"x"}`, "application/json", `"x"`, nil},
		{
			"a JSON type of its own", `{` + required + `,"datacontenttype":"application/x+json","data":[1]}`, "application/x+json",
			`[1]`, nil,
		},
		{"text", `{` + required + `,"datacontenttype":"text/xml","data":"<a \"b\"\u00e9/>"}`, "text/xml", `<a "b"é/>`, nil},
		{"null text", `{` + required + `,"datacontenttype":"text/xml","data":null}`, "text/xml", ``, nil},
		{"base64", `{` + required + `,"datacontenttype":"image/png","data_base64":"iVBORw=="}`, "image/png", "\x89PNG", nil},
		{"base64 of no type", `{` + required + `,"data_base64":"AAE="}`, "application/octet-stream", "\x00\x01", nil},
		{"base64 of JSON", `{` + required + `,"datacontenttype":"text/json+json","data_base64":"e30="}`, "text/json+json", "{}", nil},
		{"base64 null beside data", `{` + required + `,"data_base64":null,"data":1}`, "application/json", "1", nil},
		{
			"extensions", `{` + required + `,"sampled":true,"sequence":-2147483648,"trace1":"x","nothing":null}`, "application/json", "",
			map[string]any{"sampled": true, "sequence": int32(-2147483648), "trace1": "x"},
		},
		{
			"version 0.1", `{"cloudEventsVersion":"0.1","eventType":"t","eventTypeVersion":"2","eventID":"1","source":"/s",
			"eventTime":"2026-01-02T15:04:05Z","schemaURL":"http://x/y","contentType":"text/plain",
			"extensions":{"myExt":"v"},"data":"hi"}`,
			"text/plain", "hi",
			map[string]any{"eventtypeversion": "2", "myext": "v"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			ev, err := eventgateway.ParseCloudEvent([]byte(test.document), receivedAt)
			if err != nil {
				t.Fatal(err)
			}
			if ev.Type != "t" || ev.ID != "1" || ev.CloudEvent.Source != "/s" || !ev.ReceivedAt.Equal(receivedAt) {
				t.Errorf("got %+v", ev)
			}
			if ev.DataType != test.dataType || string(ev.Data) != test.data {
				t.Errorf("got %q of type %q, want %q of type %q", ev.Data, ev.DataType, test.data, test.dataType)
			}
			if !reflect.DeepEqual(ev.CloudEvent.Extensions, test.extensions) {
				t.Errorf("extensions %#v, want %#v", ev.CloudEvent.Extensions, test.extensions)
			}
		})
	}
}

func TestParseCloudEventRefuses(t *testing.T) {
	for _, test := range []struct{ name, document, want string }{
		{"nothing", ``, "body: not valid JSON: it ends too early, after byte 0"},
		{"an array", `[]`, "body: not accepted as a CloudEvent: want a JSON object"},
		{"no specversion", `{"id":"1","source":"/s","type":"t"}`, `specversion: missing: want "1.0"`},
		{
			"another version", `{"specversion":"0.3","id":"1","source":"/s","type":"t"}`,
			`specversion: "0.3" is not accepted: want "1.0", or`,
		},
		{"another old version", `{"cloudEventsVersion":"0.2","eventID":"1"}`, `cloudEventsVersion: "0.2" is not accepted`},
		{"two versions", `{"cloudEventsVersion":"0.1","specversion":"1.0"}`, `specversion: given twice`},
		{"no id", `{"specversion":"1.0","source":"/s","type":"t"}`, "id: missing"},
		{"an empty id", `{"specversion":"1.0","id":"","source":"/s","type":"t"}`, "id: missing"},
		{"a null id", `{"specversion":"1.0","id":null,"source":"/s","type":"t"}`, "id: missing"},
		{"a number as id", `{"specversion":"1.0","id":7,"source":"/s","type":"t"}`, "id: not accepted: want a string"},
		{
			"an object as id", `{"specversion":"1.0","id":{},"source":"/s","type":"t"}`,
			"id: not accepted: want a string, a boolean or an integer",
		},
		{"no source", `{"specversion":"1.0","id":"1","type":"t"}`, "source: missing"},
		{
			"a source that is no URI", `{"specversion":"1.0","id":"1","source":":","type":"t"}`,
			`source: ":" is not accepted: want a URI reference`,
		},
		{"no type", `{"specversion":"1.0","id":"1","source":"/s"}`, "type: missing"},
		{"a type with a space", `{"specversion":"1.0","id":"1","source":"/s","type":"a b"}`, `type: "a b" is not accepted`},
		{"a time that is none", `{` + required + `,"time":"yesterday"}`, `time: "yesterday" is not accepted: want a time as RFC 3339`},
		{"a relative dataschema", `{` + required + `,"dataschema":"/x"}`, `dataschema: "/x" is not accepted: want an absolute URI`},
		{
			"a datacontenttype that is none", `{` + required + `,"datacontenttype":"json"}`,
			`datacontenttype: "json" is not accepted: want a MIME type`,
		},
		{
			"a header in datacontenttype", `{` + required + `,"datacontenttype":"a/b;\r\nX: y"}`,
			`datacontenttype: "a/b;\r\nX: y" is not accepted`,
		},
		{"an extension in capitals", `{` + required + `,"myExt":"x"}`, `attribute: "myExt" is not accepted: want a name`},
		{"an extension without a name", `{` + required + `,"":"x"}`, `attribute: "" is not accepted`},
		{
			"an extension that is a list", `{` + required + `,"ext":[]}`,
			"ext: not accepted: want a string, a boolean or an integer of 32 bits",
		},
		{"a fraction", `{` + required + `,"ext":1.5}`, "ext: not accepted"},
		{"more than 32 bits", `{` + required + `,"ext":2147483648}`, "ext: not accepted"},
		{
			"0.1's extensions in 1.0", `{` + required + `,"extensions":{"a":"b"}}`,
			"extensions: not accepted: want extensions as attributes",
		},
		{
			"a control character", `{` + required + `,"subject":"a\u0000b"}`,
			"subject: \"a\\x00b\" is not accepted: want valid UTF-8 without control",
		},
		{"an attribute twice", `{` + required + `,"id":"2"}`, "id: given twice: want it once"},
		{"an extension twice", `{` + required + `,"a":"x","a":"y"}`, "a: given twice"},
		{"a name spelled in two ways", `{` + required + `,"\u0069d":"2"}`, "id: given twice"},
		{"data twice", `{` + required + `,"data":1,"data":2}`, "data: given twice"},
		{"data and data_base64", `{` + required + `,"data":1,"data_base64":"AA=="}`, "data_base64: not accepted beside data"},
		{"data_base64 that is none", `{` + required + `,"data_base64":"!"}`, "data_base64: not valid base64"},
		{"data_base64 that is a number", `{` + required + `,"data_base64":1}`, "data_base64: not accepted: want a string of base64"},
		{
			"base64 of broken JSON", `{` + required + `,"datacontenttype":"application/json","data_base64":"ew=="}`,
			"data_base64: not valid JSON",
		},
		{
			"an object under a text type", `{` + required + `,"datacontenttype":"text/xml","data":{}}`,
			`data: not accepted with datacontenttype "text/xml"`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			ev, err := eventgateway.ParseCloudEvent([]byte(test.document), receivedAt)
			if err == nil {
				t.Fatalf("accepted as %+v", ev)
			}
			if !strings.HasPrefix(err.Error(), test.want) || eventgateway.KindOf(err) != eventgateway.Invalid {
				t.Errorf("got  %q of kind %v\nwant %q", err, eventgateway.KindOf(err), test.want)
			}
		})
	}
}

func TestParseCloudEventBatch(t *testing.T) {
	two := fmt.Sprintf(`[{%s},{"specversion":"1.0","id":"2","source":"/s","type":"u","data":[1]}]`, required)
	events, err := eventgateway.ParseCloudEventBatch([]byte(two), receivedAt)
	if err != nil || len(events) != 2 || events[0].ID != "1" || events[1].ID != "2" || string(events[1].Data) != "[1]" {
		t.Errorf("got %+v, %v", events, err)
	}
	if events, err := eventgateway.ParseCloudEventBatch([]byte(" [ ] "), receivedAt); err != nil || len(events) != 0 {
		t.Errorf("an empty batch: got %+v, %v", events, err)
	}
	for document, want := range map[string]string{
		`{` + required + `}`:                    "body: not accepted as application/cloudevents-batch+json: want a JSON array",
		`[{` + required + `},{}]`:               `events[1].specversion: missing: want "1.0"`,
		`[{` + required + `},7]`:                "events[1]: not accepted as a CloudEvent: want a JSON object",
		`[{` + required + `},{"a b\n":[]}]`:     `events[1]."a b\n": not accepted: want a string`,
		`[{` + required + `},`:                  "body: not valid JSON",
		`[{` + required + `,"data_base64":{}}]`: "events[0].data_base64: not accepted: want a string of base64",
	} {
		if events, err := eventgateway.ParseCloudEventBatch([]byte(document), receivedAt); err == nil || events != nil ||
			!strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: got %v, %v; want %q", document, events, err, want)
		}
	}
}

// FuzzParseCloudEvent looks for documents that panic, and for accepted ones that do not survive being passed on.
func FuzzParseCloudEvent(f *testing.F) {
	for _, seed := range []string{
		`{` + required + `,"data":{"a":[1]},"ext":true,"time":"2026-01-02T15:04:05Z"}`,
		`{` + required + `,"datacontenttype":"text/plain","data":"\ud800","n":-1}`, `[{` + required + `,"data_base64":"AA=="}]`,
		`{"cloudEventsVersion":"0.1","eventType":"t","eventID":"1","source":"/s","extensions":{"A":"b"}}`,
		`{` + required + `,"datacontenttype":"a/b;c","data":"x"}`, `{}`, `[]`, `[[]]`, `null`, `"`, `{"id":}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		events, err := eventgateway.ParseCloudEventBatch(document, receivedAt)
		if err != nil {
			ev, err := eventgateway.ParseCloudEvent(document, receivedAt)
			if err != nil {
				if eventgateway.KindOf(err) != eventgateway.Invalid {
					t.Errorf("%q: %v is not of kind Invalid", document, err)
				}
				return
			}
			events = []*eventgateway.Event{ev}
		}
		for _, ev := range events {
			for _, format := range formats {
				payload := ev.Encode(nil, format, nil).Payload
				isJSON := format == eventgateway.FormatEvent || format == eventgateway.FormatCloudEvents
				if isJSON && !json.Valid(payload) {
					t.Fatalf("%q as %s is not JSON: %q", document, format, payload)
				}
			}
			again, err := eventgateway.ParseCloudEvent(ev.Encode(nil, eventgateway.FormatCloudEvents, nil).Payload, receivedAt)
			if err != nil {
				t.Fatalf("%q does not survive: %v", document, err)
			}
			sameEvent(t, again, ev, ev.CloudEvent.Extensions)
		}
	})
}

func BenchmarkParseCloudEvent(b *testing.B) {
	document := cloudEvent("application/json", string(benchmarkEvent.Data)).Encode(nil, eventgateway.FormatCloudEvents, nil).Payload
	b.Run(fmt.Sprintf("structured/%dB", len(document)), func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := eventgateway.ParseCloudEvent(document, receivedAt); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("binary", func(b *testing.B) {
		h := binary("Content-Type", "application/json", "ce-time", "2026-01-02T15:04:05Z")
		b.ReportAllocs()
		for b.Loop() {
			if _, err := eventgateway.ParseCloudEventHeader(h, benchmarkEvent.Data, receivedAt); err != nil {
				b.Fatal(err)
			}
		}
	})
}
