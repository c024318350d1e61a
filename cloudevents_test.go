package eventgateway_test

import (
	"encoding/json"
	"fmt"
	"net/http"
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
