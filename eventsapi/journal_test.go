package eventsapi_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway/delivery"
	"github.com/eventgateway/eventgateway/providers"
)

// journaled gives the gateway a journal.
func (g *gateway) journaled() *gateway {
	g.Journal = delivery.NewJournal(0, 0)
	return g
}

// known is what the journal knows of an event in a space, as "state: function type state attempt…, …".
func (g *gateway) known(space, id string) string {
	trace, ok := g.Journal.Find(space, id)
	if !ok {
		return "unknown"
	}
	text := trace.Type + " " + trace.State
	if trace.DuplicateOf != "" {
		text += " of " + trace.DuplicateOf
	}
	var deliveries []string
	for _, d := range trace.Deliveries {
		line := fmt.Sprintf("%s %s %s", d.FunctionID, d.Type, d.State)
		for _, a := range d.Attempts {
			line += fmt.Sprintf(" (%d %s %s %d %s)", a.Attempt, a.Outcome, a.Reason, a.Status, a.Error)
			if a.At.Before(trace.ReceivedAt) || a.Duration < 0 {
				line += fmt.Sprintf(" at %v for %v", a.At, a.Duration)
			}
		}
		deliveries = append(deliveries, line)
	}
	slices.Sort(deliveries)
	return text + ": " + strings.Join(deliveries, ", ")
}

// idOf returns the id the answer names the event by.
func idOf(res *http.Response) string { return res.Header.Get("Event-Gateway-Event-Id") }

func TestJournalOfEvents(t *testing.T) {
	g := newGateway(t).journaled().
		subscribe(t, "async e POST / a").subscribe(t, "async e POST / b").subscribe(t, "async e POST / other/c").
		subscribe(t, "async http POST /hook a")
	g.queue.seen = map[string]string{}

	id := idOf(g.send(request("POST", "/", "", "Event", "e")))
	if got := g.known("default", id); got != "e pending: a async pending, b async pending" {
		t.Errorf("a custom event: %s", got)
	}
	if got := g.known("other", id); got != "e pending: c async pending" {
		t.Errorf("a custom event in another space: %s", got)
	}
	id = idOf(g.sendIn("default", request("POST", "/", "", "Event", "e")))
	if got := g.known("default", id); got != "e pending: a async pending, b async pending" {
		t.Errorf("a custom event in one space: %s", got)
	}
	if got := g.known("other", id); got != "unknown" {
		t.Errorf("a custom event in another space than its own: %s", got)
	}

	g.send(binaryEvent("/", "e", "/s", "ü 1"))
	if got := g.known("default", "ü 1"); got != "e pending: a async pending, b async pending" {
		t.Errorf("a CloudEvent: %s", got)
	}
	g.send(binaryEvent("/", "e", "/s", "ü 1"))
	if got := g.known("default", "ü 1"); got != "e pending: a async pending, b async pending" {
		t.Errorf("a CloudEvent that came twice: %s", got)
	}
	g.send(binaryEvent("/", "e", "/s", "first", "Idempotency-Key", "k"))
	g.send(binaryEvent("/", "e", "/s", "second", "Idempotency-Key", "k"))
	if got := g.known("default", "second"); !strings.HasPrefix(got, "e duplicate of first: ") {
		t.Errorf("a duplicate: %s", got)
	}
	if got := g.known("default", "first"); got != "e pending: a async pending, b async pending" {
		t.Errorf("what has a duplicate: %s", got)
	}

	id = idOf(g.send(request("POST", "/", "", "Event", "nobody")))
	if got := g.known("default", id); got != "nobody unmatched: " {
		t.Errorf("an event nobody wants: %s", got)
	}
	id = idOf(g.sendIn("other", request("POST", "/", "", "Event", "nobody")))
	if in, out := g.known("other", id), g.known("default", id); in != "nobody unmatched: " || out != "unknown" {
		t.Errorf("an event nobody in the space wants: %s, and elsewhere: %s", in, out)
	}
	id = idOf(g.send(request("POST", "/hook", "")))
	if got := g.known("default", id); got != "unknown" {
		t.Errorf("an http event: %s", got)
	}
}

func TestJournalOfABatch(t *testing.T) {
	g := newGateway(t).journaled().subscribe(t, "async a POST / f").subscribe(t, "async b POST / f").subscribe(t, "sync b POST / s")
	g.queue.seen = map[string]string{}
	send := func(types ...string) *http.Response {
		for i, eventType := range types {
			types[i] = structured(eventType)
		}
		return g.send(request("POST", "/", "["+strings.Join(types, ",")+"]", "Content-Type", batchType))
	}
	if res := send("nobody", "a", "b"); res.StatusCode != 202 {
		t.Fatalf("got %d", res.StatusCode)
	}
	for id, want := range map[string]string{
		"id-nobody": "nobody unmatched: ", "id-a": "a pending: f async pending", "id-b": "b pending: f async pending, s async pending",
	} {
		if got := g.known("default", id); got != want {
			t.Errorf("%s: %s, want %s", id, got, want)
		}
	}
	send("a", "x.gateway", "gateway.x")
	if got := g.known("default", "id-x.gateway"); got != "unknown" {
		t.Errorf("an event of a batch that is not accepted: %s", got)
	}
}

func TestJournalOfRefusedEvents(t *testing.T) {
	g := newGateway(t).journaled().subscribe(t, "async e POST / f").subscribe(t, "async f POST / f").
		subscribe(t, "async asked POST / a/f").subscribe(t, "sync asked POST / b/f")
	g.queue.err = delivery.ErrFull
	g.send(binaryEvent("/", "e", "/s", "1"))
	if got := g.known("default", "1"); !strings.HasPrefix(got, "e refused: ") {
		t.Errorf("an event: %s", got)
	}
	g.send(binaryEvent("/", "asked", "/s", "2"))
	for _, space := range []string{"a", "b"} {
		if got := g.known(space, "2"); !strings.HasPrefix(got, "asked refused: ") {
			t.Errorf("an event with a sync subscriber, in space %s: %s", space, got)
		}
	}
	g.send(request("POST", "/", "["+structured("e")+","+structured("nobody")+","+structured("f")+"]", "Content-Type", batchType))
	for _, id := range []string{"id-e", "id-nobody", "id-f"} {
		if got := g.known("default", id); !strings.Contains(got, " refused: ") {
			t.Errorf("an event of a batch: %s", got)
		}
	}
}

func TestJournalOfSyncCalls(t *testing.T) {
	failed := func(f providers.Failure, status int) script {
		return failsWith(&providers.Error{Failure: f, Message: "it said no", Status: status})
	}
	g := newGateway(t).journaled().
		function("ok", same).function("fails", failed(providers.FunctionFailed, 500)).
		function("slow", failed(providers.TimedOut, 0)).function("odd", failsWith(errors.New("secret"))).function("t", same).
		subscribe(t, "sync ok POST / ok").subscribe(t, "async ok POST / a").
		subscribe(t, "sync fails POST / fails").subscribe(t, "sync slow POST / slow").subscribe(t, "sync odd POST / odd").
		subscribe(t, "sync gone POST / gone").subscribeAs(t, "sync transformed POST / t", transform(`data.missing`)).
		subscribe(t, "sync http POST /api ok").subscribe(t, "sync invoke POST / ok")
	for eventType, want := range map[string]string{
		"ok":          "ok pending: a async pending, ok sync delivered (1 delivered  0 )",
		"fails":       "fails dead: fails sync dead (1 dead function_error 500 it said no)",
		"slow":        "slow dead: slow sync dead (1 dead timeout 0 it said no)",
		"odd":         "odd dead: odd sync dead (1 dead function_error 0 the call failed for a reason the provider did not explain)",
		"gone":        "gone dead: gone sync dead (1 dead function_missing 0 it is gone)",
		"transformed": "transformed dead: t sync dead (1 dead transform_failed 0 transform: no such key: missing)",
	} {
		g.send(binaryEvent("/", eventType, "/s", eventType, "Content-Type", jsonType))
		if got := g.known("default", eventType); got != want {
			t.Errorf("%s:\n got %s\nwant %s", eventType, got, want)
		}
	}
}

// TestJournalIsNotForTheHotPath checks that the calls of http events and invocations are not noted.
func TestJournalIsNotForTheHotPath(t *testing.T) {
	var ids []string
	note := func(_ context.Context, call *providers.Call) (*providers.Result, error) {
		_, id, _ := strings.Cut(string(call.Payload), `"id":"`)
		ids = append(ids, id[:36])
		return &providers.Result{Body: []byte(`{}`)}, nil
	}
	g := newGateway(t).journaled().function("f", note).subscribe(t, "sync http POST /api f").subscribe(t, "sync invoke POST / f")
	g.send(request("POST", "/api", ""))
	g.send(request("POST", "/", "", "Event", "invoke", "Function-ID", "f"))
	if len(ids) != 2 {
		t.Fatalf("the function was called for %q", ids)
	}
	for _, id := range ids {
		if got := g.known("default", id); got != "unknown" {
			t.Errorf("event %s: %s", id, got)
		}
	}
}

// TestJournalOfEventsThatDifferBySpace notes an event under one id in every space, though it goes on as another in each.
func TestJournalOfEventsThatDifferBySpace(t *testing.T) {
	flagged := schemaOf(`false`, "flag")
	g := newGateway(t).journaled().
		subscribe(t, "async e POST / a/f").subscribe(t, "async e POST / b/f").subscribe(t, "async e POST / b/g").subscribe(t, "async e POST / c/f").
		eventType(t, "a/e", flagged).eventType(t, "b/e", flagged)
	g.queue.seen = map[string]string{}
	expect := func(id string, want map[string]string) {
		t.Helper()
		for space, text := range want {
			if got := g.known(space, id); got != text {
				t.Errorf("%s: got %q, want %q", space, got, text)
			}
		}
	}
	pending := map[string]string{
		"a": "e pending: f async pending", "b": "e pending: f async pending, g async pending", "c": "e pending: f async pending",
	}
	first := g.send(request("POST", "/", "", "Event", "e", "Idempotency-Key", "k"))
	expect(idOf(first), pending)
	again := g.send(request("POST", "/", "", "Event", "e", "Idempotency-Key", "k"))
	if idOf(again) != idOf(first) || again.Header.Get("Event-Gateway-Duplicate") != "true" || len(g.queue.items) != 3 {
		t.Errorf("sent again: %v, queued %q", again.Header, g.queued())
	}
	g.send(request("POST", "/", "["+structured("other")+","+structured("e")+"]", "Content-Type", batchType))
	expect("id-e", pending)
	g.queue.err = delivery.ErrFull
	g.send(binaryEvent("/", "e", "/s", "full"))
	for space := range pending {
		if got := g.known(space, "full"); !strings.HasPrefix(got, "e refused") {
			t.Errorf("refused, in %s: %s", space, got)
		}
	}
}

// TestJournalOfLoops notes what is too deep, and nothing else of its batch.
func TestJournalOfLoops(t *testing.T) {
	g := newGateway(t).journaled().subscribe(t, "async e POST / f").subscribe(t, "async shallow POST / f")
	deep := strings.Replace(chainedEvent, "d:5", "d:17", 1)
	g.send(request("POST", "/", "["+structured("shallow")+","+deep+"]", "Content-Type", batchType))
	if got := g.known("default", "1"); got != "e pending: f async pending" {
		t.Errorf("too deep: %s", got)
	}
	if got := g.known("default", "id-shallow"); got != "unknown" {
		t.Errorf("beside it: %s", got)
	}
}
