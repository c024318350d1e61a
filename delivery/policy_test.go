package delivery_test

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/delivery"
	"github.com/eventgateway/eventgateway/providers"
)

func TestPolicyOver(t *testing.T) {
	none, all := 0.0, 1.0
	base := delivery.DefaultPolicy()
	base.RetryOn, base.DeadLetter = []string{"5xx"}, "morgue"
	for name, test := range map[string]struct {
		over *eventgateway.Delivery
		want func(p *delivery.Policy)
	}{
		"nil":     {nil, func(*delivery.Policy) {}},
		"nothing": {&eventgateway.Delivery{Backoff: &eventgateway.Backoff{}}, func(*delivery.Policy) {}},
		"all": {
			&eventgateway.Delivery{
				Attempts: 7, MaxAge: eventgateway.Duration(time.Hour), Timeout: eventgateway.Duration(time.Minute),
				RetryOn: []string{"404"}, DeadLetter: "grave", Backoff: &eventgateway.Backoff{
					Initial: eventgateway.Duration(2 * time.Second), Factor: 3, Maximum: eventgateway.Duration(8 * time.Second), Jitter: &all,
				},
			},
			func(p *delivery.Policy) {
				*p = delivery.Policy{
					Attempts: 7, Initial: 2 * time.Second, Maximum: 8 * time.Second, Factor: 3, Jitter: 1,
					MaxAge: time.Hour, Timeout: time.Minute, RetryOn: []string{"404"}, DeadLetter: "grave",
				}
			},
		},
		"no jitter": {
			&eventgateway.Delivery{Backoff: &eventgateway.Backoff{Jitter: &none}},
			func(p *delivery.Policy) { p.Jitter = 0 },
		},
		"longer than the default maximum": {
			&eventgateway.Delivery{Backoff: &eventgateway.Backoff{Initial: eventgateway.Duration(time.Hour)}},
			func(p *delivery.Policy) { p.Initial, p.Maximum = time.Hour, time.Hour },
		},
		"shorter maximum": {
			&eventgateway.Delivery{Backoff: &eventgateway.Backoff{Maximum: eventgateway.Duration(time.Millisecond)}},
			func(p *delivery.Policy) { p.Maximum = time.Millisecond },
		},
	} {
		t.Run(name, func(t *testing.T) {
			want := base
			test.want(&want)
			if got := base.Over(test.over); !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

func asked(wait time.Duration) error {
	return fmt.Errorf("wrapped: %w", &providers.Error{Failure: providers.Throttled, RetryAfter: wait})
}

func TestPolicyWait(t *testing.T) {
	const second = time.Second
	plain := delivery.Policy{Initial: second, Factor: 2, Maximum: 5 * second, MaxAge: time.Minute}
	with := func(jitter float64) delivery.Policy {
		p := plain
		p.Jitter = jitter
		return p
	}
	steep := delivery.Policy{Initial: second, Factor: 10, Maximum: 24 * time.Hour, MaxAge: time.Minute}
	short := delivery.Policy{Initial: time.Minute, Factor: 2, Maximum: second, MaxAge: time.Minute}
	for name, test := range map[string]struct {
		policy      delivery.Policy
		attempts    int
		err         error
		least, most time.Duration
	}{
		"first":                    {plain, 1, nil, second, second},
		"second":                   {plain, 2, errors.New("some"), 2 * second, 2 * second},
		"third":                    {plain, 3, nil, 4 * second, 4 * second},
		"maximum":                  {plain, 4, nil, 5 * second, 5 * second},
		"none made":                {plain, 0, nil, second, second},
		"hundred attempts":         {steep, 100, nil, 24 * time.Hour, 24 * time.Hour},
		"initial over maximum":     {short, 1, nil, second, second},
		"jitter":                   {with(0.2), 2, nil, 1600 * time.Millisecond, 2 * second},
		"all jitter":               {with(1), 2, nil, 0, 2 * second},
		"asked for less":           {plain, 3, asked(second), 4 * second, 4 * second},
		"asked for more":           {plain, 1, asked(7 * second), 7 * second, 7 * second},
		"asked for more, jitter":   {with(1), 1, asked(7 * second), 7 * second, 8 * second},
		"asked for less, jitter":   {with(1), 2, asked(second), second, 2 * second},
		"asked for longer than is": {plain, 1, asked(time.Hour), 30 * second, 30 * second},
	} {
		t.Run(name, func(t *testing.T) {
			least, most := time.Duration(1<<62), time.Duration(0)
			for range 2000 {
				wait := test.policy.Wait(test.attempts, test.err)
				least, most = min(least, wait), max(most, wait)
			}
			if least < test.least || most > test.most {
				t.Errorf("got %s to %s, want within %s to %s", least, most, test.least, test.most)
			}
			// Of so many the outermost lie within a tenth of the ends.
			if tenth := (test.most - test.least) / 10; least > test.least+tenth || most < test.most-tenth {
				t.Errorf("got %s to %s, want all of %s to %s used", least, most, test.least, test.most)
			}
		})
	}
}

func TestPolicyRetries(t *testing.T) {
	const (
		unreachable = providers.Unreachable
		timeout     = providers.TimedOut
		throttled   = providers.Throttled
		failed      = providers.FunctionFailed
		bad         = providers.BadAnswer
	)
	type failure struct {
		class     providers.Failure
		status    int
		permanent bool
	}
	list := func(entries ...string) []string { return entries }
	for _, test := range []struct {
		retryOn []string
		failure failure
		want    bool
	}{
		{nil, failure{unreachable, 0, false}, true},
		{nil, failure{unreachable, 403, false}, true}, // credentials that a service does not take
		{nil, failure{unreachable, 0, true}, false},
		{nil, failure{timeout, 0, false}, true},
		{nil, failure{throttled, 429, false}, true},
		{nil, failure{throttled, 400, false}, true},
		{nil, failure{throttled, 503, false}, true},
		{nil, failure{bad, 0, false}, false},
		{nil, failure{bad, 500, false}, false},
		{nil, failure{failed, 0, false}, true},
		{nil, failure{failed, 0, true}, false},
		{nil, failure{failed, 200, false}, true}, // as Lambda answers for a function that failed
		{nil, failure{failed, 200, true}, false},
		{nil, failure{failed, 301, true}, false},
		{nil, failure{failed, 302, false}, false},
		{nil, failure{failed, 400, true}, false},
		{nil, failure{failed, 404, false}, false},
		{nil, failure{failed, 408, false}, true},
		{nil, failure{failed, 425, false}, true},
		{nil, failure{failed, 429, false}, true},
		{nil, failure{failed, 500, false}, true},
		{nil, failure{failed, 500, true}, false},
		{nil, failure{failed, 501, false}, false},
		{nil, failure{failed, 502, false}, true},
		{nil, failure{failed, 503, false}, true},
		{nil, failure{failed, 504, false}, true},
		{nil, failure{failed, 505, false}, false},
		{nil, failure{providers.Canceled, 0, false}, true},
		{nil, failure{delivery.ReasonTransformFailed, 0, false}, false},

		{list("unreachable"), failure{unreachable, 0, false}, true},
		{list("unreachable"), failure{unreachable, 0, true}, false},
		{list("unreachable"), failure{timeout, 0, false}, false},
		{list("unreachable"), failure{failed, 503, false}, false},
		{list("unreachable"), failure{providers.Canceled, 0, false}, true},
		{list("timeout", "bad_answer"), failure{bad, 0, false}, true},
		{list("timeout", "bad_answer"), failure{bad, 0, true}, false},
		{list("function_error"), failure{failed, 0, false}, true},
		{list("function_error"), failure{failed, 501, false}, true},
		{list("function_error"), failure{failed, 404, true}, false},
		{list("503"), failure{failed, 503, false}, true},
		{list("503"), failure{throttled, 503, false}, true},
		{list("503"), failure{failed, 500, false}, false},
		{list("503"), failure{failed, 0, false}, false},
		{list("404"), failure{failed, 404, true}, true},
		{list("4xx"), failure{failed, 422, true}, true},
		{list("4xx"), failure{failed, 500, false}, false},
		{list("4xx"), failure{failed, 0, false}, false},
		{list("5xx"), failure{failed, 599, true}, true},
		{list("5xx"), failure{failed, 404, true}, false},
		{list("5xx"), failure{bad, 502, false}, true},
		{list("timeout", "5xx", "404"), failure{failed, 404, true}, true},
		{list("xxx", "50", "5000", ""), failure{failed, 500, false}, false},
	} {
		p := delivery.DefaultPolicy()
		p.RetryOn = test.retryOn
		f := test.failure
		err := fmt.Errorf("wrapped: %w", &providers.Error{Failure: f.class, Status: f.status, Permanent: f.permanent})
		if got := p.Retries(f.class, err); got != test.want {
			t.Errorf("RetryOn %q, %+v: got %t", test.retryOn, f, got)
		}
	}
}

func TestPolicyRetriesBrokenExchanges(t *testing.T) {
	broken := &providers.Error{Failure: providers.BadAnswer, BrokenOff: true}
	p := delivery.DefaultPolicy()
	if !p.Retries(broken.Failure, broken) {
		t.Error("an exchange that broke off is not tried again")
	}
	p.RetryOn = []string{"timeout"}
	if p.Retries(broken.Failure, broken) {
		t.Error("it is tried again although the subscription lists other outcomes")
	}
	p.RetryOn = nil
	if err := errors.New("of no provider"); !p.Retries(providers.FailureOf(err), err) {
		t.Error("an error that is not explained is not tried again")
	}
}
