package weighted

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
)

const changed = `"functions":[{"functionId":"old","weight":80},{"functionId":"new","weight":20}],` +
	`"previous":[{"functionId":"old","weight":100}]`

// TestRetreat has a member begin to fail, or to be slow, after it did well: it is left within the window, and not again called.
func TestRetreat(t *testing.T) {
	for _, test := range []struct {
		name, limits, reason string
		answer               func(context.Context) error
		patience             time.Duration
	}{
		{"all fail", `"errorRate":0.5`, "errorRate", fails(providers.FunctionFailed), time.Minute},
		{"all fail, strict", `"errorRate":0`, "errorRate", fails(providers.TimedOut), time.Second},
		{"no connection", `"errorRate":0.2,"window":"10s"`, "errorRate", fails(providers.Unreachable), 10 * time.Second},
		{"slow", `"latency":"50ms","window":"30s"`, "latency", takes(60 * time.Millisecond), 30 * time.Second},
		{"slow median", `"latency":"50ms","quantile":0.5`, "latency", takes(60 * time.Millisecond), time.Minute},
		{"both, slow", `"errorRate":0.1,"latency":"50ms"`, "latency", takes(60 * time.Millisecond), time.Minute},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, sick := newRig(t), false
				r.member("old", nil)
				r.member("new", func(ctx context.Context) error {
					if sick {
						return test.answer(ctx)
					}
					return nil
				})
				h := r.weighted(`{` + changed + `,"retreat":{` + test.limits + `}}`)
				for range 6000 { // two minutes in which all is well
					if _, err := call(t, h, ""); err != nil {
						t.Fatal(err)
					}
					time.Sleep(20 * time.Millisecond)
				}
				if len(r.retreats) > 0 || r.called("new") < 1000 {
					t.Fatalf("after %d good calls: %+v", r.called("new"), r.retreats)
				}
				sick = true
				start := time.Now()
				for len(r.retreats) == 0 && time.Since(start) <= test.patience {
					_, _ = call(t, h, "")
					time.Sleep(20 * time.Millisecond)
				}
				if len(r.retreats) != 1 {
					t.Fatalf("%d retreats within %v", len(r.retreats), test.patience)
				}
				got := r.retreats[0]
				if got.Member != "new" || got.Reason != test.reason || got.Space != r.space || got.FunctionID != "w" ||
					fmt.Sprint(got.From, got.To) != "[{old 80} {new 20}] [{old 100}]" || got.Calls < defaultMinimumCalls {
					t.Errorf("told of %+v", got)
				}
				before := r.called("new")
				for range 1000 {
					if answer, err := call(t, h, ""); answer != "old" {
						t.Fatalf("got %q, %v after the retreat", answer, err)
					}
				}
				if r.called("new") != before || len(r.retreats) != 1 {
					t.Errorf("%d calls after the retreat, %d retreats", r.called("new")-before, len(r.retreats))
				}
			})
		})
	}
}

// TestNoRetreat stays where there is nothing to retreat from, or nothing to retreat to.
func TestNoRetreat(t *testing.T) {
	const limits = `"retreat":{"errorRate":0.1,"minimumCalls":10}`
	for _, test := range []struct{ name, fields, sick string }{
		{"it fails as always", `{` + changed + `,` + limits + `}`, "old"},
		{"no weights before", `{"functions":[{"functionId":"old","weight":1},{"functionId":"new","weight":1}],` + limits + `}`, "new"},
		{"no limits", `{` + changed + `}`, "new"},
		{"few calls", `{` + changed + `,"retreat":{"errorRate":0.1,"minimumCalls":1000}}`, "new"},
		{"the same weights", `{"functions":[{"functionId":"old","weight":1},{"functionId":"new","weight":1}],` +
			`"retreat":{"errorRate":0.1,"minimumCalls":10,"to":[{"functionId":"old","weight":5},{"functionId":"new","weight":5}]}}`, "new"},
	} {
		r := newRig(t)
		r.member("old", nil)
		r.member("new", nil)
		r.member(test.sick, fails(providers.FunctionFailed))
		h := r.weighted(test.fields)
		for range 1000 {
			_, _ = call(t, h, "")
		}
		if len(r.retreats) > 0 {
			t.Errorf("%s: %+v", test.name, r.retreats[0])
		}
	}
}

// TestCanceledCalls says nothing of a member, unless it had as long as it may take.
func TestCanceledCalls(t *testing.T) {
	for _, test := range []struct {
		after    time.Duration
		retreats int
	}{{time.Millisecond, 0}, {time.Second, 1}} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.member("old", nil)
			r.member("new", takes(time.Hour))
			h := r.weighted(`{"functions":[{"functionId":"new","weight":1}],"retreat":{"errorRate":0,"latency":"100ms","to":[{"functionId":"old","weight":1}]}}`)
			for range 40 {
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(test.after, cancel)
				_, _ = h.Invoke(ctx, &providers.Call{})
			}
			if len(r.retreats) != test.retreats || test.retreats > 0 && r.retreats[0].Reason != "latency" {
				t.Errorf("given up after %v: %+v", test.after, r.retreats)
			}
		})
	}
}

// TestStatusCounts takes an answer to an http event with a status of 500 and more for a failure.
func TestStatusCounts(t *testing.T) {
	r := newRig(t)
	r.member("old", nil)
	r.member("new", nil)
	for _, test := range []struct {
		body   string
		http   bool
		counts bool
	}{
		{`{"statusCode":500}`, true, true},
		{`{"body":"{\"statusCode\":200}","statusCode":503}`, true, true},
		{`{"statusCode":404}`, true, false},
		{`{"body":"\"statusCode\":500"}`, true, false},
		{`{"statusCode":500`, true, false},
		{`{"statusCode":500}`, false, false},
	} {
		h := r.weighted(`{"functions":[{"functionId":"new","weight":1}],"retreat":{"errorRate":0,"minimumCalls":1,"to":[{"functionId":"old","weight":1}]}}`)
		ev := &eventgateway.Event{Type: "http"}
		if test.http {
			ev.HTTP = &eventgateway.HTTPRequest{}
		}
		before := len(r.retreats)
		route := h.Router().Route(ev, "")
		if _, err := route.Next(); err != nil {
			t.Fatal(err)
		}
		route.Done(&providers.Result{Body: []byte(test.body)}, nil, 0)
		if counted := len(r.retreats) > before; counted != test.counts {
			t.Errorf("%+v: counted %v", test, counted)
		}
	}
}

// TestRetreatIsKept opens a function that has retreated already, as after a reload.
func TestRetreatIsKept(t *testing.T) {
	r := newRig(t)
	r.member("old", nil)
	r.member("new", fails(providers.FunctionFailed))
	r.retreat = &eventgateway.Retreat{
		From: []eventgateway.Share{{FunctionID: "old", Weight: 80}, {FunctionID: "new", Weight: 20}},
		To:   []eventgateway.Share{{FunctionID: "old", Weight: 100}},
	}
	h := r.weighted(`{` + changed + `,"retreat":{"errorRate":0.1}}`)
	for range 1000 {
		if answer, err := call(t, h, ""); answer != "old" {
			t.Fatalf("got %q, %v", answer, err)
		}
	}
	h = r.weighted(`{"functions":[{"functionId":"old","weight":1},{"functionId":"new","weight":99}]}`)
	for range 1000 {
		_, _ = call(t, h, "")
	}
	if r.called("new") == 0 {
		t.Error("a retreat from other weights counts")
	}
}

// TestGoBack writes a retreat into the fields.
func TestGoBack(t *testing.T) {
	fn := &eventgateway.Function{ID: "w", Type: "weighted", Provider: json.RawMessage(
		`{"functions":[{"functionId":"old","weight":80},{"functionId":"new","weight":20},{"functionId":"copy","shadow":true}],` +
			`"failover":["new"],"retreat":{"errorRate":0.1},"previous":[{"functionId":"old","weight":100}]}`)}
	r := &eventgateway.Retreat{
		Space: "s", FunctionID: "w", At: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Member: "new", Reason: "errorRate", Calls: 20, Failed: 5,
		From: []eventgateway.Share{{FunctionID: "new", Weight: 20}, {FunctionID: "old", Weight: 80}},
		To:   []eventgateway.Share{{FunctionID: "old", Weight: 100}},
	}
	fields, ok := providers.WithRetreat(fn, r)
	want := `{"functions":[{"functionId":"old","weight":100},{"functionId":"new","weight":0},{"functionId":"copy","shadow":true}],` +
		`"failover":["new"],"retreat":{"errorRate":0.1},"retreated":{"at":"2026-01-02T03:04:05Z","member":"new","reason":"errorRate",` +
		`"calls":20,"failed":5,"slow":0,"from":[{"functionId":"new","weight":20},{"functionId":"old","weight":80}]}}`
	if !ok || string(fields) != want {
		t.Fatalf("got %v %s, want %s", ok, fields, want)
	}
	fn.Provider = fields
	if parts := providers.PartsOf(fn); parts.Retreated == nil || parts.Retreated.Member != "new" ||
		!slices.Equal(parts.Shares, []eventgateway.Share{{FunctionID: "old", Weight: 100}, {FunctionID: "new"}}) {
		t.Errorf("it consists of %+v", parts)
	}
	if fields, ok := providers.WithRetreat(fn, r); ok {
		t.Errorf("it retreats a second time: %s", fields)
	}
}
