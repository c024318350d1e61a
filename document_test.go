package eventgateway_test

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway"
)

// TestDocumentUndoesEncode reads back what functions get: in the gateway's schema and as CloudEvents.
func TestDocumentUndoesEncode(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(encodings)) {
		test := encodings[name]
		for _, format := range []eventgateway.Format{eventgateway.FormatEvent, eventgateway.FormatCloudEvents} {
			wrote := test.event.Encode(nil, format, test.params).Payload
			if format == eventgateway.FormatCloudEvents && test.event.HTTP != nil {
				continue // the request is plain data in a CloudEvent
			}
			ev, params, err := eventgateway.ParseDocument("event", wrote, receivedAt)
			if err != nil {
				if strings.Contains(name, "hostile") {
					continue
				}
				t.Errorf("%s, %s: %v\n%s", name, format, err, wrote)
				continue
			}
			if again := ev.Encode(nil, format, params).Payload; !bytes.Equal(again, wrote) {
				t.Errorf("%s, %s:\n got %s\nwant %s", name, format, again, wrote)
			}
		}
	}
}

func TestDocument(t *testing.T) {
	for _, test := range []struct{ name, document, want string }{
		{
			"nothing but a type", `{"event":"e"}`,
			`{"event":"e","id":"ID","receivedAt":1767366245678,"data":null,"dataType":"application/json"}`,
		},
		{
			"everything",
			`{"event":"e","id":"i","receivedAt":7,"data":{"a":1},"dataType":"application/json","source":"/s","subject":"x",` +
				`"time":"2026-01-02T15:04:05Z","dataschema":"https://example.com/s","extensions":{"a":true,"b":7,"c":"x"}}`,
			`{"event":"e","id":"i","receivedAt":7,"data":{"a":1},"dataType":"application/json","source":"/s","subject":"x",` +
				`"time":"2026-01-02T15:04:05Z","dataschema":"https://example.com/s","extensions":{"a":true,"b":7,"c":"x"}}`,
		},
		{
			"nulls", `{"event":"e","id":null,"receivedAt":null,"data":null,"source":null}`,
			`{"event":"e","id":"ID","receivedAt":1767366245678,"data":null,"dataType":"application/json"}`,
		},
		{
			"a form", `{"event":"e","id":"i","dataType":"application/x-www-form-urlencoded","data":"a=1"}`,
			`{"event":"e","id":"i","receivedAt":1767366245678,"data":"a=1","dataType":"application/x-www-form-urlencoded"}`,
		},
		{
			"text", `{"event":"e","id":"i","dataType":"text/plain","data":"aGk="}`,
			`{"event":"e","id":"i","receivedAt":1767366245678,"data":"aGk=","dataType":"text/plain"}`,
		},
		{
			"a bare request", `{"http":{}}`,
			`{"event":"http","id":"ID","receivedAt":1767366245678,"data":{"path":"/","method":"GET","headers":{},"host":"",` +
				`"query":{},"params":{},"body":null},"dataType":"application/json"}`,
		},
		{
			"a request", `{"http":{"method":"POST","path":"/users/7","host":"h","headers":{"x-a":"1","X-B":["2","3"]},` +
				`"query":{"q":"a","r":["b","c"]},"params":{"id":"7"},"body":{"n":1}}}`,
			`{"event":"http","id":"ID","receivedAt":1767366245678,"data":{"path":"/users/7","method":"POST",` +
				`"headers":{"X-A":"1","X-B":"2, 3"},"host":"h","query":{"q":["a"],"r":["b","c"]},"params":{"id":"7"},"body":{"n":1}},` +
				`"dataType":"application/json"}`,
		},
		{
			"a request in the schema", `{"event":"http.request","id":"i","data":{"headers":{"Content-Type":"text/plain"},"body":"aGk="}}`,
			`{"event":"http","id":"i","receivedAt":1767366245678,"data":{"path":"/","method":"GET",` +
				`"headers":{"Content-Type":"text/plain"},"host":"","query":{},"params":{},"body":"aGk="},"dataType":"application/json"}`,
		},
		{
			"what the gateway found out", `{"event":"e","id":"i","extensions":{"eventgateway":{"authorization":{"principalId":"p"},"schemaViolation":"v"}}}`,
			`{"event":"e","id":"i","receivedAt":1767366245678,"data":null,"dataType":"application/json",` +
				`"extensions":{"eventgateway":{"authorization":{"principalId":"p"},"schemaViolation":"v"}}}`,
		},
		{
			"a CloudEvent", `{"specversion":"1.0","type":"e","source":"/s","id":"i","data":[1]}`,
			`{"event":"e","id":"i","receivedAt":1767366245678,"data":[1],"dataType":"application/json","source":"/s"}`,
		},
	} {
		ev, params, err := eventgateway.ParseDocument("event", []byte(test.document), receivedAt)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		got := string(ev.Encode(nil, "", params).Payload)
		if !strings.Contains(test.document, `"id":"i"`) {
			got = strings.Replace(got, ev.ID, "ID", 1)
		}
		if got != test.want {
			t.Errorf("%s:\n got %s\nwant %s", test.name, got, test.want)
		}
	}
}

func TestDocumentErrors(t *testing.T) {
	for _, test := range []struct{ document, want string }{
		{``, "event: not valid JSON: it ends too early, after byte 0"},
		{`[]`, "event: not accepted: want a JSON object"},
		{`{}`, "event: not accepted: want a CloudEvent, an object with event and data, or one with http"},
		{`{"event":7}`, "event.event: not accepted: want a string"},
		{`{"event":"a b"}`, `event.event: "a b" is not accepted: want 1 to 255 bytes of printable characters without spaces or *`},
		{`{"event":"e","event":"f"}`, "event.event: given twice: want it once"},
		{
			`{"event":"e","payload":1}`, "unknown field event.payload: want only event, id, receivedAt, data, dataType, source, " +
				"subject, time, dataschema, extensions, or http",
		},
		{`{"event":"e","receivedAt":"now"}`, "event.receivedAt: not accepted: want milliseconds since 1970"},
		{`{"event":"e","dataType":"json"}`, `event.dataType: "json" is not accepted: want a MIME type such as application/json`},
		{`{"event":"e","dataType":"text/plain","data":{}}`, `event.data: not accepted with the type "text/plain": want a string`},
		{
			`{"event":"e","dataType":"text/plain","data":"!"}`,
			`event.data: not valid base64, as which data of type "text/plain" is written`,
		},
		{`{"event":"e","subject":"x"}`, "event.source: missing: want a URI reference that is not empty"},
		{`{"event":"e","extensions":[]}`, "event.extensions: not accepted: want a JSON object"},
		{`{"event":"e","extensions":{"eventgateway":7}}`, "event.extensions.eventgateway: not accepted: want a JSON object"},
		{
			`{"event":"e","extensions":{"eventgateway":{"authorization":"x"}}}`,
			"event.extensions.eventgateway.authorization: not accepted: want a JSON object",
		},
		{
			`{"event":"e","extensions":{"eventgateway":{"x":1}}}`,
			"unknown field event.extensions.eventgateway.x: want only authorization, schemaViolation",
		},
		{
			`{"specversion":"1.0","type":"e","source":"/s","id":"i","eventgatewayauthorization":7}`,
			"event.eventgatewayauthorization: not accepted: want a string",
		},
		{`{"event":"http"}`, "event.data: missing: want an object with method, path, headers, …"},
		{`{"event":"http","data":7}`, "event.data: not accepted: want a JSON object"},
		{`{"event":"e","http":{}}`, "event.http: not accepted beside event or data: want one of them"},
		{`{"http":{},"data":1}`, "event.http: not accepted beside event or data: want one of them"},
		{`{"http":{"url":"/"}}`, "unknown field event.http.url: want only method, path, host, headers, query, params, body"},
		{`{"http":{"method":"A B"}}`, `event.http.method: "A B" is not accepted: want an HTTP method such as GET`},
		{`{"http":{"headers":{"a b":"x"}}}`, `event.http.headers: "a b" is not accepted: want HTTP header names`},
		{`{"http":{"headers":{"a":[1]}}}`, "event.http.headers.a[0]: not accepted: want a string"},
		{`{"http":{"query":{"a":{}}}}`, "event.http.query.a: not accepted: want a string"},
		{`{"specversion":"1.0"}`, "event.id: missing: want a string that is not empty"},
	} {
		_, _, err := eventgateway.ParseDocument("event", []byte(test.document), receivedAt)
		wantError(t, test.document, err, test.want)
	}
}

// FuzzDocument reads anything. What is accepted is an event that can be written and read again.
func FuzzDocument(f *testing.F) {
	for _, seed := range []string{
		`{"event":"e","id":"i","receivedAt":7,"data":{"a":1},"source":"/s","extensions":{"a":true,"b":7}}`,
		`{"http":{"method":"POST","headers":{"x-a":["1"]},"query":{"q":"a"},"params":{"id":"7"},"body":{"n":1}}}`,
		`{"specversion":"1.0","type":"e","source":"/s","id":"i","data_base64":"aGk="}`,
		`{"event":"http","data":{"headers":{"Content-Type":"text/plain"},"body":"aGk="}}`,
		`{"event":"e","extensions":{"eventgateway":{"authorization":{"principalId":"p"},"schemaViolation":"v"},"a":"b"}}`,
		`{"event":"e","event":"f"}`, `null`, `{"\ud800":1}`, "\xff",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, document string) {
		ev, params, err := eventgateway.ParseDocument("event", []byte(document), receivedAt)
		if err != nil {
			if eventgateway.KindOf(err) != eventgateway.Invalid {
				t.Fatalf("%v is no error for the sender", err)
			}
			return
		}
		wrote := ev.Encode(nil, "", params).Payload
		again, params, err := eventgateway.ParseDocument("event", wrote, receivedAt)
		if err != nil {
			t.Fatalf("%s cannot be read: %v", wrote, err)
		}
		if got := again.Encode(nil, "", params).Payload; !bytes.Equal(got, wrote) {
			t.Fatalf("wrote %s\nthen  %s", wrote, got)
		}
	})
}
