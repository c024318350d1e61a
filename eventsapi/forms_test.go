package eventsapi_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway"
)

const (
	cloudEvents = eventgateway.TypeCloudEvent
	batchType   = eventgateway.TypeCloudEventBatch
)

// structured is a CloudEvent of a type.
func structured(eventType string) string {
	return `{"specversion":"1.0","id":"id-` + eventType + `","source":"/s","type":"` + eventType + `","data":{"a":1},"trace":"t"}`
}

// TestForms sends one event in each form and looks at what is queued, in the gateway's own schema.
func TestForms(t *testing.T) {
	const attributes = `,"source":"/s","extensions":{"trace":"t"}`
	for _, test := range []struct {
		name string
		r    *http.Request
		want string
	}{
		{
			"structured CloudEvent", request("POST", "/", structured("e"), "Content-Type", "Application/CloudEvents+JSON; charset=utf-8"),
			`{"event":"e","id":"id-e","data":{"a":1},"dataType":"application/json"` + attributes + `}`,
		},
		{
			"batch", request("POST", "/", "["+structured("e")+"]", "Content-Type", batchType),
			`{"event":"e","id":"id-e","data":{"a":1},"dataType":"application/json"` + attributes + `}`,
		},
		{
			"binary CloudEvent", request("POST", "/", "hi", "Content-Type", "text/plain", "ce-specversion", "1.0", "ce-type", "e",
				"ce-source", "/s", "ce-id", "1", "ce-trace", "t"),
			`{"event":"e","id":"1","data":"aGk=","dataType":"text/plain"` + attributes + `}`,
		},
		{
			"a CloudEvent comes before the Event header",
			request("POST", "/", structured("e"), "Content-Type", cloudEvents, "Event", "other"),
			`{"event":"e","id":"id-e","data":{"a":1},"dataType":"application/json"` + attributes + `}`,
		},
		{
			"custom event", request("POST", "/", `{ "a":1 }`, "Content-Type", "application/json; charset=utf-8", "Event", "e"),
			`{"event":"e","data":{ "a":1 },"dataType":"application/json; charset=utf-8"}`,
		},
		{
			"form", request("POST", "/", "a=1&b=2", "Content-Type", "application/x-www-form-urlencoded", "Event", "e"),
			`{"event":"e","data":"a=1&b=2","dataType":"application/x-www-form-urlencoded"}`,
		},
		{
			"no type", request("POST", "/", "hi", "Event", "e"),
			`{"event":"e","data":"aGk=","dataType":"application/octet-stream"}`,
		},
		{
			"an encoding that is none", request("POST", "/", "hi", "Event", "e", "Content-Encoding", "identity"),
			`{"event":"e","data":"aGk=","dataType":"application/octet-stream"}`,
		},
		{
			"an unusual parameter in the type", request("POST", "/", "hi", "Event", "e", "Content-Type", "text/plain; charset"),
			`{"event":"e","data":"aGk=","dataType":"text/plain; charset"}`,
		},
		{
			"an empty body under a JSON type", request("POST", "/", "", "Event", "e", "Content-Type", "application/json"),
			`{"event":"e","data":null,"dataType":"application/json"}`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := newGateway(t).subscribe(t, "async e POST / f")
			if res := g.send(test.r); res.StatusCode != http.StatusAccepted || len(g.queue.items) != 1 {
				t.Fatalf("got %d %s", res.StatusCode, bodyOf(t, res))
			}
			ev := g.queue.items[0].Event
			got := string(ev.Encode(nil, "", nil).Payload)
			if ev.CloudEvent == nil {
				got = strings.Replace(got, `,"id":"`+ev.ID+`"`, "", 1)
			}
			before, after, _ := strings.Cut(got, `,"receivedAt":`)
			_, after, _ = strings.Cut(after, ",")
			if got = before + "," + after; got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestBatchIsTakenWholeOrNotAtAll(t *testing.T) {
	g := newGateway(t).
		subscribe(t, "async a POST / one").
		subscribe(t, "async b POST / two").
		subscribe(t, "sync b POST / answers")
	batch := "[" + structured("a") + "," + structured("nobody") + "," + structured("b") + "]"
	res := g.send(request("POST", "/", batch, "Content-Type", batchType))
	if res.StatusCode != http.StatusAccepted || g.queue.puts != 1 || g.queued() != "a → one; b → answers two" {
		t.Errorf("got %d, queued %q in %d puts", res.StatusCode, g.queued(), g.queue.puts)
	}
	if told := g.told(); told != "received default a; received  nobody; received default b" {
		t.Errorf("the observer was told %q", told)
	}

	g.queue.items = nil
	res = g.send(request("POST", "/", "["+structured("a")+","+structured("gateway.x")+"]", "Content-Type", batchType))
	expectError(t, res, http.StatusBadRequest, `events[1].type: "gateway.x" is not accepted`)
	if g.queued() != "" {
		t.Errorf("queued %q of a batch that was refused", g.queued())
	}
	if res = g.send(request("POST", "/", "[]", "Content-Type", batchType)); res.StatusCode != http.StatusAccepted {
		t.Errorf("an empty batch: got %d", res.StatusCode)
	}
}

func TestHTTPEventTellsTheRequest(t *testing.T) {
	g := newGateway(t).function("f", echo).subscribe(t, "sync http POST /a%2Fb/:id/*rest f")
	r := request("POST", "http://example.com/a%2Fb/%C3%BC%2F/x//y?q=1&q=2&e&bad=%zz", `{"a": 1}`,
		"Content-Type", jsonType, "X-Two", "a", "X-Two", "b", "Event", "http.request")
	var got struct {
		Event, ID, DataType string
		Data                json.RawMessage
	}
	if err := json.Unmarshal([]byte(bodyOf(t, g.send(r))), &got); err != nil {
		t.Fatal(err)
	}
	want := `{"path":"/a/b/ü//x//y","method":"POST",` +
		`"headers":{"Content-Type":"application/json","Event":"http.request","X-Two":"a, b"},` +
		`"host":"example.com","query":{"e":[""],"q":["1","2"]},"params":{"id":"ü/","rest":"x//y"},"body":{"a": 1}}`
	if got.Event != "http" || len(got.ID) != 36 || got.DataType != jsonType || string(got.Data) != want {
		t.Errorf("got  %+v with %s\nwant %s", got, got.Data, want)
	}
}

func TestEncodedBodyOfAnHTTPEventIsPassedOn(t *testing.T) {
	g := newGateway(t).function("f", echo).subscribe(t, "sync http POST /f f")
	body := bodyOf(t, g.send(request("POST", "/f", "\x1f\x8b", "Content-Type", "text/plain", "Content-Encoding", "gzip")))
	if !strings.Contains(body, `"Content-Encoding":"gzip"`) || !strings.Contains(body, `"body":"H4s="`) {
		t.Errorf("got %s", body)
	}
}

func TestFunctionGetsItsFormat(t *testing.T) {
	g := newGateway(t).
		functionAs("f", eventgateway.FormatRaw, same).
		functionAs("ce", eventgateway.FormatCloudEvents, same).
		subscribe(t, "sync e POST /raw f").
		subscribe(t, "sync e POST /ce ce")
	if body := bodyOf(t, g.send(request("POST", "/raw", "hi", "Event", "e"))); body != "hi" {
		t.Errorf("raw: got %q", body)
	}
	body := bodyOf(t, g.send(request("POST", "/ce", "hi", "Event", "e")))
	if !strings.HasPrefix(body, `{"specversion":"1.0","id":"`) || !strings.HasSuffix(body, `"data_base64":"aGk="}`) {
		t.Errorf("cloudevents: got %s", body)
	}
}

func TestSpaces(t *testing.T) {
	subscribed := func() *gateway {
		return newGateway(t).
			function("f", says(`{"body":"default"}`)).function("blue/f", says(`{"body":"blue"}`)).function("red/f",
			says(`{"body":"red"}`)).
			subscribe(t, "async e POST / f").subscribe(t, "async e POST / blue/f").
			subscribe(t, "sync http GET /blue blue/f").subscribe(t, "sync http GET /red red/f").
			subscribe(t, "sync invoke POST / blue/f")
	}
	for _, test := range []struct {
		name, bound string
		r           *http.Request
		status      int
		queued      string
	}{
		{"all take part", "", request("POST", "/", "", "Event", "e"), 202, "e → blue/f f"},
		{"the header chooses", "", request("POST", "/", "", "Event", "e", "Space", "blue"), 202, "e → blue/f"},
		{"nothing is in a space that is not there", "", request("POST", "/", "", "Event", "e", "Space", "none"), 202, ""},
		{"the handler's space wins", "blue", request("POST", "/", "", "Event", "e"), 202, "e → blue/f"},
		{"the header may agree", "blue", request("POST", "/", "", "Event", "e", "Space", "blue"), 202, "e → blue/f"},
		{"another space is refused", "blue", request("POST", "/", "", "Event", "e", "Space", "default"), 400, ""},
		{"a space that is not there is refused alike", "blue", request("POST", "/", "", "Event", "e", "Space", "none"), 400, ""},
		{"http of the handler's space", "blue", request("GET", "/blue", ""), 200, ""},
		{"http of another space", "blue", request("GET", "/red", ""), 404, ""},
		{"http of another space by name", "blue", request("GET", "/red", "", "Space", "red"), 404, ""},
		{"http by name", "", request("GET", "/red", "", "Space", "red"), 200, ""},
		{"http by another name", "", request("GET", "/red", "", "Space", "blue"), 404, ""},
		{"invoke in another space", "red", request("POST", "/", "", "Event", "invoke", "Function-ID", "f"), 404, ""},
		{"invoke by name", "", request("POST", "/", "", "Event", "invoke", "Function-ID", "f", "Space", "blue"), 200, ""},
		{"invoke in any space", "", request("POST", "/", "", "Event", "invoke", "Function-ID", "f"), 200, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := subscribed()
			res := g.sendIn(test.bound, test.r)
			if res.StatusCode != test.status || g.queued() != test.queued {
				t.Errorf("got %d, queued %q; want %d and %q", res.StatusCode, g.queued(), test.status, test.queued)
			}
			if body := bodyOf(t, res); strings.Contains(body, "blue") && test.bound == "blue" && test.status == 400 {
				t.Errorf("the answer tells the handler's space: %s", body)
			}
		})
	}
}
