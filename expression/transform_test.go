package expression_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/expression"
)

func jsonEvent(data string) *eventgateway.Event {
	return &eventgateway.Event{
		Type: "order.placed", ID: "42", ReceivedAt: time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC), DataType: "application/json",
		Data: []byte(data),
	}
}

// order is an event that tests transform; it holds a secret no error may show.
const order = `{"total":12.5,"count":3,"note":"SECRET","items":[{"sku":"a","qty":1},{"sku":"b","qty":2}],"when":"2026-01-02T15:04:05Z"}`

func TestEncodeTransforms(t *testing.T) {
	for _, test := range []struct {
		name        string
		format      eventgateway.Format
		transforms  eventgateway.Transforms
		payload     string
		contentType string
		header      http.Header
	}{
		{"a map", "", eventgateway.Transforms{Transform: `{"n": data.count, "skus": data.items.map(i, i.sku)}`}, `{"n":3,"skus":["a","b"]}`, "application/json", nil},
		{"a list", "", eventgateway.Transforms{Transform: `data.items`}, `[{"qty":1,"sku":"a"},{"qty":2,"sku":"b"}]`, "application/json", nil},
		{"a number", "", eventgateway.Transforms{Transform: `data.total * 2.0`}, `25`, "application/json", nil},
		{"a bool", "", eventgateway.Transforms{Transform: `data.count > 2`}, `true`, "application/json", nil},
		{"null", "", eventgateway.Transforms{Transform: `null`}, `null`, "application/json", nil},
		{"a timestamp", "", eventgateway.Transforms{Transform: `timestamp(data.when)`}, `"2026-01-02T15:04:05Z"`, "application/json", nil},
		{"an optional", "", eventgateway.Transforms{Transform: `data.?note`}, `SECRET`, "text/plain; charset=utf-8", nil},
		{"an empty optional", "", eventgateway.Transforms{Transform: `data.?none`}, `null`, "application/json", nil},
		{"a string", "", eventgateway.Transforms{Transform: `"#" + event.id`}, `#42`, "text/plain; charset=utf-8", nil},
		{"bytes", "", eventgateway.Transforms{Transform: `b"\x00\x01"`}, "\x00\x01", "application/octet-stream", nil},
		{
			"a chosen type", "",
			eventgateway.Transforms{Transform: `"<id>" + event.id + "</id>"`, Headers: map[string]string{"content-type": `"application/xml"`}},
			`<id>42</id>`, "application/xml",
			http.Header{},
		},
		{
			"headers", "raw",
			eventgateway.Transforms{Headers: map[string]string{"X-Id": `event.id`, "x-many": `data.items.map(i, i.sku)`, "X-None": `data.?none`, "X-N": `data.count`, "X-Null": `null`}},
			order, "application/json",
			http.Header{"X-Id": {"42"}, "X-Many": {"a", "b"}, "X-N": {"3"}},
		},
		{"no transform", "raw", eventgateway.Transforms{}, order, "application/json", nil},
		{
			"binary CloudEvent", "cloudevents-binary",
			eventgateway.Transforms{Transform: `data.count`, Headers: map[string]string{"X-A": `"1"`}},
			`3`, "application/json",
			http.Header{
				"Ce-Id": {"42"}, "Ce-Source": {"urn:eventgateway"}, "Ce-Specversion": {"1.0"}, "Ce-Time": {"2026-01-02T15:04:05.000Z"},
				"Ce-Type": {"order.placed"}, "X-A": {"1"},
			},
		},
	} {
		got, err := expression.Encode(expression.NewInput(jsonEvent(order)), test.format, eventgateway.Route{}, &test.transforms)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if string(got.Payload) != test.payload || got.ContentType != test.contentType || fmt.Sprint(got.Header) != fmt.Sprint(test.header) {
			t.Errorf("%s:\n got %s %s %v\nwant %s %s %v",
				test.name, got.Payload, got.ContentType, got.Header, test.payload, test.contentType, test.header)
		}
	}
}

func TestTransformErrorsHoldNoData(t *testing.T) {
	for _, test := range []struct{ source, want string }{
		{`data.missing`, "transform: no such key: missing"},
		{`{"a": 1}[data.note]`, "transform: no such key"},
		{`data[data.note]`, "transform: no such key"},
		{`int(data.note)`, "transform: type conversion error from 'string' to 'int'"},
		{`timestamp(data.note)`, "transform: invalid RFC 3339 timestamp"},
		{`ip(data.note)`, "transform: it cannot be evaluated for this event"},
		{`cidr(data.note)`, "transform: it cannot be evaluated for this event"},
		{`timestamp(data.when).getHours(data.note)`, "transform: unknown time zone"},
		{`data.items[data.count]`, "transform: index out of bounds"},
		{`data.note + 1`, "transform: no such overload"},
		{`1 / (data.count - 3)`, "transform: division by zero"},
		{`data.total / 0.0`, "transform: a double that is no finite number has no JSON"},
		{`{1: "a", "1": "b"}`, `transform: two keys of a map have one name in JSON`},
		{`[`, "transform: the expression does not compile any more"},
	} {
		_, err := expression.Encode(expression.NewInput(jsonEvent(order)), "", eventgateway.Route{}, &eventgateway.Transforms{Transform: test.source})
		var failed *expression.TransformError
		if !errors.As(err, &failed) || failed.Field != "transform" || err.Error() != test.want {
			t.Errorf("%s:\n got %v\nwant %s", test.source, err, test.want)
		}
	}
}

func TestHeaderErrors(t *testing.T) {
	for _, test := range []struct{ name, source, want string }{
		{"X-A", `"a\r\nX-B: c"`, "headers.X-A: the value cannot stand in a header: want at most 8192 bytes without control characters"},
		{"X-A", `["ok", "a\nb"]`, "headers.X-A: the value cannot stand in a header: want at most 8192 bytes without control characters"},
		{"X-A", `data`, "headers.X-A: the value is no text: want a string, a number, a boolean, or a list of them"},
		{"X-A", `[[1]]`, "headers.X-A: the value is no text: want a string, a number, a boolean, or a list of them"},
		{"X-A", `data.long`, "headers.X-A: the value cannot stand in a header: want at most 8192 bytes without control characters"},
		{"X-A", `data.many`, "headers.X-A: more than 32 values"},
		{"Content-Type", `"json"`, "headers.Content-Type: the value is no MIME type: want one such as application/json"},
		{"Content-Type", `["a/b", "c/d"]`, "headers.Content-Type: the value is no MIME type: want one such as application/json"},
		{"X-A", `data.missing`, "headers.X-A: no such key: missing"},
	} {
		ev := jsonEvent(`{"long":"` + strings.Repeat("x", 9000) + `","many":[` + strings.Repeat("1,", 40) + `1]}`)
		_, err := expression.Encode(expression.NewInput(ev), "", eventgateway.Route{}, &eventgateway.Transforms{Headers: map[string]string{test.name: test.source}})
		if err == nil || err.Error() != test.want {
			t.Errorf("%s: %s:\n got %v\nwant %s", test.name, test.source, err, test.want)
		}
	}
}

func TestEncodeResponse(t *testing.T) {
	in := expression.NewInput(jsonEvent(order))
	answer := &expression.Response{
		Status: 201, Header: map[string][]string{"X-Page": {"7"}}, DataType: "application/json", Data: []byte(`{"items":[1,2]}`),
	}
	for _, test := range []struct{ source, payload, contentType string }{
		{`{"order": event.id, "items": response.data.items, "status": response.status, "page": response.headers["x-page"]}`, `{"items":[1,2],"order":"42","page":"7","status":201}`, "application/json"},
		{`string(response.data.items.size())`, "2", "text/plain; charset=utf-8"},
	} {
		payload, contentType, err := expression.EncodeResponse(in, test.source, answer)
		if err != nil || string(payload) != test.payload || contentType != test.contentType {
			t.Errorf("%s: got %s %s %v, want %s %s", test.source, payload, contentType, err, test.payload, test.contentType)
		}
	}
	_, _, err := expression.EncodeResponse(in, `response.data.none`, answer)
	if err == nil || err.Error() != "responseTransform: no such key: none" {
		t.Errorf("got %v", err)
	}
}

func TestCheckTransforms(t *testing.T) {
	for _, test := range []struct {
		transforms eventgateway.Transforms
		want       string
	}{
		{eventgateway.Transforms{Transform: `data.a`, ResponseTransform: `response.data`, Headers: map[string]string{"X-A": `event.id`}}, ""},
		{eventgateway.Transforms{Transform: `data.a +`}, "transform: 1:9: "},
		{eventgateway.Transforms{Transform: `response.data`}, "transform: 1:1: undeclared reference to 'response'"},
		{eventgateway.Transforms{ResponseTransform: "response.\n  wrong"}, "responseTransform: 1:9: undefined field 'wrong'"},
		{eventgateway.Transforms{Headers: map[string]string{"X-B": `1 +`, "X-A": `nothing`}}, "headers.X-A: 1:1: undeclared reference to 'nothing'"},
	} {
		err := expression.CheckTransforms(&eventgateway.Subscription{Transforms: test.transforms}, expression.Scope{})
		if err == nil && test.want == "" {
			continue
		}
		if err == nil || test.want == "" || !strings.HasPrefix(err.Error(), test.want) || eventgateway.KindOf(err) != eventgateway.Invalid {
			t.Errorf("%+v: got %v, want %s", test.transforms, err, test.want)
		}
	}
}

// TestManyTransforms uses more transforms than are kept compiled, again and again: each gives its own value.
func TestManyTransforms(t *testing.T) {
	in := expression.NewInput(jsonEvent(order))
	for range 2 {
		for i := range 10_000 {
			source := fmt.Sprint(i)
			if i%100 != 0 {
				source = "1 + 1" // most events use the same few
			}
			got, err := expression.Encode(in, "", eventgateway.Route{}, &eventgateway.Transforms{Transform: source})
			want := source
			if source == "1 + 1" {
				want = "2"
			}
			if err != nil || string(got.Payload) != want {
				t.Fatalf("%s: got %s, %v", source, got.Payload, err)
			}
		}
	}
}

// BenchmarkEncode encodes events without a transform, with some, and with one that gives the data as it came, beside what
// encoding/json takes to read and write that.
func BenchmarkEncode(b *testing.B) {
	large := `{"items":[` + strings.Repeat(`{"sku":"A-1001","quantity":3,"price":12.5,"tags":["a","b"]},`, 2000) + `{}]}`
	for _, c := range []struct{ name, data, transform string }{
		{"event", order, ""},
		{"two fields", order, `{"n": data.count, "total": data.total}`},
		{"items", order, `{"id": event.id, "items": data.items.map(i, {"sku": i.sku}), "at": data.when}`},
		{"data", order, `data`},
		{"large data", large, `data`},
	} {
		b.Run(c.name, func(b *testing.B) {
			ev := jsonEvent(c.data)
			in, t := expression.NewInput(ev), &eventgateway.Transforms{Transform: c.transform}
			b.ReportAllocs()
			for b.Loop() {
				in.Reset(ev)
				if _, err := expression.Encode(in, "", eventgateway.Route{}, t); err != nil {
					b.Fatal(err)
				}
			}
		})
		if c.transform != "data" {
			continue
		}
		b.Run(c.name+", encoding/json", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				var v any
				if err := json.Unmarshal([]byte(c.data), &v); err != nil {
					b.Fatal(err)
				}
				if _, err := json.Marshal(v); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
