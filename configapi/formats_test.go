package configapi_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/configapi"
)

// Functions in the formats of API Gateway are for http events alone, whichever is written first.
func TestFormatsForHTTPEventsOnly(t *testing.T) {
	in := newInstance(t, newStore(t), configapi.Static{})
	write := func(status int, method, path, id, format string) string {
		t.Helper()
		body := `{"functionId":"` + id + `","type":"test","provider":{"url":"u"},"format":"` + format + `"}`
		if res := in.must(status, method, "/v1/spaces/a/functions"+path, body); status >= 400 {
			return res.message()
		}
		return ""
	}
	expect := func(got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	write(201, "POST", "", "gw", "apigateway-v2")
	write(201, "POST", "", "f", "event")
	const subscriptions = "/v1/spaces/a/subscriptions"
	for _, event := range []string{"user.created", "invoke", "user.*", "gateway.event.received"} {
		expect(in.must(400, "POST", subscriptions, `{"functionId":"gw","event":"`+event+`"}`).message(),
			`functionId: function "gw" has the format apigateway-v2, which is for http events only, and event "`+event+
				`" is none: want a function of another format`)
	}
	expect(in.must(400, "POST", subscriptions, `{"functionId":"f","event":"e","delivery":{"deadLetter":"gw"}}`).message(),
		`delivery.deadLetter: function "gw" has the format apigateway-v2, which is for http events only, and event "e" is none: want a function of another format`)
	in.subscribe(`{"functionId":"gw","event":"http","method":"GET"}`, `{"functionId":"gw","event":"http.request","method":"PUT"}`,
		`{"functionId":"f","event":"http","type":"async","method":"GET","delivery":{"deadLetter":"gw"}}`)
	write(200, "PUT", "/gw", "gw", "apigateway-v1")
	write(200, "PUT", "/f", "f", "apigateway-v1") // nobody sends it anything but http events
	write(200, "PUT", "/f", "f", "raw")

	e := in.subscribe(`{"functionId":"f","event":"e","type":"async"}`)[0]
	expect(write(409, "PUT", "/f", "f", "apigateway-v1"),
		`format: apigateway-v1 is for http events only, and function "f" gets others, such as "e", by subscription `+e+
			`: want another format, or delete what uses it first`)
	expect(in.must(400, "PUT", subscriptions+"/"+e, `{"delivery":{"deadLetter":"gw"}}`).message(),
		`delivery.deadLetter: function "gw" has the format apigateway-v1, which is for http events only, and event "e" is none: want a function of another format`)
	in.must(204, "DELETE", subscriptions+"/"+e, "")
	write(200, "PUT", "/f", "f", "apigateway-v1")
}

func TestStaticFormatsForHTTPEventsOnly(t *testing.T) {
	static := func(event string) configapi.Static {
		return configapi.Static{
			Functions: []*eventgateway.Function{
				{ID: "gw", Type: "test", Provider: json.RawMessage(`{"url":"u"}`), Format: eventgateway.FormatAPIGatewayV1},
			},
			Subscriptions: []*eventgateway.Subscription{{Event: event, FunctionID: "gw", Method: "POST"}},
		}
	}
	if err := configapi.CheckStatic(static("http")); err != nil {
		t.Error(err)
	}
	err := configapi.CheckStatic(static("e"))
	if err == nil || !strings.Contains(err.Error(), `function "gw" has the format apigateway-v1, which is for http events only`) {
		t.Errorf("got %v", err)
	}
	// A static subscription may name a function of the store, and a function of the store comes when it likes.
	in := newInstance(t, newStore(t), configapi.Static{Subscriptions: []*eventgateway.Subscription{{Event: "e", FunctionID: "late", Space: "a"}}})
	got := in.must(409, "POST", "/v1/spaces/a/functions",
		`{"functionId":"late","type":"test","provider":{"url":"u"},"format":"apigateway-v2"}`).message()
	if !strings.HasPrefix(got, `format: apigateway-v2 is for http events only, and function "late" gets others, such as "e", by subscription `) {
		t.Errorf("got %s", got)
	}
}
