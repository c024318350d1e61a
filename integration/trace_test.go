package integration

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway/integration/gatewaytest"
)

// trace is what the Configuration API knows of an event.
type trace struct {
	Space, EventID, Event, State string
	ReceivedAt                   time.Time
	Deliveries                   []struct {
		SubscriptionID, FunctionID, Type, State string
		Next                                    time.Time
		Attempts                                []struct {
			Attempt, Status                  int
			At                               time.Time
			Duration, Outcome, Reason, Error string
		}
	}
}

// trace asks for an event.
func (s *stage) trace(id string) (tr trace, text string) {
	s.t.Helper()
	body := s.Do(http.MethodGet, s.Config+"/v1/spaces/default/events/"+id, nil, 200)
	if err := json.Unmarshal(body, &tr); err != nil {
		s.t.Fatalf("%s: %v", body, err)
	}
	return tr, string(body)
}

// story tells what became of an event at a function: the state, and each attempt's outcome and status.
func (tr trace) story(function string) string {
	for _, d := range tr.Deliveries {
		if d.FunctionID != function {
			continue
		}
		story := d.Type + " " + d.State
		for i, a := range d.Attempts {
			if a.Attempt != i+1 || a.At.Before(tr.ReceivedAt) || a.Duration == "" {
				return fmt.Sprintf("attempt %d is %+v", i+1, a)
			}
			story += fmt.Sprintf(", %s %d", a.Outcome, a.Status)
		}
		if !d.Next.IsZero() {
			story += ", then"
		}
		return story
	}
	return ""
}

// status is a function that answers with a status.
func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(code)
	}
}

// TestTrace asks what became of events: delivered at once or after some attempts, given up, and still on their way.
func TestTrace(t *testing.T) {
	s := newStage(t)
	var g gate
	var calls atomic.Int64
	g.shut()
	s.function("well", says(`{}`))
	s.function("third", func(w http.ResponseWriter, r *http.Request) {
		if calls.Add(1) < 3 {
			status(503)(w, r)
			return
		}
		says(`{}`)(w, r)
	})
	s.function("refuses", status(400))
	s.function("waits", g.tooEarly(says(`{}`)))
	soon := fields{"delivery": fields{"backoff": fields{"initial": "20ms", "factor": 1}}}
	s.subscribe("made POST / well")
	s.subscribe("made POST / third", soon)
	s.subscribe("made POST / refuses", soon)
	s.subscribe("made POST / waits", fields{"delivery": fields{"backoff": fields{"initial": "2s", "factor": 1, "jitter": 0}}})
	s.subscribe("made POST /elsewhere well")
	s.subscribe("asked POST / well", fields{"type": "sync"})

	const event = `{"specversion":"1.0","type":"made","source":"/shop","id":"order-1","data":{"secret":"payload-marker"}}`
	s.send("POST", "/", event, "Content-Type", cloudEventType).expect(t, 202, "")
	stories := func(state string, want map[string]string) {
		t.Helper()
		gatewaytest.Eventually(t, patience, func() error {
			tr, text := s.trace("order-1")
			for function, story := range want {
				if got := tr.story(function); got != story {
					return fmt.Errorf("at %s: %q, want %q: %s", function, got, story, text)
				}
			}
			if tr.State != state || len(tr.Deliveries) != 4 || tr.Event != "made" || tr.Space != "default" || tr.EventID != "order-1" {
				return fmt.Errorf("the event is %s, want state %s", text, state)
			}
			if strings.Contains(text, "payload-marker") {
				t.Fatalf("the payload is shown: %s", text)
			}
			return nil
		})
	}
	ended := map[string]string{
		"well":    "async delivered, delivered 0",
		"third":   "async delivered, retried 503, retried 503, delivered 0",
		"refuses": "async dead, dead 400",
		"waits":   "async pending, retried 425, then",
	}
	stories("pending", ended)
	g.open()
	ended["waits"] = "async delivered, retried 425, delivered 0"
	stories("dead", ended)

	a := s.send("POST", "/", `{}`, "Event", "nobody.listens", "Content-Type", jsonType)
	a.expect(t, 202, "")
	if tr, text := s.trace(a.header.Get(eventIDHeader)); tr.State != "unmatched" || len(tr.Deliveries) != 0 {
		t.Errorf("an event without a subscriber is %s", text)
	}
	s.send("POST", "/", strings.NewReplacer("made", "asked", "order-1", "order-2").Replace(event),
		"Content-Type", cloudEventType).wants(t, 200, "{}")
	if tr, text := s.trace("order-2"); tr.story("well") != "sync delivered, delivered 0" || tr.State != "delivered" {
		t.Errorf("an event with a sync subscriber is %s", text)
	}
	for _, path := range []string{"default/events/order-3", "other/events/order-1"} {
		a, err := ask(http.MethodGet, s.Config+"/v1/spaces/"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		a.expect(t, 404, "is not known in space")
	}
}

// TestExplain asks which subscriptions an event would match and why not the others, and compares with what it matches.
func TestExplain(t *testing.T) {
	s := newStage(t)
	record, calls := recorder(`{}`)
	for _, id := range []string{"f", "large", "paused", "huge"} {
		s.function(id, record)
	}
	matching := []string{s.subscribe("made POST / f"), s.subscribe("made POST / large", fields{"filter": "data.total > 100"})}
	paused := s.subscribe("made POST / paused", fields{"filter": "data.total > 10"})
	s.setPaused(paused, "pause")
	others := map[string]string{
		s.subscribe("made POST / huge", fields{"filter": "data.total > 1000"}): "filter: is false",
		s.subscribe("gone POST / f"):          "event: made is not gone",
		s.subscribe("made POST /users/:id f"): "path: / does not match /users/:id",
		s.subscribe("made PUT / f"):           "method: POST is not PUT",
	}
	const data = `{"total":101}`
	var explained struct {
		Event, Method, Path string
		Matches             []struct {
			SubscriptionID, Type string
			Paused               bool
		}
		Others []struct {
			SubscriptionID string
			Reasons        []string
		}
		Truncated bool
	}
	body := s.Do(http.MethodPost, s.Config+"/v1/spaces/default/explain",
		fields{"event": fields{"event": "made", "data": json.RawMessage(data)}}, 200)
	if err := json.Unmarshal(body, &explained); err != nil || explained.Event != "made" || explained.Truncated {
		t.Fatalf("%v: %s", err, body)
	}
	var would []string
	for _, m := range explained.Matches {
		if m.Paused != (m.SubscriptionID == paused) || m.Type != "async" {
			t.Errorf("a match is %+v", m)
		}
		if !m.Paused {
			would = append(would, m.SubscriptionID)
		}
	}
	for _, o := range explained.Others {
		if want := others[o.SubscriptionID]; want == "" || !slices.Equal(o.Reasons, []string{want}) {
			t.Errorf("subscription %s is explained with %q, want %q", o.SubscriptionID, o.Reasons, want)
		}
	}
	if len(explained.Matches) != 3 || len(explained.Others) != len(others) {
		t.Errorf("%d subscriptions match and %d do not: %s", len(explained.Matches), len(explained.Others), body)
	}

	s.send("POST", "/", data, "Event", "made", "Content-Type", jsonType).expect(t, 202, "")
	var did []string
	for range matching {
		did = append(did, next(t, calls).header.Get(subscriptionHeader))
	}
	s.waitQueue(1, 1)
	none(t, calls)
	slices.Sort(matching)
	slices.Sort(would)
	slices.Sort(did)
	if !slices.Equal(would, matching) || !slices.Equal(did, matching) {
		t.Errorf("the event would go to %v and went to %v, want %v", would, did, matching)
	}
}
