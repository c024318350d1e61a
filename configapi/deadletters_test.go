package configapi_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/configapi"
	"github.com/eventgateway/eventgateway/delivery"
)

const letters = "/v1/spaces/a/deadletters"

func someLetters() []*delivery.DeadLetter {
	cloud := deadLetter("a", "s1", "f", "order.placed", "e/1", "function_error")
	cloud.Event.CloudEvent = &eventgateway.CloudEventAttributes{Source: "/shop"}
	cloud.Status, cloud.Error = 503, "the function answered 503"
	request := deadLetter("a", "s2", "g", "http", "e2", "timeout")
	request.Event.HTTP = &eventgateway.HTTPRequest{Method: "GET", Path: "/users/7", Header: http.Header{"X-A": {"<b>"}}}
	request.Params = eventgateway.PathParams{{Name: "id", Value: "7"}}
	raw := deadLetter("b", "s1", "f", "order.placed", "e3", "function_error")
	raw.Event.DataType, raw.Event.Data = "application/octet-stream", []byte{0xff}
	return []*delivery.DeadLetter{cloud, request, raw, deadLetter("a", "s1", "f", "order.paid", "e4", "expired")}
}

func TestDeadLetters(t *testing.T) {
	in, q := withDeliveries(t, someLetters()...)
	first := `{"id":"000001","space":"a","subscriptionId":"s1","functionId":"f","event":"order.placed","eventId":"e/1","source":"/shop",` +
		`"receivedAt":"2026-01-31T11:00:00Z","reason":"function_error","error":"the function answered 503","status":503,"attempts":5,"at":"2026-01-31T12:00:00Z"`
	second := `{"id":"000002","space":"a","subscriptionId":"s2","functionId":"g","event":"http","eventId":"e2",` +
		`"receivedAt":"2026-01-31T11:00:00Z","reason":"timeout","attempts":5,"at":"2026-01-31T12:01:00Z"`
	third := `{"id":"000004","space":"a","subscriptionId":"s1","functionId":"f","event":"order.paid","eventId":"e4",` +
		`"receivedAt":"2026-01-31T11:00:00Z","reason":"expired","attempts":5,"at":"2026-01-31T12:03:00Z"`
	payload := `,"payload":{"event":"order.placed","id":"e/1","receivedAt":1769857200000,"data":{"n":1},"dataType":"application/json","source":"/shop"}}`
	request := `,"payload":{"event":"http","id":"e2","receivedAt":1769857200000,"data":{"path":"/users/7","method":"GET","headers":{"X-A":"<b>"},` +
		`"host":"","query":{},"params":{"id":"7"},"body":{"n":1}},"dataType":"application/json"}}`
	missing := func(id, space string) string {
		return fmt.Sprintf(`{"errors":[{"message":"dead letter \"%s\" does not exist in space \"%s\""}]}`, id, space)
	}
	in.play([]step{
		{"GET", letters, "", 200, `{"deadLetters":[` + first + "}," + second + "}," + third + `}]}`},
		{"GET", letters + "?limit=2", "", 200, `{"deadLetters":[` + first + "}," + second + `}],"next":"000002"}`},
		{"GET", letters + "?limit=2&after=000002", "", 200, `{"deadLetters":[` + third + `}]}`},
		{"GET", letters + "?payload=true&limit=2", "", 200, `{"deadLetters":[` + first + payload + "," + second + request + `],"next":"000002"}`},
		{"GET", letters + "?reason=none", "", 200, `{"deadLetters":[]}`},
		{"GET", letters + "/000001", "", 200, first + payload},
		{"GET", letters + "/000002", "", 200, second + request},
		{"GET", letters + "/000003", "", 404, missing("000003", "a")},
		{"DELETE", letters + "/000003", "", 404, missing("000003", "a")},
		{"POST", letters + "/000003/redrive", "", 404, missing("000003", "a")},
		{"GET", "/v1/spaces/b/deadletters/000001", "", 404, missing("000001", "b")},
		{"DELETE", letters + "/000001", "", 204, ""},
		{"DELETE", letters + "/000001", "", 404, missing("000001", "a")},
		{"GET", letters, "", 200, `{"deadLetters":[` + second + "}," + third + `}]}`},
	})
	if raw := in.must(200, "GET", "/v1/spaces/b/deadletters/000003", ""); !strings.Contains(raw.body, `"data":"/w=="`) {
		t.Errorf("data that is not JSON: %s", raw.body)
	}
	broken := deadLetter("b", "s", "f", "e", "1", "unreadable")
	broken.Event.Data = []byte(`{"n":`)
	if err := q.Add(t.Context(), broken); err != nil {
		t.Fatal(err)
	}
	if a := in.must(200, "GET", "/v1/spaces/b/deadletters/"+broken.ID, ""); !strings.Contains(a.body, `"data":"eyJuIjo="`) {
		t.Errorf("data that should be JSON and is not: %s", a.body)
	}
	if a := in.must(200, "HEAD", letters, ""); a.body != "" {
		t.Errorf("HEAD: %s", a.body)
	}
	if got := <-in.seen; !strings.HasSuffix(got, " deadletters list OK") {
		t.Errorf("the observer was told %q", got)
	}
}

// Whatever is asked of dead letters, DELETE and redrive choose what GET lists.
func TestDeadLetterQueries(t *testing.T) {
	for query, want := range map[string]string{
		"subscriptionId=s1":          "1 4",
		"functionId=g":               "2",
		"event=http.request":         "2",
		"event=order.placed":         "1",
		"eventId=e%2F1":              "1",
		"reason=expired":             "4",
		"since=2026-01-31T12:01:00Z": "2 4",
		"until=2026-01-31T12:01:00Z": "1",
		"since=2026-01-31T13:00:30%2B01:00&until=2026-01-31T12:02:00Z": "2",
		"since=2026-01-31T13:00:30+01:00":                              "2 4",
		"subscriptionId=s1&event=order.paid&reason=expired":            "4",
		"subscriptionId=s1&reason=timeout":                             "",
		"after=000002":                                                 "4",
		"limit=2":                                                      "1 2",
		"":                                                             "1 2 4",
	} {
		var wanted []string
		for _, n := range strings.Fields(want) {
			wanted = append(wanted, "00000"+n)
		}
		in, _ := withDeliveries(t, someLetters()...)
		var list struct{ DeadLetters []struct{ ID string } }
		if err := json.Unmarshal([]byte(in.must(200, "GET", letters+"?"+query, "").body), &list); err != nil {
			t.Fatal(err)
		}
		var listed []string
		for _, d := range list.DeadLetters {
			listed = append(listed, d.ID)
		}
		if !slices.Equal(listed, wanted) {
			t.Errorf("%s: listed %v, want %v", query, listed, wanted)
		}
		left := slices.DeleteFunc([]string{"000001", "000002", "000003", "000004"}, func(id string) bool { return slices.Contains(wanted, id) })

		in, q := withDeliveries(t, someLetters()...)
		if a := in.must(200, "DELETE", letters+"?"+query, ""); a.field("deleted") != float64(len(wanted)) || !slices.Equal(q.ids(), left) {
			t.Errorf("%s: DELETE says %s and leaves %v", query, a.body, q.ids())
		}
		in, q = withDeliveries(t, someLetters()...)
		body := map[string]any{}
		values, _ := url.ParseQuery(strings.ReplaceAll(query, "30+01", "30%2B01"))
		for name := range values {
			body[name] = values.Get(name)
			if name == "limit" {
				body[name] = 2
			}
		}
		sent := encode(body)
		if query == "" {
			sent = ""
		}
		if a := in.must(202, "POST", letters+"/redrive", sent); a.field("redriven") != float64(len(wanted)) || !slices.Equal(q.redriven, wanted) ||
			!slices.Equal(q.ids(), left) {
			t.Errorf("%s: redrive says %s, redrives %v and leaves %v", sent, a.body, q.redriven, q.ids())
		}
	}
}

func TestDeadLetterRefusals(t *testing.T) {
	in, q := withDeliveries(t, someLetters()...)
	const fields = "subscriptionId, functionId, event, eventId, reason, since, until, after, limit"
	for _, test := range []struct{ request, body, want string }{
		{"GET " + letters + "?space=b", "", `unknown query parameter "space": want only ` + fields + ", payload"},
		{"DELETE " + letters + "?payload=true", "", `unknown query parameter "payload": want only ` + fields},
		{"GET " + letters + "?event=a&event=b", "", `query parameter "event": given 2 times: want it once`},
		{"DELETE " + letters + "?subscriptionId=", "", `query parameter "subscriptionId": "" is not accepted: want a value, or subscriptionId left out`},
		{"GET " + letters + "?since=yesterday", "", `query parameter "since": "yesterday" is not accepted: want a time in RFC 3339 such as 2026-01-31T15:04:05Z`},
		{"GET " + letters + "?until=2026-01-31", "", `query parameter "until": "2026-01-31" is not accepted: want a time in RFC 3339 such as 2026-01-31T15:04:05Z`},
		{"GET " + letters + "?limit=0", "", `query parameter "limit": "0" is not accepted: want a whole number from 1 to 1000`},
		{"GET " + letters + "?limit=1001", "", `query parameter "limit": "1001" is not accepted: want a whole number from 1 to 1000`},
		{"DELETE " + letters + "?limit=many", "", `query parameter "limit": "many" is not accepted: want a whole number from 1 to 2147483647`},
		{"GET " + letters + "?payload=yes", "", `query parameter "payload": "yes" is not accepted: want true or false`},
		{"GET " + letters + "?a=%zz", "", `query: "a=%zz" is not accepted: want name=value pairs with valid percent-encoding, separated by &`},
		{"GET " + letters + "/000001?payload=true", "", `unknown query parameter "payload": want none here`},
		{"DELETE " + letters + "/000001?x=1", "", `unknown query parameter "x": want none here`},
		{"POST " + letters + "/000001/redrive?x=1", "", `unknown query parameter "x": want none here`},
		{"POST " + letters + "/redrive?event=a", "", `unknown query parameter "event": want none here`},
		{"POST " + letters + "/redrive", "[]", "body: an array is not accepted: want a JSON object"},
		{"POST " + letters + "/redrive", `{"event":`, "body: not valid JSON at byte 9: unexpected end of JSON input"},
		{"POST " + letters + "/redrive", `{"type":"a"}`, `unknown field "type": want only ` + fields},
		{"POST " + letters + "/redrive", `{"event":1}`, "event: a number is not accepted: want a string"},
		{"POST " + letters + "/redrive", `{"event":""}`, `event: "" is not accepted: want a value, or event left out`},
		{"POST " + letters + "/redrive", `{"since":"x"}`, `since: "x" is not accepted: want a time in RFC 3339 such as 2026-01-31T15:04:05Z`},
		{"POST " + letters + "/redrive", `{"limit":0}`, "limit: 0 is not accepted: want a whole number from 1 to 2147483647"},
	} {
		method, path, _ := strings.Cut(test.request, " ")
		if a := in.do(method, path, test.body); a.Code != 400 || a.message() != test.want {
			t.Errorf("%s %s:\n got %d %s\nwant 400 %s", test.request, test.body, a.Code, a.message(), test.want)
		}
	}
	in.must(413, "POST", letters+"/redrive", strings.Repeat(" ", 2<<20))
	in.must(403, "DELETE", letters, "", "Sec-Fetch-Site", "cross-site")
	for path, allow := range map[string]string{
		letters: "DELETE, GET, HEAD", letters + "/redrive": "POST", letters + "/x": "DELETE, GET, HEAD", letters + "/x/redrive": "POST",
	} {
		if a := in.must(405, "PUT", path, ""); a.Header().Get("Allow") != allow {
			t.Errorf("%s: Allow %q", path, a.Header().Get("Allow"))
		}
	}
	if len(q.letters) != 4 || len(q.redriven) != 0 {
		t.Errorf("what was refused was done: %v %v", q.ids(), q.redriven)
	}
	in.handler.Deliveries = nil
	for _, request := range []string{
		"GET " + letters, "DELETE " + letters, "POST " + letters + "/redrive", "GET " + letters + "/x", "DELETE " + letters + "/x",
		"POST " + letters + "/x/redrive", "GET /v1/spaces/a/events/x",
	} {
		method, path, _ := strings.Cut(request, " ")
		in.must(404, method, path, "")
	}
}

// manyLetters are more than are read at a time.
func manyLetters() []*delivery.DeadLetter {
	list := make([]*delivery.DeadLetter, 250)
	for i := range list {
		list[i] = deadLetter("a", "s", "f", "e", fmt.Sprint("e", i), "timeout")
		list[i].Event.Data = fmt.Appendf(nil, `"%s"`, strings.Repeat("x", 1000))
	}
	return list
}

func TestManyDeadLetters(t *testing.T) {
	in, q := withDeliveries(t, manyLetters()...)
	var got []string
	for after, pages := "", 1; ; pages++ {
		var list struct {
			DeadLetters []struct{ ID string }
			Next        string
		}
		if err := json.Unmarshal([]byte(in.must(200, "GET", letters+"?payload=true&limit=120"+after, "").body), &list); err != nil {
			t.Fatal(err)
		}
		for _, d := range list.DeadLetters {
			got = append(got, d.ID)
		}
		if list.Next == "" {
			if pages != 3 {
				t.Errorf("%d pages", pages)
			}
			break
		}
		after = "&after=" + list.Next
	}
	if !slices.Equal(got, q.ids()) {
		t.Errorf("listed %d: %v", len(got), got)
	}
	if a := in.must(202, "POST", letters+"/redrive", `{"limit":130}`); a.field("redriven") != 130.0 || !slices.Equal(q.redriven, got[:130]) {
		t.Errorf("redrive says %s and redrives %v", a.body, q.redriven)
	}
	if a := in.must(200, "DELETE", letters, ""); a.field("deleted") != 120.0 || len(q.letters) != 0 {
		t.Errorf("DELETE says %s and leaves %v", a.body, q.ids())
	}
	if q.largest > 100 {
		t.Errorf("%d dead letters were asked for at once", q.largest)
	}
}

// A function that still fails makes a dead letter of all that is redriven to it. They are not redriven again and again.
func TestRedrivenThatDieAgain(t *testing.T) {
	in, q := withDeliveries(t, manyLetters()...)
	q.refuse = func(step, id string) error {
		if step != "redrive" {
			return nil
		}
		again := deadLetter("a", "s", "f", "e", "again", "timeout")
		again.At = time.Now()
		return q.Add(t.Context(), again)
	}
	if a := in.must(202, "POST", letters+"/redrive", ""); a.field("redriven") != 250.0 || len(q.letters) != 250 {
		t.Errorf("got %s, %d dead letters", a.body, len(q.letters))
	}
}

func TestDeadLettersOutOfReach(t *testing.T) {
	unavailable := fmt.Errorf("nats: %w", delivery.ErrUnavailable)
	const away = "the queue is out of reach: try again later"
	at := func(wanted, id string, err error) func(string, string) error {
		return func(step, at string) error {
			if step == wanted && at >= id {
				return err
			}
			return nil
		}
	}
	for _, test := range []struct {
		refuse         func(step, id string) error
		request, body  string
		status         int
		want           string
		left, redriven int
	}{
		{at("list", "", unavailable), "GET " + letters, "", 503, away, 250, 0},
		{at("get", "", unavailable), "GET " + letters + "/000001", "", 503, away, 250, 0},
		{at("delete", "", unavailable), "DELETE " + letters + "/000001", "", 503, away, 250, 0},
		{at("list", "", unavailable), "DELETE " + letters, "", 503, "0 dead letters were deleted, then: " + away, 250, 0},
		{at("delete", "000201", unavailable), "DELETE " + letters, "", 503, "200 dead letters were deleted, then: " + away, 50, 0},
		{at("get", "", unavailable), "POST " + letters + "/000001/redrive", "", 503, away, 250, 0},
		{at("redrive", "", delivery.ErrFull), "POST " + letters + "/000001/redrive", "", 503, "the queue is full: try again later", 250, 0},
		{at("redrive", "", delivery.ErrDraining), "POST " + letters + "/000001/redrive", "", 503, "the gateway is shutting down: try again later", 250, 0},
		{at("redrive", "", delivery.ErrTooLarge), "POST " + letters + "/000001/redrive", "", 409, "the event is too large for the queue", 250, 0},
		{at("redrive", "000131", delivery.ErrFull), "POST " + letters + "/redrive", "{}", 503, "130 dead letters were redriven, then: the queue is full: try again later", 120, 130},
		{at("list", "000100", unavailable), "POST " + letters + "/redrive", "", 503, "100 dead letters were redriven, then: " + away, 150, 100},
		{at("redrive", "000201", delivery.ErrTooLarge), "POST " + letters + "/redrive", "", 202, "", 50, 200},
		{at("list", "", errors.New("broken")), "GET " + letters, "", 500, "internal error: the server's log tells more", 250, 0},
	} {
		in, q := withDeliveries(t, manyLetters()...)
		q.refuse = test.refuse
		method, path, _ := strings.Cut(test.request, " ")
		a := in.must(test.status, method, path, test.body)
		if a.message() != test.want || len(q.letters) != test.left || len(q.redriven) != test.redriven {
			t.Errorf("%s %s: got %s, %d left, %d redriven, want %s, %d, %d", test.request, test.body, a.body, len(q.letters), len(q.redriven),
				test.want, test.left, test.redriven)
		}
		if test.status == 202 && strings.TrimSpace(a.body) != `{"redriven":200,"tooLarge":50}` {
			t.Errorf("got %s", a.body)
		}
		if test.status == 503 && a.Header().Get("Retry-After") == "" {
			t.Errorf("%s: no Retry-After", test.request)
		}
	}
}

// A list that breaks off tells where to go on: there the client learns why.
func TestDeadLetterListBreaksOff(t *testing.T) {
	in, q := withDeliveries(t, manyLetters()...)
	q.refuse = func(step, id string) error {
		if step == "list" && id == "000200" {
			return delivery.ErrUnavailable
		}
		return nil
	}
	a := in.must(200, "GET", letters+"?limit=1000", "")
	if list, _ := a.field("deadLetters").([]any); len(list) != 200 || a.field("next") != "000200" {
		t.Errorf("%d listed, next %v", len(list), a.field("next"))
	}
	in.must(503, "GET", letters+"?limit=1000&after=000200", "")
}

// Dead letters need no store.
func TestDeadLettersWithoutAStore(t *testing.T) {
	in := unloadedInstance(t, newStore(t), configapi.Static{})
	q := new(deliveries)
	in.handler.Deliveries = q
	if err := q.Add(t.Context(), deadLetter("a", "s", "f", "e", "1", "timeout")); err != nil {
		t.Fatal(err)
	}
	if a := in.must(200, "GET", letters, ""); !strings.Contains(a.body, `"eventId":"1"`) {
		t.Errorf("got %s", a.body)
	}
}
