package delivery_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/delivery"
	"github.com/eventgateway/eventgateway/providers"
)

// transform sets the subscription of a function to one with transforms.
func (s *resources) transform(id, transform string, headers map[string]string) {
	s.subscribe(id, &eventgateway.Subscription{
		Space: "s", ID: "sub-" + id, FunctionID: id, Transforms: eventgateway.Transforms{Transform: transform, Headers: headers},
	})
}

// TestTransformsAreASubscriptionsOwn delivers one event to functions with and without transforms.
func TestTransformsAreASubscriptionsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, delivery.Limits{})
		got := make(chan string, 10)
		see := func(_ context.Context, c *providers.Call) (*providers.Result, error) {
			got <- string(c.Payload) + " " + c.ContentType + " " + c.Header.Get("X-Id")
			return &providers.Result{}, nil
		}
		for _, id := range []string{"a", "b", "c", "d"} {
			r.setFormat(id, eventgateway.FormatRaw, see)
		}
		r.transform("a", `{"is": data}`, nil)
		r.transform("c", `data + "!"`, map[string]string{"X-Id": `event.id`})
		r.transform("d", "", map[string]string{"X-Id": `"x"`})
		r.mustPut(t, item("a", "b", "c", "d"))
		r.drain(t)
		close(got)
		seen := map[string]int{}
		for g := range got {
			seen[g]++
		}
		for _, want := range []string{
			`{"is":"data"} application/json `, "data text/plain ", "data! text/plain; charset=utf-8 id-1", "data text/plain x",
		} {
			if seen[want] != 1 {
				t.Errorf("%q was sent %d times; sent was %v", want, seen[want], seen)
			}
		}
		r.record.want(t, 4, nil)
	})
}

// TestTransformIsThatOfTheAttempt changes a subscription while an event waits for its second attempt.
func TestTransformIsThatOfTheAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRigOf(t, newVolatileLog(), delivery.Options{Policy: regular(2)})
		var got []string
		r.setFormat("f", eventgateway.FormatRaw, func(_ context.Context, c *providers.Call) (*providers.Result, error) {
			got = append(got, string(c.Payload))
			r.transform("f", `"after"`, nil)
			return nil, providers.Errorf(providers.Throttled, "later")
		})
		r.transform("f", `"before"`, nil)
		r.mustPut(t, item("f"))
		r.drain(t)
		if len(got) != 2 || got[0] != "before" || got[1] != "after" {
			t.Errorf("got %q", got)
		}
	})
}

// TestATransformThatFailsIsReported checks that such a delivery is given up with a reason and a line in the log that does
// not hold the payload, and that the others of the event are made.
func TestATransformThatFailsIsReported(t *testing.T) {
	r := newRigOf(t, newVolatileLog(), delivery.Options{Policy: regular(5)})
	r.set("f", succeed)
	r.set("g", succeed)
	r.set("h", succeed)
	r.transform("f", `timestamp(data)`, nil)
	r.transform("h", "", map[string]string{"X-A": `{"a": "b"}[data]`})
	it := item("g", "f", "h")
	it.Event.Data = []byte("secret payload")
	r.mustPut(t, it)
	r.drain(t)
	r.record.want(t, 1, map[string]int{"transform_failed": 2})
	r.record.wantAttempts(t, 1, 0, 2)
	if len(r.record.invoked) != 1 || r.record.invoked[""] != 1 {
		t.Errorf("invoked %v, want one success", r.record.invoked)
	}
	for _, line := range r.logged.lines(t) {
		if line["reason"] != "transform_failed" {
			t.Errorf("logged %s", r.logged)
		}
	}
	if got := len(r.logged.lines(t)); got != 2 || contains(r.logged.String(), "secret") {
		t.Errorf("%d lines, or one with the payload: %s", got, r.logged)
	}
	for _, letter := range r.log.dead(t) {
		if letter.Reason != delivery.ReasonTransformFailed || letter.Attempts != 1 || contains(letter.Error, "secret") {
			t.Errorf("dead letter %+v", letter)
		}
	}
}
