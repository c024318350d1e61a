package integration

import (
	"encoding/json"
	"net/http"
	"reflect"
	"regexp"
	"testing"
	"time"
)

var uuid = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

// TestContractEventSchema has a row for what becomes of data, and of a CloudEvent's attributes.
func TestContractEventSchema(t *testing.T) {
	s := newStage(t)
	record, calls := recorder(`{}`)
	s.function("f", record)
	s.subscribe("made POST / f")
	for _, test := range []struct{ name, contentType, body, data, dataType string }{
		{"JSON, as it came", jsonType, `{ "a" : 1.0e2 }`, `{ "a" : 1.0e2 }`, jsonType},
		{"JSON by its suffix", "application/vnd.x+json", `[1]`, `[1]`, "application/vnd.x+json"},
		{"a form", "application/x-www-form-urlencoded", `a=%20b&c`, `"a=%20b&c"`, "application/x-www-form-urlencoded"},
		{"text", "text/plain; charset=utf-8", "hé", `"aMOp"`, "text/plain; charset=utf-8"},
		{"no type", "", "\x00\xff", `"AP8="`, "application/octet-stream"},
	} {
		t.Run(test.name, func(t *testing.T) {
			headers := []string{"Event", "made"}
			if test.contentType != "" {
				headers = append(headers, "Content-Type", test.contentType)
			}
			before := time.Now().UnixMilli()
			s.send("POST", "/", test.body, headers...).wants(t, 202, "")
			ev := next(t, calls).event(t)
			if ev.Event != "made" || string(ev.Data) != test.data || ev.DataType != test.dataType {
				t.Errorf("got %+v with data %s", ev, ev.Data)
			}
			if !uuid.MatchString(ev.ID) || ev.ReceivedAt < before || ev.ReceivedAt > time.Now().UnixMilli() {
				t.Errorf("got id %s, received at %d", ev.ID, ev.ReceivedAt)
			}
		})
	}
	t.Run("CloudEvent", func(t *testing.T) {
		body := `{"specversion":"1.0","type":"made","source":"/s","id":"own","subject":"sub","time":"2026-01-02T03:04:05Z",` +
			`"datacontenttype":"text/plain","data":"hi","ext":"x","number":7}`
		s.send("POST", "/", body, "Content-Type", cloudEventType).wants(t, 202, "")
		ev := next(t, calls).event(t)
		want := map[string]any{"ext": "x", "number": 7.0}
		if ev.ID != "own" || ev.Source != "/s" || ev.Subject != "sub" || ev.Time != "2026-01-02T03:04:05Z" ||
			!reflect.DeepEqual(ev.Extensions, want) || string(ev.Data) != `"aGk="` || ev.DataType != "text/plain" {
			t.Errorf("got %+v with data %s", ev, ev.Data)
		}
	})
}

// TestContractFormats has a row for every format a function may ask for.
func TestContractFormats(t *testing.T) {
	s := newStage(t)
	received := map[string]<-chan call{}
	for _, format := range []string{"event", "cloudevents", "cloudevents-binary", "raw"} {
		record, calls := recorder(`{}`)
		received[format] = calls
		s.function(format, record, fields{"format": format})
		s.subscribe("made POST / " + format)
	}
	s.send("POST", "/", structured("made", "own"), "Content-Type", cloudEventType).wants(t, 202, "")

	if ev := next(t, received["event"]).event(t); ev.ID != "own" || string(ev.Data) != `{"n":1}` {
		t.Errorf("event: %+v", ev)
	}
	c := next(t, received["cloudevents"])
	var ce map[string]any
	if err := json.Unmarshal([]byte(c.body), &ce); err != nil || c.header.Get("Content-Type") != cloudEventType ||
		ce["specversion"] != "1.0" || ce["id"] != "own" || ce["type"] != "made" || ce["source"] != "/s" {
		t.Errorf("cloudevents: %s %s: %v", c.header, c.body, err)
	}
	c = next(t, received["cloudevents-binary"])
	if c.body != `{"n":1}` || c.header.Get("Ce-Id") != "own" || c.header.Get("Ce-Specversion") != "1.0" ||
		c.header.Get("Ce-Type") != "made" || c.header.Get("Ce-Source") != "/s" || c.header.Get("Content-Type") != jsonType {
		t.Errorf("cloudevents-binary: %s %s", c.header, c.body)
	}
	c = next(t, received["raw"])
	if c.body != `{"n":1}` || c.header.Get("Ce-Id") != "" || c.header.Get("Content-Type") != jsonType {
		t.Errorf("raw: %s %s", c.header, c.body)
	}
}

// TestContractHTTPEvent checks every field of an http event's data.
func TestContractHTTPEvent(t *testing.T) {
	s := newStage(t)
	record, calls := recorder(`{}`)
	s.function("f", record)
	s.subscribe("http PUT /users/:id/*rest f")
	s.send("PUT", "/users/a%20b/x/y?q=1&q=2&e", `{"n": 1}`,
		"Content-Type", jsonType, "X-A", "1", "X-A", "2").wants(t, 200, "")
	var data struct {
		Path, Method, Host string
		Headers            map[string]string
		Query              map[string][]string
		Params             map[string]string
		Body               json.RawMessage
	}
	if err := json.Unmarshal(next(t, calls).event(t).Data, &data); err != nil {
		t.Fatal(err)
	}
	if data.Path != "/users/a b/x/y" || data.Method != http.MethodPut || "http://"+data.Host != s.Events ||
		string(data.Body) != `{"n": 1}` || data.Headers["X-A"] != "1, 2" || data.Headers["Content-Type"] != jsonType ||
		!reflect.DeepEqual(data.Params, map[string]string{"id": "a b", "rest": "x/y"}) ||
		!reflect.DeepEqual(data.Query, map[string][]string{"q": {"1", "2"}, "e": {""}}) {
		t.Errorf("got %+v with body %s", data, data.Body)
	}
	s.send("PUT", "/users/1/", "\xff").wants(t, 200, "")
	data.Body = nil
	if err := json.Unmarshal(next(t, calls).event(t).Data, &data); err != nil || string(data.Body) != `"/w=="` {
		t.Errorf("a body without type: %s %v", data.Body, err)
	}
}
