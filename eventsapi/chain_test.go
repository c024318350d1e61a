package eventsapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/delivery"
)

const (
	traceParent  = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	otherParent  = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
	chainedEvent = `{"specversion":"1.0","type":"e","source":"/s","id":"1","traceparent":"` + otherParent + `","tracestate":"eventgateway=d:5,x=1"}`
)

// TestChainIsRead sends what headers and extensions tell of where an event comes from.
func TestChainIsRead(t *testing.T) {
	type chain struct {
		depth  int
		cause  string
		parent string
		state  string
	}
	for _, test := range []struct {
		name   string
		body   string
		header []string
		want   chain
	}{
		{"nothing", "", []string{"Event", "e"}, chain{}},
		{"depth", "", []string{"Event", "e", "Event-Gateway-Depth", "3", "Event-Gateway-Cause", "abc"}, chain{3, "abc", "", ""}},
		{"cause alone", "", []string{"Event", "e", "Event-Gateway-Cause", "abc"}, chain{}},
		{"trace", "", []string{"Event", "e", "traceparent", traceParent, "tracestate", "a=1", "tracestate", "b=2"}, chain{0, "", traceParent, "a=1,b=2"}},
		{"state's depth", "", []string{"Event", "e", "traceparent", traceParent, "tracestate", "a=1,eventgateway=d:4"}, chain{4, "", traceParent, "a=1,eventgateway=d:4"}},
		{"state alone", "", []string{"Event", "e", "tracestate", "eventgateway=d:4"}, chain{4, "", "", ""}},
		{"the deepest", "", []string{"Event", "e", "Event-Gateway-Depth", "3", "tracestate", "eventgateway=d:4"}, chain{4, "", "", ""}},
		{"the deepest, the other", "", []string{"Event", "e", "Event-Gateway-Depth", "5", "tracestate", "eventgateway=d:4"}, chain{5, "", "", ""}},
		{"negative", "", []string{"Event", "e", "Event-Gateway-Depth", "-3"}, chain{}},
		{"no number", "", []string{"Event", "e", "Event-Gateway-Depth", "3x", "Event-Gateway-Cause", "a"}, chain{}},
		{"odd cause", "", []string{"Event", "e", "Event-Gateway-Depth", "3", "Event-Gateway-Cause", "a b"}, chain{3, "", "", ""}},
		{"long cause", "", []string{"Event", "e", "Event-Gateway-Depth", "3", "Event-Gateway-Cause", strings.Repeat("a", 513)}, chain{3, "", "", ""}},
		{"two parents", "", []string{"Event", "e", "traceparent", traceParent, "traceparent", otherParent}, chain{}},
		{"bad parent", "", []string{"Event", "e", "traceparent", "00-ab-cd-01", "tracestate", "a=1"}, chain{}},
		{"large state", "", []string{"Event", "e", "traceparent", traceParent, "tracestate", "a=" + strings.Repeat("x", 5000)}, chain{0, "", traceParent, ""}},
		{"extensions", chainedEvent, []string{"Content-Type", cloudEvents}, chain{5, "", otherParent, "eventgateway=d:5,x=1"}},
		{
			"headers before extensions", chainedEvent,
			[]string{"Content-Type", cloudEvents, "traceparent", traceParent, "Event-Gateway-Depth", "2"},
			chain{5, "", traceParent, ""},
		},
		{
			"binary", "",
			[]string{
				"ce-specversion", "1.0", "ce-id", "1", "ce-source", "/s", "ce-type", "e", "ce-traceparent", otherParent, "ce-tracestate", "eventgateway=d:2",
			},
			chain{2, "", otherParent, "eventgateway=d:2"},
		},
		{"batch", "[" + chainedEvent + "]", []string{"Content-Type", batchType, "Event-Gateway-Cause", "abc"}, chain{5, "abc", otherParent, "eventgateway=d:5,x=1"}},
		{"http", "", []string{"Event-Gateway-Depth", "3", "Event-Gateway-Cause", "abc", "traceparent", traceParent}, chain{3, "abc", traceParent, ""}},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := newGateway(t).function("f", says(`{}`)).subscribe(t, "async e POST / f").subscribe(t, "async http POST / f")
			if res := g.send(request("POST", "/", test.body, test.header...)); res.StatusCode != 202 {
				t.Fatalf("got %d %s", res.StatusCode, bodyOf(t, res))
			}
			ev := g.queue.items[0].Event
			if got := (chain{ev.Depth, ev.Cause, ev.Trace.Parent, ev.Trace.State}); got != test.want {
				t.Errorf("got %+v\nwant %+v", got, test.want)
			}
		})
	}
}

// TestLoopIsStopped sends events that are as deep as may be, and deeper.
func TestLoopIsStopped(t *testing.T) {
	for name, r := range map[string]func(depth string) *http.Request{
		"custom": func(d string) *http.Request { return request("POST", "/", "", "Event", "e", "Event-Gateway-Depth", d) },
		"sync": func(d string) *http.Request {
			return request("POST", "/sync", "", "Event", "e", "Event-Gateway-Depth", d)
		},
		"http": func(d string) *http.Request { return request("POST", "/http", "", "Event-Gateway-Depth", d) },
		"invoke": func(d string) *http.Request {
			return request("POST", "/", "", "Event", "invoke", "Function-ID", "f", "Event-Gateway-Depth", d)
		},
		"batch": func(d string) *http.Request {
			return request("POST", "/", "["+structured("e")+"]", "Content-Type", batchType, "Event-Gateway-Depth", d)
		},
	} {
		for _, most := range []int{0, 3} {
			limit := most
			if most == 0 {
				limit = eventgateway.MaxDepth
			}
			t.Run(fmt.Sprint(name, limit), func(t *testing.T) {
				g := newGateway(t).function("f", same).function("h", echo).subscribe(t, "async e POST / f").
					subscribe(t, "sync e POST /sync f").subscribe(t, "async e POST /sync h").
					subscribe(t, "sync http POST /http h").subscribe(t, "async http POST /http f").subscribe(t, "sync invoke POST / f")
				g.MaxDepth = most
				if res := g.send(r(fmt.Sprint(limit))); res.StatusCode >= 300 {
					t.Fatalf("at the limit: got %d %s", res.StatusCode, bodyOf(t, res))
				}
				g.queue.items = nil
				g.told()
				expectError(t, g.send(r(fmt.Sprint(limit+1))), 508, fmt.Sprintf("at most %d may", limit))
				for _, item := range g.queue.items {
					if item.Dead != delivery.ReasonLoop {
						t.Errorf("queued %q", g.queued())
					}
				}
				if n := len(g.queue.items); n != 1 && name != "invoke" || n != 0 && name == "invoke" {
					t.Errorf("queued %q", g.queued())
				}
				// What the queue keeps as dead letters it counts and logs itself.
				warnings := 0
				if name == "invoke" {
					warnings = 1
				}
				if told := g.told(); strings.Count(told, " loop") != warnings || strings.Contains(told, "invoked") {
					t.Errorf("told %q", told)
				}
				for range 20 {
					g.send(r("1000"))
				}
				if n := strings.Count(g.log.String(), "cause each other"); n != warnings {
					t.Errorf("%d warnings, want %d", n, warnings)
				}
			})
		}
	}
}

// TestLoopInBatch refuses the whole batch; only what is too deep finds its way to the dead letters.
func TestLoopInBatch(t *testing.T) {
	g := newGateway(t).function("f", same).subscribe(t, "async e POST / f").subscribe(t, "async shallow POST / f")
	deep := strings.Replace(chainedEvent, "d:5", "d:17", 1)
	res := g.send(request("POST", "/", "["+structured("shallow")+","+deep+","+structured("e")+"]", "Content-Type", batchType))
	expectError(t, res, 508, "events[1]: the event was not delivered")
	if got := g.queued(); got != "e → f dead: loop" {
		t.Errorf("queued %q", got)
	}
}

func FuzzChain(f *testing.F) {
	f.Add("3", "abc", traceParent, "eventgateway=d:4,a=1")
	f.Add("99999999999999999999", "\xff", "00-", ",,=,eventgateway=d:")
	f.Fuzz(func(t *testing.T, depth, cause, parent, state string) {
		g := newGateway(t).function("f", says(`{}`)).subscribe(t, "async e POST / f")
		g.MaxDepth = 1 << 30
		res := g.send(request("POST", "/", "", "Event", "e", "Event-Gateway-Depth", depth, "Event-Gateway-Cause", cause,
			"traceparent", parent, "tracestate", state))
		if res.StatusCode != 202 {
			t.Fatalf("got %d", res.StatusCode)
		}
		ev := g.queue.items[0].Event
		if ev.Depth < 0 || ev.Trace.Parent == "" && ev.Trace.State != "" || ev.Depth == 0 && ev.Cause != "" ||
			ev.Trace.Parent != "" && !eventgateway.ValidTraceParent(ev.Trace.Parent) || !eventgateway.ValidHeaderValue(ev.Trace.State+ev.Cause) {
			t.Errorf("got %+v", ev)
		}
	})
}
