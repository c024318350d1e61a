package configapi_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/configapi"
	"github.com/eventgateway/eventgateway/delivery"
)

func TestEvents(t *testing.T) {
	in, q := withDeliveries(t)
	q.traces["a e1"] = delivery.EventTrace{
		Space: "a", EventID: "e1", Type: "order.placed", ReceivedAt: died, State: "pending",
		Deliveries: []delivery.DeliveryTrace{
			{SubscriptionID: "s2", FunctionID: "g", Type: "sync", State: "delivered", Attempts: []delivery.AttemptTrace{
				{Attempt: 1, At: died, Duration: eventgateway.Duration(12 * time.Millisecond), Outcome: "delivered"},
			}},
			{SubscriptionID: "s1", FunctionID: "f", Type: "async", State: "pending", Next: died.Add(time.Minute), Attempts: []delivery.AttemptTrace{
				{Attempt: 1, At: died, Duration: eventgateway.Duration(time.Second), Outcome: "retried", Reason: "function_error", Error: "busy", Status: 503},
			}},
			{SubscriptionID: "s3", FunctionID: "f", Type: "async", State: "pending"},
		},
	}
	q.traces["a unmatched"] = delivery.EventTrace{Space: "a", EventID: "unmatched", Type: "e", ReceivedAt: died, State: "unmatched"}
	unknown := `{"errors":[{"message":"event \"e1\" is not known in space \"b\": events are remembered for 15m0s, at most the last 100000 of them"}]}`
	in.play([]step{
		{"GET", "/v1/spaces/a/events/e1", "", 200, `{"space":"a","eventId":"e1","event":"order.placed","receivedAt":"2026-01-31T12:00:00Z","state":"pending","deliveries":[` +
			`{"subscriptionId":"s2","functionId":"g","type":"sync","state":"delivered","attempts":[{"attempt":1,"at":"2026-01-31T12:00:00Z","duration":"12ms","outcome":"delivered"}]},` +
			`{"subscriptionId":"s1","functionId":"f","type":"async","state":"pending","next":"2026-01-31T12:01:00Z","attempts":[{"attempt":1,"at":"2026-01-31T12:00:00Z","duration":"1s","outcome":"retried","reason":"function_error","error":"busy","status":503}]},` +
			`{"subscriptionId":"s3","functionId":"f","type":"async","state":"pending","attempts":[]}]}`},
		{"GET", "/v1/spaces/a/events/unmatched", "", 200, `{"space":"a","eventId":"unmatched","event":"e","receivedAt":"2026-01-31T12:00:00Z","state":"unmatched","deliveries":[]}`},
		{"GET", "/v1/spaces/b/events/e1", "", 404, unknown},
		{"GET", "/v1/spaces/a/events/e1?x=1", "", 400, `{"errors":[{"message":"unknown query parameter \"x\": want none here"}]}`},
		{"GET", "/v1/spaces/a/events/e1/x", "", 404, `{"errors":[{"message":"path: \"/v1/spaces/a/events/e1/x\" is not a path of the Configuration API"}]}`},
	})
	if q.traces["a e1"].Deliveries[2].Attempts != nil {
		t.Error("what the queue handed out was changed")
	}
	if a := in.must(405, "POST", "/v1/spaces/a/events/e1", ""); a.Header().Get("Allow") != "GET, HEAD" {
		t.Errorf("Allow %q", a.Header().Get("Allow"))
	}
}

// A publisher chooses the ids of its CloudEvents.
func TestEventIDsOfAnyCharacters(t *testing.T) {
	in, q := withDeliveries(t)
	for _, id := range []string{
		"a/b", "//", ".", "..", "a b", "a?b#c", "a%2Fb", "ü€😀", `"quoted"`, "a;b&c=d", "redrive", "a\nb", "\x00", strings.Repeat("x", 4096),
	} {
		path := "/v1/spaces/a/events/" + url.PathEscape(id)
		if strings.Trim(id, ".") == "" {
			path = "/v1/spaces/a/events/" + strings.ReplaceAll(id, ".", "%2E")
		}
		in.must(404, "GET", path, "")
		q.traces["a "+id] = delivery.EventTrace{Space: "a", EventID: id, State: "delivered"}
		if a := in.must(200, "GET", path, ""); a.field("eventId") != id {
			t.Errorf("%q: %s", id, a.body)
		}
	}
}

// What became of events does not depend on the store.
func TestEventsWithoutAStore(t *testing.T) {
	in := unloadedInstance(t, newStore(t), configapi.Static{})
	in.handler.Deliveries = &deliveries{traces: map[string]delivery.EventTrace{"a 1": {EventID: "1"}}}
	in.must(200, "GET", "/v1/spaces/a/events/1", "")
}
