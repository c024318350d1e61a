package delivery

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway"
)

func TestDeliveryHeaders(t *testing.T) {
	ev, target := &eventgateway.Event{ID: "42", Depth: 3}, &Target{SubscriptionID: "5ub"}
	ev.Trace = eventgateway.TraceContext{Parent: "00-parent", State: "a=b"}
	shared := http.Header{
		"Ce-Id": {"42"}, "X-A": {"1", "2"}, "Event-Gateway-Attempt": {"9"}, "Event-Gateway-Dead-Letter-Reason": {"mine"},
		"Event-Gateway-Depth": {"0"}, "Traceparent": {"mine"},
	}
	before := fmt.Sprint(shared)
	for _, test := range []struct {
		attempt int
		dead    *DeadNote
		want    http.Header
	}{
		{1, nil, http.Header{
			"Event-Gateway-Event-Id": {"42"}, "Event-Gateway-Attempt": {"1"}, "Event-Gateway-Subscription-Id": {"5ub"},
		}},
		{100, nil, http.Header{
			"Event-Gateway-Event-Id": {"42"}, "Event-Gateway-Attempt": {"100"}, "Event-Gateway-Subscription-Id": {"5ub"},
		}},
		{2, &DeadNote{Reason: "function_error", Error: "it answered with status 500", FunctionID: "f", Attempts: 5}, http.Header{
			"Event-Gateway-Event-Id": {"42"}, "Event-Gateway-Attempt": {"2"}, "Event-Gateway-Subscription-Id": {"5ub"},
			"Event-Gateway-Dead-Letter-Reason": {"function_error"}, "Event-Gateway-Dead-Letter-Function-Id": {"f"},
			"Event-Gateway-Dead-Letter-Attempts": {"5"}, "Event-Gateway-Dead-Letter-Error": {"it answered with status 500"},
		}},
		{1, &DeadNote{Reason: "expired", FunctionID: "f"}, http.Header{
			"Event-Gateway-Event-Id": {"42"}, "Event-Gateway-Attempt": {"1"}, "Event-Gateway-Subscription-Id": {"5ub"},
			"Event-Gateway-Dead-Letter-Reason": {"expired"}, "Event-Gateway-Dead-Letter-Function-Id": {"f"},
			"Event-Gateway-Dead-Letter-Attempts": {"0"},
		}},
	} {
		for _, header := range []http.Header{nil, shared} {
			want := test.want.Clone()
			want["Event-Gateway-Depth"], want["Event-Gateway-Cause"] = []string{"4"}, []string{"42"}
			want["Traceparent"], want["Tracestate"] = []string{"00-parent"}, []string{"eventgateway=d:4,a=b"}
			if header != nil {
				want["Ce-Id"], want["X-A"] = []string{"42"}, []string{"1", "2"}
			}
			encoded := eventgateway.Encoded{Header: header}
			setDeliveryHeaders(&encoded, ev, target, test.attempt, test.dead)
			if fmt.Sprint(encoded.Header) != fmt.Sprint(want) {
				t.Errorf("attempt %d:\n got %v\nwant %v", test.attempt, encoded.Header, want)
			}
			encoded.Header["X-A"] = nil
		}
	}
	if fmt.Sprint(shared) != before {
		t.Errorf("the shared headers are now %v", shared)
	}
}

// TestDeliveryHeaderValues puts what no header may have where senders and functions can put something.
func TestDeliveryHeaderValues(t *testing.T) {
	for _, test := range []struct{ given, id, text string }{
		{"plain-1.2:3", "plain-1.2:3", "plain-1.2:3"},
		{"a b\"%", "a%20b%22%25", `a b"%`},
		{"é", "%C3%A9", "?"},
		{"\r\nX: y\x00\x7f", "%0D%0AX:%20y%00%7F", "X: y??"},
		{"\xff", "%EF%BF%BD", "?"},
		{" \t ", "%20%09%20", ""},
		{strings.Repeat("a", 256), strings.Repeat("a", 256), strings.Repeat("a", 256)},
		{strings.Repeat("a", 512), strings.Repeat("a", 512), strings.Repeat("a", 253) + "..."},
		{strings.Repeat(" ", 170), strings.Repeat("%20", 170), ""},
		{strings.Repeat(" ", 171), hashText(strings.Repeat(" ", 171)), ""},
		{strings.Repeat("a", 1<<20), hashText(strings.Repeat("a", 1<<20)), strings.Repeat("a", 253) + "..."},
	} {
		encoded := eventgateway.Encoded{}
		dead := &DeadNote{Reason: "r\n", Error: test.given, FunctionID: "f\n"}
		setDeliveryHeaders(&encoded, &eventgateway.Event{ID: test.given}, &Target{SubscriptionID: "s\n"}, 1, dead)
		if got := encoded.Header.Get(HeaderEventID); got != test.id {
			t.Errorf("%.20q: the id is %q, want %q", test.given, got, test.id)
		}
		if got := encoded.Header.Get(HeaderDeadError); got != test.text {
			t.Errorf("%.20q: the error is %q, want %q", test.given, got, test.text)
		}
		for name, values := range encoded.Header {
			if http.CanonicalHeaderKey(name) != name || len(values) != 1 || len(values[0]) > 512 ||
				!eventgateway.ValidHeaderValue(values[0]) {
				t.Errorf("%.20q: %s has the values %q", test.given, name, values)
			}
		}
	}
}

func BenchmarkDeliveryHeaders(b *testing.B) {
	ev, target := &eventgateway.Event{ID: strings.Repeat("e", 36)}, &Target{SubscriptionID: strings.Repeat("a", 32)}
	b.ReportAllocs()
	for b.Loop() {
		encoded := eventgateway.Encoded{}
		setDeliveryHeaders(&encoded, ev, target, 1, nil)
	}
}
