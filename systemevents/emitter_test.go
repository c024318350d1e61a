package systemevents_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/delivery"
	"github.com/eventgateway/eventgateway/eventsapi"
	"github.com/eventgateway/eventgateway/matcher"
	"github.com/eventgateway/eventgateway/plugins"
	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/snapshot"
	"github.com/eventgateway/eventgateway/systemevents"
)

var _ eventsapi.Stages = (*systemevents.Emitter)(nil)

var update = flag.Bool("update", false, "write the golden files instead of comparing with them")

func TestWhoIsTold(t *testing.T) {
	const received, invoking, invoked, failed = eventgateway.EventReceived, eventgateway.FunctionInvoking,
		eventgateway.FunctionInvoked, eventgateway.FunctionInvocationFailed
	for _, test := range []struct {
		name          string
		subscriptions []string
		want          []string
	}{
		{"nobody", nil, nil},
		{"others only", []string{"async user.created f", "sync http f"}, nil},
		{
			"one of each",
			[]string{"async " + received + " a", "async " + invoking + " b", "async " + invoked + " c", "async " + failed + " d"},
			[]string{received + "→a", invoking + "→b", invoked + "→c", failed + "→d"},
		},
		{"the other prefix", []string{"async eventgateway.function.invoked c"}, []string{invoked + "→c"}},
		{
			"a wildcard",
			[]string{"async gateway.* a", "async eventgateway.function.* b", "async * c", "async gateway.function.invoked d"},
			[]string{received + "→a", invoking + "→a,b", invoked + "→a,b,d", failed + "→a,b"},
		},
		{
			"a sync subscription too, through the queue",
			[]string{"sync " + invoked + " a", "async " + invoked + " b"},
			[]string{invoked + "→a,b"},
		},
		{"another space", []string{"async " + invoked + " other/a"}, nil},
		{"filters", []string{
			"async " + invoked + ` a data.functionId == "f"`, "async " + invoked + ` b data.functionId == "g"`,
			"async " + received + ` c data.event.data.n > 5.0`,
		}, []string{invoked + "→a"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t, test.subscriptions)
			r.emit(t.Context(), custom())
			if got := r.queue.got(); !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
			var want []string
			for _, event := range test.want {
				want = append(want, "emitted s "+strings.Split(event, "→")[0])
			}
			r.observer.want(t, want...)
		})
	}
}

// TestSystemEventsEmitNone goes through the stages of system events themselves.
func TestSystemEventsEmitNone(t *testing.T) {
	told := 0
	r := newRig(t, []string{"async gateway.* a"}, &plugin{eventgateway.SystemEvents, func(context.Context, *eventgateway.Event) error {
		told++
		return nil
	}})
	for _, event := range eventgateway.SystemEvents {
		ev := custom()
		ev.Type = event
		r.emit(t.Context(), ev)
	}
	if got := r.queue.got(); len(got) > 0 || told > 0 {
		t.Errorf("emitted %q, and told plugins %d times", got, told)
	}
	r.observer.want(t)
}

// TestSystemEvent shows what system events are, but for their data.
func TestSystemEvent(t *testing.T) {
	r := newRig(t, []string{"async gateway.* a"})
	about := custom()
	about.Depth, about.Trace = 3, eventgateway.TraceContext{Parent: "00-parent", State: "a=b"}
	r.emit(t.Context(), about)
	seen := map[string]bool{}
	for _, it := range r.queue.items {
		ev := it.Event
		if ev.Depth != 4 || ev.Cause != "id%201" || ev.Trace != about.Trace || ev.DataType != eventgateway.TypeJSON ||
			ev.ReceivedAt.IsZero() || seen[ev.ID] || ev.ID == "" {
			t.Errorf("emitted %+v", ev)
		}
		seen[ev.ID] = true
	}
	if len(seen) != 4 {
		t.Errorf("emitted %d events", len(seen))
	}
}

// TestDataGolden shows the data of system events. Run with -update to write the file anew.
func TestDataGolden(t *testing.T) {
	httpEvent := custom()
	httpEvent.Type = eventgateway.EventHTTP
	httpEvent.HTTP = &eventgateway.HTTPRequest{Path: "/users/ü", Method: "POST", Host: "example.com"}
	flagged := custom()
	flagged.Authorization, flagged.SchemaViolation = []byte(`{"principalId":"p"}`), "n: want a string"
	var out strings.Builder
	for _, test := range []struct {
		name string
		ev   *eventgateway.Event
	}{{"a custom event", custom()}, {"an http event", httpEvent}, {"one that was looked at", flagged}} {
		r := newRig(t, []string{"async gateway.* a"})
		r.emit(t.Context(), test.ev)
		fmt.Fprintf(&out, "== %s\n", test.name)
		for _, it := range r.queue.items {
			if err := eventgateway.ValidateJSON("data", it.Event.Data); err != nil {
				t.Errorf("%s of %s: %v", it.Event.Type, test.name, err)
			}
			fmt.Fprintf(&out, "%s\n%s\n", it.Event.Type, it.Event.Data)
		}
	}
	fmt.Fprintf(&out, "== results\n")
	for _, result := range []providers.Result{
		{ContentType: "application/json", Body: []byte(` {"a": [1.0]} `)},
		{ContentType: "application/problem+json; charset=utf-8", Body: []byte(`7`)},
		{Body: []byte(`null`)},
		{Body: []byte(`plain`)},
		{},
		{ContentType: "application/json", Body: []byte(`{"broken`)},
		{ContentType: "application/json", Body: []byte("{\"a\":\"\xff\"}")},
		{ContentType: "text/plain", Body: []byte(`7`)},
		{ContentType: "text/html", Body: []byte("<a>\n\"ü\"\x00")},
		{ContentType: "image/png", Body: []byte("\x89PNG")},
	} {
		r := newRig(t, []string{"async gateway.* a"})
		if err := r.Invoked(t.Context(), delivery.Invocation{Function: eventgateway.FunctionKey{Space: "s", ID: "f"}, Event: custom()}, &result); err != nil {
			t.Error(err)
		}
		data := r.queue.items[0].Event.Data
		if err := eventgateway.ValidateJSON("data", data); err != nil {
			t.Errorf("%q: %v", result.Body, err)
		}
		_, text, _ := strings.Cut(string(data), `,"result":`)
		fmt.Fprintf(&out, "%q %q → %s\n", result.ContentType, result.Body, strings.TrimSuffix(text, "}"))
	}
	const file = "testdata/data.txt"
	if *update {
		if err := os.WriteFile(file, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if out.String() != string(want) {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

// TestTooDeep tells no subscriber of an event that is as deep as one may be, but every plugin: nobody gets around those by
// saying that their event is deep.
func TestTooDeep(t *testing.T) {
	for _, test := range []struct{ most, depth, delivered int }{
		{0, eventgateway.MaxDepth - 1, 4}, {0, eventgateway.MaxDepth, 0}, {3, 2, 4}, {3, 3, 0}, {3, 1 << 20, 0},
	} {
		told := 0
		r := newRig(t, []string{"async gateway.* a"}, &plugin{eventgateway.SystemEvents, func(context.Context, *eventgateway.Event) error {
			told++
			return nil
		}})
		r.MaxDepth = test.most
		ev := custom()
		ev.Depth = test.depth
		r.emit(t.Context(), ev)
		if got := r.queue.got(); len(got) != test.delivered || told != 4 {
			t.Errorf("%+v: emitted %q, and told plugins %d times", test, got, told)
		}
		var want []string
		for _, event := range aboutEvents {
			if want = append(want, "emitted s "+event); test.delivered == 0 {
				want = append(want, "dropped s "+event+" loop")
			}
		}
		r.observer.want(t, want...)
	}
}

// TestQueueThatFails drops system events, counts them all and logs a few, and stops no event for it.
func TestQueueThatFails(t *testing.T) {
	for err, reason := range map[error]string{
		delivery.ErrFull: "queue_full", delivery.ErrDraining: "draining", delivery.ErrTooLarge: "too_large",
		fmt.Errorf("%w: gone", delivery.ErrUnavailable): "queue_unavailable", errors.New("else"): "queue_failed",
	} {
		r := newRig(t, []string{"async " + eventgateway.FunctionInvoking + " a"})
		r.queue.err = err
		for range 5 {
			if err := r.Invoking(t.Context(), delivery.Invocation{Function: eventgateway.FunctionKey{Space: "s", ID: "f"}, Event: custom()}); err != nil {
				t.Errorf("the event is stopped: %v", err)
			}
		}
		want := []string{"emitted s " + eventgateway.FunctionInvoking, "dropped s " + eventgateway.FunctionInvoking + " " + reason}
		r.observer.want(t, slices.Repeat(want, 5)...)
		lines := r.log.lines()
		_, told, _ := strings.Cut(lines[0], " level=") // its time may hold anything
		if len(lines) != 1 || !strings.Contains(told, "reason="+reason) || !strings.Contains(told, "about=id%201") ||
			strings.Contains(told, "1.0") {
			t.Errorf("logged %q", lines)
		}
	}
}

// TestPluginsStop returns what a plugin says; what it stops no subscriber is told of, but of what has happened.
func TestPluginsStop(t *testing.T) {
	refusal := &plugins.Refusal{Status: 451, Message: "not here"}
	for _, event := range aboutEvents {
		var got []*eventgateway.Event
		r := newRig(t, []string{"async gateway.* a"}, &plugin{[]string{event}, func(_ context.Context, ev *eventgateway.Event) error {
			got = append(got, ev)
			return refusal
		}})
		f := eventgateway.FunctionKey{Space: "s", ID: "f"}
		var err error
		stops, told := true, ""
		switch event {
		case eventgateway.EventReceived:
			err = r.Received(t.Context(), "s", custom(), "/", nil)
		case eventgateway.FunctionInvoking:
			err = r.Invoking(t.Context(), delivery.Invocation{Function: f, Event: custom()})
		case eventgateway.FunctionInvoked:
			err, told = r.Invoked(t.Context(), delivery.Invocation{Function: f, Event: custom()}, &providers.Result{}), event+"→a"
		default:
			stops, told = false, event+"→a"
			r.InvocationFailed(t.Context(), delivery.Invocation{Function: f, Event: custom()}, providers.Errorf(providers.TimedOut, "late"))
		}
		if stops && !errors.Is(err, refusal) {
			t.Errorf("%s: got %v", event, err)
		}
		if len(got) != 1 || got[0].Type != event || got[0].Depth != 1 {
			t.Errorf("%s: the plugin was told of %v", event, got)
		}
		if queued := strings.Join(r.queue.got(), " "); queued != told {
			t.Errorf("%s: subscribers are told of %q, want %q", event, queued, told)
		}
	}
}

// TestPluginsAreToldOfWhatNobodySubscribesTo includes events that have no subscriber in any space.
func TestPluginsAreToldOfWhatNobodySubscribesTo(t *testing.T) {
	var got []string
	r := newRig(t, nil, &plugin{[]string{eventgateway.EventReceived}, func(_ context.Context, ev *eventgateway.Event) error {
		got = append(got, string(ev.Data))
		return nil
	}})
	if err := r.Received(t.Context(), "", custom(), "/a", nil); err != nil {
		t.Error(err)
	}
	if len(got) != 1 || !strings.HasSuffix(got[0], `,"path":"/a","headers":{}}`) {
		t.Errorf("got %q", got)
	}
	r.observer.want(t, "emitted  "+eventgateway.EventReceived)
}

// TestSendersThatHaveGone are no reason not to tell of a call that was made.
func TestSendersThatHaveGone(t *testing.T) {
	told := 0
	r := newRig(t, nil, &plugin{eventgateway.SystemEvents[2:], func(ctx context.Context, _ *eventgateway.Event) error {
		told++
		return ctx.Err()
	}})
	gone, leave := context.WithCancel(t.Context())
	leave()
	f := eventgateway.FunctionKey{Space: "s", ID: "f"}
	if err := r.Invoked(gone, delivery.Invocation{Function: f, Event: custom()}, &providers.Result{}); err != nil {
		t.Error(err)
	}
	r.InvocationFailed(gone, delivery.Invocation{Function: f, Event: custom()}, &providers.Error{Failure: providers.Canceled})
	if told != 2 {
		t.Errorf("told %d times", told)
	}
}

func TestFiltersThatFail(t *testing.T) {
	r := newRig(t, []string{"async gateway.function.invoked a int(data.functionId) == 1", "async gateway.function.invoked b size(data.result) > 0"})
	r.emit(t.Context(), custom())
	if got := r.queue.got(); !slices.Equal(got, []string{eventgateway.FunctionInvoked + "→b"}) {
		t.Errorf("got %q", got)
	}
	r.observer.want(t, "filter failed s", "emitted s "+eventgateway.FunctionInvoked)
}

func TestOrderingKeysThatFail(t *testing.T) {
	r := newRig(t, nil)
	var table *matcher.Table
	for _, key := range []string{"data.functionId", "data.missing"} {
		sub := &eventgateway.Subscription{
			Space: "s", Type: eventgateway.Async, Event: eventgateway.FunctionInvoked, FunctionID: key[len("data."):],
			Delivery: &eventgateway.Delivery{OrderingKey: key},
		}
		sub.Normalize()
		table = table.Insert(sub)
	}
	snap := &snapshot.Snapshot{Loaded: true, Table: table}
	r.Snapshot = func() *snapshot.Snapshot { return snap }
	r.emit(t.Context(), custom())
	if got := r.queue.got(); !slices.Equal(got, []string{eventgateway.FunctionInvoked + "→functionId,missing"}) {
		t.Errorf("got %q", got)
	}
	r.observer.want(t, "emitted s "+eventgateway.FunctionInvoked, "ordering key failed s")
}

// aboutEvents are the system events that are about an event.
var aboutEvents = eventgateway.SystemEvents[:4]

// TestRetreated tells of a retreat, which is about no event: the plugins, of which none can stop it, and the subscribers in the
// weighted function's space.
func TestRetreated(t *testing.T) {
	var got *eventgateway.Event
	r := newRig(t, []string{"async gateway.function.retreated a", "async gateway.* other/b", "async gateway.function.* c data.member == 'old'"},
		&plugin{[]string{eventgateway.FunctionRetreated}, func(_ context.Context, ev *eventgateway.Event) error {
			got = ev
			return errors.New("no")
		}})
	r.Retreated(t.Context(), &eventgateway.Retreat{
		Space: "s", FunctionID: "w", At: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Member: "new", Reason: eventgateway.RetreatLatency,
		Calls: 20, Slow: 3, From: []eventgateway.Share{{FunctionID: "new", Weight: 1}}, To: []eventgateway.Share{{FunctionID: "old", Weight: 1}},
	})
	if queued := strings.Join(r.queue.got(), " "); queued != "gateway.function.retreated→a" {
		t.Errorf("subscribers are told of %q", queued)
	}
	want := `{"space":"s","functionId":"w","at":"2026-01-02T03:04:05Z","member":"new","reason":"latency","calls":20,"failed":0,"slow":3,` +
		`"from":[{"functionId":"new","weight":1}],"to":[{"functionId":"old","weight":1}]}`
	if got == nil || string(got.Data) != want || got.Depth != 0 || got.Cause != "" {
		t.Errorf("the plugin was told of %+v", got)
	}
	r.observer.want(t, "emitted s gateway.function.retreated")
	silent := newRig(t, nil)
	silent.Retreated(t.Context(), &eventgateway.Retreat{Space: "s"})
	silent.observer.want(t)
}
