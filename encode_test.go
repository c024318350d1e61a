package eventgateway_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing with them")

var receivedAt = time.Date(2026, 1, 2, 15, 4, 5, 678_000_000, time.UTC)

var formats = []eventgateway.Format{
	eventgateway.FormatEvent, eventgateway.FormatCloudEvents, eventgateway.FormatCloudEventsBinary, eventgateway.FormatRaw,
}

func custom(dataType, data string) *eventgateway.Event {
	return &eventgateway.Event{
		Type: "user.created", ID: "66dfc31d-6844-42fd-b1a7-a489a49f65f3", ReceivedAt: receivedAt, DataType: dataType,
		Data: []byte(data),
	}
}

func httpEvent(dataType, data string) *eventgateway.Event {
	ev := custom(dataType, data)
	ev.Type = eventgateway.EventHTTP
	ev.HTTP = &eventgateway.HTTPRequest{
		Path: "/users/ü", Method: "POST", Host: "example.com",
		Header: http.Header{"X-Two": {"a", "b"}, "Accept": {"*/*"}, "Content-Type": {dataType}},
		Query:  url.Values{"q": {"1", "2"}, "empty": {""}},
	}
	return ev
}

func cloudEvent(dataType, data string) *eventgateway.Event {
	ev := custom(dataType, data)
	ev.ID = `a "quoted" 100% id`
	ev.CloudEvent = &eventgateway.CloudEventAttributes{
		Source: "/sensors/€", Subject: "a b", Time: "2025-12-31T23:59:59.5+01:00", DataSchema: "https://example.com/schema",
		Extensions: map[string]any{"traceparent": "00-1-2-01", "sampled": true, "sequence": int32(-7)},
	}
	return ev
}

// withFindings adds what the gateway found out about an event.
func withFindings(ev *eventgateway.Event, violation string) *eventgateway.Event {
	ev.Authorization, ev.SchemaViolation = json.RawMessage(`{"principalId":"ü 1","context":{"roles":["a"]}}`), violation
	return ev
}

var hostile = "\xff\xfe\"\\\x00\x1f\u2028</script>\xed\xa0\x80"

var encodings = map[string]struct {
	event  *eventgateway.Event
	params eventgateway.PathParams
}{
	"json":             {event: custom("application/json", `{ "foo": "bar",  "n": 1.00 }`)},
	"json-suffix":      {event: custom("application/vnd.api+json; charset=utf-8", `[1]`)},
	"json-empty":       {event: custom("application/json", "")},
	"form":             {event: custom("application/x-www-form-urlencoded", "a=1&b=%20")},
	"multipart":        {event: custom(`multipart/form-data; boundary="x"`, "--x\r\n\r\nhi\r\n--x--\r\n")},
	"multipart-binary": {event: custom(`multipart/form-data; boundary="x"`, "--x\r\n\r\n\xff\xfe\r\n--x--\r\n")},
	"text":             {event: custom("text/plain", "hello\n")},
	"binary":           {event: custom("application/octet-stream", "\x00\x01\xff")},
	"no-type":          {event: custom("", "")},
	"http": {
		httpEvent("application/json", `{"a":1}`),
		eventgateway.PathParams{{Name: "id", Value: "ü"}, {Name: "rest", Value: "a/b"}},
	},
	"http-empty":        {event: httpEvent("application/octet-stream", "")},
	"cloudevent":        {event: cloudEvent("application/json", `{"a":1}`)},
	"cloudevent-text":   {event: cloudEvent("text/xml", "<a/>")},
	"cloudevent-binary": {event: cloudEvent("image/png", "\x89PNG")},
	"authorized":        {event: withFindings(custom("application/json", `{"a":1}`), "")},
	"flagged":           {event: withFindings(cloudEvent("application/json", `{"a":"x"}`), `/a: "x" is no number`)},
	"http-authorized":   {event: withFindings(httpEvent("application/json", ""), "")},
	"hostile": {
		&eventgateway.Event{
			Type: hostile, ID: hostile, ReceivedAt: receivedAt, DataType: "application/x-www-form-urlencoded",
			Data: []byte("a=\"\\\n\x01"),
			HTTP: &eventgateway.HTTPRequest{
				Path: hostile, Method: hostile, Host: hostile,
				Header: http.Header{hostile: {hostile, hostile}}, Query: url.Values{hostile: {hostile}},
			},
			CloudEvent: &eventgateway.CloudEventAttributes{Source: hostile, Subject: hostile, Extensions: map[string]any{"e": hostile}},
		},
		eventgateway.PathParams{{Name: hostile, Value: hostile}},
	},
}

// TestEncodeGolden shows what functions receive. Run with -update to write the files anew.
func TestEncodeGolden(t *testing.T) {
	for name, test := range encodings {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			for _, format := range formats {
				encoded := test.event.Encode(nil, format, test.params)
				fmt.Fprintf(&out, "== %s\nContent-Type: %s\n", format, encoded.ContentType)
				for _, name := range slices.Sorted(maps.Keys(encoded.Header)) {
					fmt.Fprintf(&out, "%s: %s\n", name, strings.Join(encoded.Header[name], " | "))
				}
				if encoded.ContentType == eventgateway.TypeJSON || encoded.ContentType == eventgateway.TypeCloudEvent {
					fmt.Fprintf(&out, "\n%s\n", encoded.Payload)
				} else {
					fmt.Fprintf(&out, "\n%q\n", encoded.Payload)
				}
			}
			golden(t, filepath.Join("testdata", "encode", name+".txt"), out.Bytes())
		})
	}
}

func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs:\n got %s\nwant %s", file, got, want)
	}
}

func TestEncodedJSONIsJSONAndAppended(t *testing.T) {
	for name, test := range encodings {
		for _, format := range formats {
			encoded := test.event.Encode([]byte("before "), format, test.params)
			payload, found := bytes.CutPrefix(encoded.Payload, []byte("before "))
			if !found {
				t.Errorf("%s as %s: the payload does not stand after what was in the buffer", name, format)
			}
			if encoded.ContentType == "" {
				t.Errorf("%s as %s: no content type", name, format)
			}
			if t := encoded.ContentType; t != eventgateway.TypeJSON && t != eventgateway.TypeCloudEvent || len(payload) == 0 {
				continue
			}
			if err := eventgateway.ValidateJSON("payload", payload); err != nil {
				t.Errorf("%s as %s: %v", name, format, err)
			}
		}
	}
}

func TestEncodeKeepsDataByteForByte(t *testing.T) {
	data := `{ "n": 12345678901234567890.10, "a":1, "a":2 }`
	var out struct{ Data json.RawMessage }
	if err := json.Unmarshal(custom("application/json", data).Encode(nil, "", nil).Payload, &out); err != nil {
		t.Fatal(err)
	}
	if string(out.Data) != data {
		t.Errorf("data %s, want %s", out.Data, data)
	}
}

func TestDetachSharesNothingTheServerMayChange(t *testing.T) {
	ev := httpEvent("application/json", `{}`)
	want := ev.Encode(nil, "", nil).Payload
	detached := ev.Detach()
	ev.HTTP.Header.Set("Accept", "changed")
	ev.HTTP.Header["X-Two"][0] = "changed"
	ev.HTTP.Query["q"][0] = "changed"
	ev.HTTP.Path = "changed"
	if got := detached.Encode(nil, "", nil).Payload; !bytes.Equal(got, want) {
		t.Errorf("the detached event changed:\n got %s\nwant %s", got, want)
	}
	if other := custom("", ""); other.Detach() != other {
		t.Error("an event without a request was copied")
	}
}

// benchmarkEvent has 430 bytes of JSON as data.
var benchmarkEvent = func() *eventgateway.Event {
	data := `{"user":{"id":"u-1029384756","name":"Max Mustermann","email":"max@example.com"},"items":["` + strings.Repeat("x",
		430-93) + `"]}`
	return custom("application/json", data)
}()

func BenchmarkEncode(b *testing.B) {
	request := httpEvent("application/json", string(benchmarkEvent.Data))
	for _, format := range formats {
		for name, ev := range map[string]*eventgateway.Event{"custom": benchmarkEvent, "http": request} {
			b.Run(fmt.Sprintf("%s/%s/%dB", format, name, len(ev.Data)), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					ev.Encode(nil, format, nil)
				}
			})
		}
	}
}

// BenchmarkEncodeAgainstReflection shows what writing by hand is worth.
func BenchmarkEncodeAgainstReflection(b *testing.B) {
	ev := benchmarkEvent
	b.Run("byHand", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			ev.Encode(nil, eventgateway.FormatEvent, nil)
		}
	})
	b.Run("encodingJSON", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = json.Marshal(struct {
				Event      string          `json:"event"`
				ID         string          `json:"id"`
				ReceivedAt int64           `json:"receivedAt"`
				Data       json.RawMessage `json:"data"`
				DataType   string          `json:"dataType"`
			}{ev.Type, ev.ID, ev.ReceivedAt.UnixMilli(), ev.Data, ev.DataType})
		}
	})
}
