package delivery_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/delivery"
	"github.com/eventgateway/eventgateway/expression"
	"github.com/eventgateway/eventgateway/providers"
)

// subscriptionWith is a subscription of function "f" with transforms.
func subscriptionWith(id, transform string, headers map[string]string) *eventgateway.Subscription {
	return &eventgateway.Subscription{
		Space: "s", ID: "sub-" + id, FunctionID: id, Transforms: eventgateway.Transforms{Transform: transform, Headers: headers},
	}
}

func TestTargetOf(t *testing.T) {
	s := subscriptionWith("f", "", nil)
	params := eventgateway.PathParams{{Name: "id", Value: "7"}}
	got := delivery.TargetOf(s, params)
	if got.Function() != key("f") || got.SubscriptionID != "sub-f" || len(got.Params) != 1 || got.Transforms != nil {
		t.Errorf("got %+v", got)
	}
	s.ResponseTransform = "1" // changes the answer and not the call
	if got = delivery.TargetOf(s, nil); got.Transforms != nil {
		t.Errorf("got %+v", got)
	}
	for _, s := range []*eventgateway.Subscription{subscriptionWith("f", "1", nil), subscriptionWith("f", "", map[string]string{"A": "1"})} {
		if got := delivery.TargetOf(s, nil); got.Transforms != &s.Transforms {
			t.Errorf("got %+v", got)
		}
	}
}

// TestTransformsAreATargetsOwn delivers one event to functions with and without transforms.
func TestTransformsAreATargetsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(delivery.Limits{})
		got := make(chan string, 10)
		see := func(_ context.Context, c *providers.Call) (*providers.Result, error) {
			got <- string(c.Payload) + " " + c.ContentType + " " + c.Header.Get("X-Id")
			return &providers.Result{}, nil
		}
		for _, id := range []string{"a", "b", "c", "d"} {
			r.functions.setFormat(id, eventgateway.FormatRaw, see)
		}
		r.mustPut(t, delivery.Item{Event: newEvent("data"), Targets: []delivery.Target{
			delivery.TargetOf(subscriptionWith("a", `{"is": data}`, nil), nil),
			delivery.TargetOf(subscriptionWith("b", "", nil), nil),
			delivery.TargetOf(subscriptionWith("c", `data + "!"`, map[string]string{"X-Id": `event.id`}), nil),
			delivery.TargetOf(subscriptionWith("d", "", map[string]string{"X-Id": `"x"`}), nil),
		}})
		r.Drain(t.Context())
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

// TestATransformThatFailsIsReported checks that such a delivery is dropped with a reason and a line in the log that does
// not hold the payload, and that the others of the event are made.
func TestATransformThatFailsIsReported(t *testing.T) {
	r := newRig(delivery.Limits{})
	r.functions.set("f", succeed)
	r.functions.set("g", succeed)
	it := item("g")
	it.Event.Data = []byte("secret payload")
	it.Targets = append(it.Targets,
		delivery.TargetOf(subscriptionWith("f", `timestamp(data)`, nil), nil),
		delivery.TargetOf(subscriptionWith("f", "", map[string]string{"X-A": `{"a": "b"}[data]`}), nil))
	r.mustPut(t, it)
	r.Drain(t.Context())
	r.record.want(t, 1, map[string]int{"transform_failed": 2})
	if len(r.record.invoked) != 1 || r.record.invoked[""] != 1 {
		t.Errorf("invoked %v, want one success", r.record.invoked)
	}
	logged := lines(t, r.logged.String())
	if len(logged) != 1 || logged[0]["reason"] != "transform_failed" || logged[0]["subscription"] != "sub-f" {
		t.Errorf("logged %s", r.logged)
	}
	if contains(r.logged.String(), "secret") {
		t.Errorf("the log holds the payload: %s", r.logged)
	}
}

func TestCallTransforms(t *testing.T) {
	rec := newRecord()
	h := openFunction("f", "", func(_ context.Context, c *providers.Call) (*providers.Result, error) {
		return &providers.Result{Body: c.Payload}, nil
	})
	in := expression.NewInput(newEvent("data"))
	target := delivery.TargetOf(subscriptionWith("f", `event.type`, nil), nil)
	if res, err := delivery.Call(t.Context(), h, in, &target, rec); err != nil || string(res.Body) != "user.created" {
		t.Errorf("got %v, %v", res, err)
	}
	target = delivery.TargetOf(subscriptionWith("f", `data.none`, nil), nil)
	_, err := delivery.Call(t.Context(), h, in, &target, rec)
	var failed *expression.TransformError
	if !errors.As(err, &failed) || failed.Field != "transform" {
		t.Errorf("got %v", err)
	}
	if rec.invoked[""] != 1 || len(rec.invoked) != 1 {
		t.Errorf("invoked %v, want one success", rec.invoked)
	}
}
