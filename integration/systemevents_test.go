package integration

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway"
)

var updateSystemEvents = flag.Bool("update-system-events", false, "write the golden file of system events anew")

// told drains the calls of a function that listens to system events, and returns them as "event functionId", sorted. They
// must all be about events of one type.
func told(t *testing.T, calls <-chan call, about string) (all []string) {
	t.Helper()
	for {
		select {
		case c := <-calls:
			ev := c.event(t)
			var data struct {
				Event      struct{ Event string }
				FunctionID string
			}
			if err := json.Unmarshal(ev.Data, &data); err != nil {
				t.Fatalf("the data is %s: %v", ev.Data, err)
			}
			if data.Event.Event == about {
				all = append(all, strings.TrimSpace(ev.Event+" "+data.FunctionID))
			} else {
				t.Errorf("told of %s about %q", ev.Event, data.Event.Event)
			}
		default:
			slices.Sort(all)
			return all
		}
	}
}

// TestSystemEvents subscribes to system events in all ways there are, and sends an event that one function takes and another
// does not. Nothing is emitted about the deliveries of system events themselves.
func TestSystemEvents(t *testing.T) {
	s := newStage(t)
	s.function("f", says(`{"ok":true}`))
	s.function("broken", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusBadRequest) })
	s.subscribe("made POST / f")
	s.subscribe("made POST / broken")
	received, invoking, invoked, failed := "gateway.event.received", "gateway.function.invoking f", "gateway.function.invoked f",
		"gateway.function.invocationFailed broken"
	all := []string{received, failed, invoked, "gateway.function.invoking broken", invoking}
	listeners := []struct {
		id, event string
		want      []string
		calls     <-chan call
	}{
		{id: "received", event: "gateway.event.received", want: []string{received}},
		{id: "invoking", event: "gateway.function.invoking", want: []string{"gateway.function.invoking broken", invoking}},
		{id: "invoked", event: "gateway.function.invoked", want: []string{invoked}},
		{id: "failed", event: "gateway.function.invocationFailed", want: []string{failed}},
		{id: "prefixed", event: "eventgateway.function.invoked", want: []string{invoked}},
		{id: "wildcard", event: "gateway.*", want: all},
		{id: "prefixed-wildcard", event: "eventgateway.function.*", want: all[1:]},
		{id: "everything", event: "*"},
	}
	for i := range listeners {
		l := &listeners[i]
		f, calls := recorder(`{}`)
		l.calls = calls
		s.function(l.id, f)
		s.subscribe(l.event + " POST / " + l.id)
	}
	// On another path than that of the subscriptions to everything.
	s.subscribe("made POST /made f")
	s.subscribe("made POST /made broken")
	s.send(http.MethodPost, "/made", `{"n":1}`, "Event", "made", "Content-Type", "application/json").expect(t, 202, "")
	s.idle()
	s.waitDeadLetters("functionId=broken", 1)
	s.idle()
	for _, l := range listeners {
		slices.Sort(l.want)
		if got := told(t, l.calls, "made"); !slices.Equal(got, l.want) {
			t.Errorf("%s: told of %q, want %q", l.event, got, l.want)
		}
	}
	if n := metric(t, s.Gateway, "eventgateway_system_events_total"); n != 5 {
		t.Errorf("eventgateway_system_events_total = %v, want 5", n)
	}
}

var (
	uuids  = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}`)
	millis = regexp.MustCompile(`"receivedAt":\d{13}`)
)

// TestSystemEventsGolden shows what system events about an http event and a CloudEvent look like. Run with
// -update-system-events to write the file anew.
func TestSystemEventsGolden(t *testing.T) {
	s := newStage(t)
	f, calls := recorder(`{}`)
	s.function("listener", f)
	s.subscribe("gateway.* POST / listener")
	s.function("hello", says(`{"statusCode":201,"body":"hello"}`))
	s.subscribe("http POST /users/:id hello")
	s.function("text", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		_, _ = w.Write([]byte("plain \"text\""))
	})
	s.subscribe("made POST /text text")
	s.function("broken", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "secret", http.StatusBadRequest) })
	s.subscribe("made POST /broken broken")
	var out strings.Builder
	for _, request := range []struct {
		path, body string
		count      int
		headers    []string
	}{
		{"/users/7?q=1", `{"n": 1.0}`, 3, []string{"Content-Type", "application/json", "X-Two", "a", "X-Two", "b"}},
		{
			"/text", "text", 3,
			[]string{"Ce-Specversion", "1.0", "Ce-Id", "id-1", "Ce-Source", "/s", "Ce-Type", "made", "Content-Type", "text/plain"},
		},
		{"/broken", `{}`, 3, []string{"Event", "made", "Content-Type", "application/json"}},
	} {
		s.send(http.MethodPost, request.path, request.body, append(request.headers, "User-Agent", "test")...)
		texts := map[string]string{}
		for range request.count {
			c := next(t, calls)
			if c.header.Get("Event-Gateway-Depth") != "2" || c.header.Get("Content-Type") != eventgateway.TypeJSON {
				t.Errorf("delivered with the headers %v", c.header)
			}
			text := strings.ReplaceAll(c.body, strings.TrimPrefix(s.Events, "http://"), "HOST")
			text = millis.ReplaceAllString(uuids.ReplaceAllString(text, "UUID"), `"receivedAt":MS`)
			texts[c.event(t).Event] = text
		}
		fmt.Fprintf(&out, "== POST %s\n", request.path)
		for _, event := range eventgateway.SystemEvents {
			if texts[event] != "" {
				fmt.Fprintf(&out, "%s\n", texts[event])
			}
		}
	}
	s.idle()
	none(t, calls)
	if strings.Contains(out.String(), "secret") {
		t.Error("a system event holds what a function answered with an error")
	}
	const file = "testdata/systemevents.txt"
	if *updateSystemEvents {
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

// TestSystemEventsFromOutside are refused, under both names.
func TestSystemEventsFromOutside(t *testing.T) {
	s := newStage(t)
	for _, event := range append([]string{"gateway.made.up", "eventgateway.function.invoked"}, eventgateway.SystemEvents...) {
		s.send(http.MethodPost, "/", `{}`, "Event", event, "Content-Type", "application/json").expect(t, 400, "gateway.")
	}
}
