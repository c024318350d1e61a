package eventgateway_test

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway"
)

// fullDelivery sets every field to something that is accepted.
func fullDelivery() *eventgateway.Delivery {
	jitter := 0.0
	return &eventgateway.Delivery{
		Attempts: 100,
		Backoff: &eventgateway.Backoff{
			Initial: 1, Factor: 10, Maximum: eventgateway.Duration(eventgateway.MaxBackoff), Jitter: &jitter,
		},
		MaxAge: eventgateway.Duration(eventgateway.MaxDeliveryAge), Timeout: eventgateway.Duration(eventgateway.MaxTimeout),
		RetryOn: []string{
			"100", "503", "599", "4xx", "5xx", "unreachable", "timeout", "throttled", "function_error", "bad_answer",
		},
		DeadLetter: "dead", OrderingKey: "data.customerId",
	}
}

func TestDeliveryValidate(t *testing.T) {
	const (
		wait      = "more than 0s and at most 24h"
		retriable = "a status from 100 to 599, 4xx, 5xx, unreachable, timeout, throttled, function_error or bad_answer"
	)
	statuses := func(n int) []string {
		list := make([]string, n)
		for i := range list {
			list[i] = fmt.Sprint(500 + i)
		}
		return list
	}
	jitter := func(d *eventgateway.Delivery, v float64) { d.Backoff.Jitter = &v }
	for _, test := range []struct {
		name   string
		change func(*eventgateway.Delivery)
		want   string
	}{
		{"everything", func(*eventgateway.Delivery) {}, ""},
		{"nothing", func(d *eventgateway.Delivery) { *d = eventgateway.Delivery{} }, ""},
		{"one attempt", func(d *eventgateway.Delivery) { d.Attempts = 1 }, ""},
		{
			"negative attempts", func(d *eventgateway.Delivery) { d.Attempts = -1 },
			"delivery.attempts: -1 is not accepted: want 1 to 100",
		},
		{
			"many attempts", func(d *eventgateway.Delivery) { d.Attempts = 101 },
			"delivery.attempts: 101 is not accepted: want 1 to 100",
		},
		{
			"negative wait", func(d *eventgateway.Delivery) { d.Backoff.Initial = -1 },
			`delivery.backoff.initial: "-1ns" is not accepted: want ` + wait,
		},
		{
			"long wait", func(d *eventgateway.Delivery) { d.Backoff.Initial = eventgateway.Duration(24*time.Hour + 1) },
			`delivery.backoff.initial: "24h0m0.000000001s" is not accepted: want ` + wait,
		},
		{
			"negative maximum", func(d *eventgateway.Delivery) { d.Backoff.Maximum = -1 },
			`delivery.backoff.maximum: "-1ns" is not accepted: want ` + wait,
		},
		{
			"long maximum", func(d *eventgateway.Delivery) { d.Backoff.Maximum++ },
			`delivery.backoff.maximum: "24h0m0.000000001s" is not accepted: want ` + wait,
		},
		{
			"a maximum below the initial wait", func(d *eventgateway.Delivery) {
				d.Backoff.Initial, d.Backoff.Maximum = eventgateway.Duration(2*time.Second), eventgateway.Duration(time.Second)
			},
			`delivery.backoff.maximum: "1s" is not accepted: want at least the initial wait, 2s`,
		},
		{
			"a maximum of the initial wait", func(d *eventgateway.Delivery) {
				d.Backoff.Initial, d.Backoff.Maximum = eventgateway.Duration(time.Second), eventgateway.Duration(time.Second)
			}, "",
		},
		{"a maximum alone", func(d *eventgateway.Delivery) { d.Backoff = &eventgateway.Backoff{Maximum: 1} }, ""},
		{"factor 1", func(d *eventgateway.Delivery) { d.Backoff.Factor = 1 }, ""},
		{
			"small factor", func(d *eventgateway.Delivery) { d.Backoff.Factor = 0.5 },
			"delivery.backoff.factor: 0.5 is not accepted: want 1 to 10",
		},
		{
			"negative factor", func(d *eventgateway.Delivery) { d.Backoff.Factor = -2 },
			"delivery.backoff.factor: -2 is not accepted: want 1 to 10",
		},
		{
			"large factor", func(d *eventgateway.Delivery) { d.Backoff.Factor = 10.5 },
			"delivery.backoff.factor: 10.5 is not accepted: want 1 to 10",
		},
		{
			"a factor that is none", func(d *eventgateway.Delivery) { d.Backoff.Factor = math.NaN() },
			"delivery.backoff.factor: NaN is not accepted: want 1 to 10",
		},
		{"all jitter", func(d *eventgateway.Delivery) { jitter(d, 1) }, ""},
		{
			"negative jitter", func(d *eventgateway.Delivery) { jitter(d, -0.1) },
			"delivery.backoff.jitter: -0.1 is not accepted: want 0 to 1",
		},
		{
			"large jitter", func(d *eventgateway.Delivery) { jitter(d, 1.1) },
			"delivery.backoff.jitter: 1.1 is not accepted: want 0 to 1",
		},
		{
			"jitter that is no number", func(d *eventgateway.Delivery) { jitter(d, math.NaN()) },
			"delivery.backoff.jitter: NaN is not accepted: want 0 to 1",
		},
		{
			"negative age", func(d *eventgateway.Delivery) { d.MaxAge = -1 },
			`delivery.maxAge: "-1ns" is not accepted: want more than 0s and at most 720h, which is 30 days`,
		},
		{
			"great age", func(d *eventgateway.Delivery) { d.MaxAge++ },
			`delivery.maxAge: "720h0m0.000000001s" is not accepted: want more than 0s and at most 720h, which is 30 days`,
		},
		{
			"negative timeout", func(d *eventgateway.Delivery) { d.Timeout = -1 },
			`delivery.timeout: "-1ns" is not accepted: want more than 0s and at most 15m`,
		},
		{
			"long timeout", func(d *eventgateway.Delivery) { d.Timeout++ },
			`delivery.timeout: "15m0.000000001s" is not accepted: want more than 0s and at most 15m`,
		},
		{"32 outcomes", func(d *eventgateway.Delivery) { d.RetryOn = statuses(32) }, ""},
		{
			"33 outcomes", func(d *eventgateway.Delivery) { d.RetryOn = statuses(33) },
			"delivery.retryOn: 33 entries are not accepted: want at most 32",
		},
		{
			"an outcome twice", func(d *eventgateway.Delivery) { d.RetryOn = []string{"503", "5xx", "503"} },
			`delivery.retryOn: "503" is given twice: want every entry once`,
		},
		{
			"no dead letter function", func(d *eventgateway.Delivery) { d.DeadLetter = "a b" },
			`delivery.deadLetter: "a b" is not accepted: want 1 to 255 letters, digits, dots, dashes or underscores`,
		},
		{
			"a long ordering key", func(d *eventgateway.Delivery) { d.OrderingKey = strings.Repeat("x", 8193) },
			"delivery.orderingKey: 8193 bytes are not accepted: want at most 8192",
		},
		{
			"an ordering key that is no text", func(d *eventgateway.Delivery) { d.OrderingKey = "\xff" },
			"delivery.orderingKey: not valid UTF-8: want a CEL expression",
		},
	} {
		d := fullDelivery()
		test.change(d)
		d.Normalize()
		wantError(t, test.name, d.Validate(), test.want)
	}
	for _, outcome := range []string{"", "99", "099", "600", "5x0", "50", "5030", "4XX", "3xx", "5xx ", "canceled", "-12"} {
		d := eventgateway.Delivery{RetryOn: []string{"500", outcome}}
		wantError(t, outcome, d.Validate(), fmt.Sprintf("delivery.retryOn: %q is not accepted: want %s", outcome, retriable))
	}
}

func TestSubscriptionDelivery(t *testing.T) {
	for _, test := range []struct {
		name  string
		given eventgateway.Subscription
		want  string
	}{
		{"a policy", eventgateway.Subscription{Delivery: fullDelivery()}, ""},
		{"paused", eventgateway.Subscription{Paused: true}, ""},
		{"nothing said of a sync one", eventgateway.Subscription{Type: "sync", Delivery: &eventgateway.Delivery{}}, ""},
		{
			"a policy of a sync one",
			eventgateway.Subscription{Type: "sync", Delivery: fullDelivery()},
			`delivery: not accepted for type "sync": want it only for async, where the sender does not wait`,
		},
		{
			"a sync one paused",
			eventgateway.Subscription{Type: "sync", Paused: true},
			`paused: not accepted for type "sync": want it only for async, where the sender does not wait`,
		},
		{
			"dead letters to itself",
			eventgateway.Subscription{Delivery: &eventgateway.Delivery{DeadLetter: "f"}},
			`delivery.deadLetter: "f" is not accepted: want another function than the subscription's own`,
		},
		{
			"inside",
			eventgateway.Subscription{Delivery: &eventgateway.Delivery{Attempts: 101}},
			"delivery.attempts: 101 is not accepted: want 1 to 100",
		},
	} {
		s := test.given
		s.Event, s.FunctionID = "user.created", "f"
		s.Normalize()
		wantError(t, test.name, s.Validate(), test.want)
	}
}

func TestDeliveryIsNotPartOfTheIdentity(t *testing.T) {
	plain := eventgateway.Subscription{Event: "user.created", FunctionID: "f"}
	with := eventgateway.Subscription{Event: "user.created", FunctionID: "f", Delivery: fullDelivery(), Paused: true}
	plain.Normalize()
	with.Normalize()
	if plain.ID != with.ID {
		t.Errorf("the ids are %s and %s", plain.ID, with.ID)
	}
}

// What says nothing is not kept, so that it is stored and shown in one way.
func TestNormalizeDelivery(t *testing.T) {
	for _, test := range []struct{ given, want *eventgateway.Delivery }{
		{nil, nil},
		{&eventgateway.Delivery{}, nil},
		{&eventgateway.Delivery{Backoff: &eventgateway.Backoff{}, RetryOn: []string{}}, nil},
		{&eventgateway.Delivery{Attempts: 1, Backoff: &eventgateway.Backoff{}}, &eventgateway.Delivery{Attempts: 1}},
		{&eventgateway.Delivery{MaxAge: 1, RetryOn: []string{}}, &eventgateway.Delivery{MaxAge: 1}},
		{&eventgateway.Delivery{Timeout: 1}, &eventgateway.Delivery{Timeout: 1}},
		{&eventgateway.Delivery{RetryOn: []string{"500"}}, &eventgateway.Delivery{RetryOn: []string{"500"}}},
		{&eventgateway.Delivery{DeadLetter: "d"}, &eventgateway.Delivery{DeadLetter: "d"}},
		{&eventgateway.Delivery{OrderingKey: "k"}, &eventgateway.Delivery{OrderingKey: "k"}},
		{
			&eventgateway.Delivery{Backoff: &eventgateway.Backoff{Jitter: new(float64)}},
			&eventgateway.Delivery{Backoff: &eventgateway.Backoff{Jitter: new(float64)}},
		},
		{fullDelivery(), fullDelivery()},
	} {
		s := eventgateway.Subscription{Event: "e", FunctionID: "f", Delivery: test.given.Clone()}
		if s.Normalize(); !reflect.DeepEqual(s.Delivery, test.want) {
			t.Errorf("Normalize makes %+v of %+v, want %+v", s.Delivery, test.given, test.want)
		}
	}
}

func TestDeliveryJSON(t *testing.T) {
	written, err := json.Marshal(fullDelivery())
	want := `{"attempts":100,"backoff":{"initial":"1ns","factor":10,"maximum":"24h0m0s","jitter":0},"maxAge":"720h0m0s",` +
		`"timeout":"15m0s","retryOn":["100","503","599","4xx","5xx","unreachable","timeout","throttled","function_error",` +
		`"bad_answer"],"deadLetter":"dead","orderingKey":"data.customerId"}`
	if err != nil || string(written) != want {
		t.Errorf("got %s, %v, want %s", written, err, want)
	}
	again := new(eventgateway.Delivery)
	if err := json.Unmarshal(written, again); err != nil || !reflect.DeepEqual(again, fullDelivery()) {
		t.Errorf("read %+v, %v", again, err)
	}
}

func TestCloneSharesNothing(t *testing.T) {
	original := fullDelivery()
	clone := original.Clone()
	clone.Attempts, clone.Backoff.Factor, clone.RetryOn[0] = 1, 2, "200"
	*clone.Backoff.Jitter = 1
	if !reflect.DeepEqual(original, fullDelivery()) {
		t.Errorf("a change of the copy makes the original %+v", original)
	}
}
