package integration

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway/integration/gatewaytest"
)

// deadLetter is one as the Configuration API shows it.
type deadLetter struct {
	ID, Space, SubscriptionID, FunctionID, Event, EventID, Source, Reason, Error string
	Status, Attempts                                                             int
	ReceivedAt, At                                                               time.Time
	Payload                                                                      json.RawMessage
}

// deadLetterPage asks for one page of dead letters.
func (s *stage) deadLetterPage(query string) (letters []deadLetter, next string) {
	s.t.Helper()
	var list struct {
		DeadLetters []deadLetter
		Next        string
	}
	body := s.Do(http.MethodGet, s.Config+"/v1/spaces/default/deadletters?"+query, nil, 200)
	if err := json.Unmarshal(body, &list); err != nil || list.DeadLetters == nil {
		s.t.Fatalf("a list of dead letters: %v: %.500s", err, body)
	}
	return list.DeadLetters, list.Next
}

// deadLetters returns all that a query chooses.
func (s *stage) deadLetters(query string) (letters []deadLetter) {
	s.t.Helper()
	for after := ""; ; {
		page, next := s.deadLetterPage(strings.Trim(query+after, "&"))
		letters = append(letters, page...)
		if next == "" {
			return letters
		}
		after = "&after=" + url.QueryEscape(next)
	}
}

// waitDeadLetters waits until there are so many, and returns them.
func (s *stage) waitDeadLetters(query string, count int) (letters []deadLetter) {
	s.t.Helper()
	gatewaytest.Eventually(s.t, patience, func() error {
		if letters = s.deadLetters(query); len(letters) != count {
			return fmt.Errorf("%d dead letters of %q, want %d", len(letters), query, count)
		}
		return nil
	})
	return letters
}

// redrive redrives dead letters, one named by id or those a body chooses, and checks how many there were.
func (s *stage) redrive(path string, body any, count int) {
	s.t.Helper()
	var done struct{ Redriven int }
	answer := s.Do(http.MethodPost, s.Config+"/v1/spaces/default/deadletters"+path+"/redrive", body, 202)
	if err := json.Unmarshal(answer, &done); err != nil || done.Redriven != count {
		s.t.Errorf("redriving %s %v: %s, want %d", path, body, answer, count)
	}
}

// graveyard is a stage on which every event is given up twice: by a function that is not well, after two attempts and with a
// third function to tell, and by one that refuses, at once.
type graveyard struct {
	*stage
	gate          gate
	well          *receiver
	told          <-chan call
	sick, refuses string
	events        *publisher
}

func newGraveyard(t *testing.T, opts ...gatewaytest.Option) *graveyard {
	t.Helper()
	y := &graveyard{stage: newStage(t, opts...), well: newReceiver(t), events: newPublisher(t, "made")}
	y.gate.shut()
	tell, told := recorder(`{}`)
	y.told = told
	y.function("told", tell)
	y.function("sick", y.gate.tooEarly(y.well))
	y.function("refuses", status(400))
	y.sick = y.subscribe("made POST / sick", fields{"delivery": fields{
		"attempts": 2, "backoff": fields{"initial": "10ms"}, "deadLetter": "told",
	}})
	y.refuses = y.subscribe("made POST / refuses")
	return y
}

// TestDeadLetters follows events that cannot be delivered: the function for dead letters is told, they are listed, kept when
// the gateway is killed, and redriven one at a time and by filter.
func TestDeadLetters(t *testing.T) {
	dir := gatewaytest.Dir(t.TempDir())
	y := newGraveyard(t, dir)
	const count = 12
	y.events.fill(y.Events, count, 4)
	for range count {
		c := next(t, y.told)
		for name, want := range map[string]string{
			"Event-Gateway-Subscription-Id": y.sick, "Event-Gateway-Dead-Letter-Function-Id": "sick",
			"Event-Gateway-Dead-Letter-Attempts": "2", "Event-Gateway-Attempt": "1",
		} {
			if got := c.header.Get(name); got != want {
				t.Errorf("the function for dead letters gets %s %q, want %q", name, got, want)
			}
		}
		if ev := c.event(t); ev.ID != c.header.Get(eventIDHeader) || !strings.Contains(string(ev.Data), `"n":`+ev.ID) {
			t.Errorf("the function for dead letters gets %s", c.body)
		}
	}
	all := y.waitDeadLetters("", 2*count)
	for _, l := range all {
		attempts, code, function := 2, 425, "sick"
		if l.SubscriptionID == y.refuses {
			attempts, code, function = 1, 400, "refuses"
		}
		if l.Attempts != attempts || l.Status != code || l.FunctionID != function || l.Reason == "" || l.Space != "default" ||
			l.Event != "made" || l.Source != y.events.source || l.At.Before(l.ReceivedAt) || l.Payload != nil {
			t.Errorf("a dead letter is %+v", l)
		}
	}
	for query, count := range map[string]int{
		"subscriptionId=" + y.sick: count, "functionId=refuses": count, "event=made": 2 * count, "eventId=3": 2,
		"eventId=3&functionId=sick": 1, "reason=" + all[0].Reason: 2 * count, "reason=expired": 0, "limit=5": 2 * count,
		"until=" + all[0].ReceivedAt.UTC().Format(time.RFC3339Nano): 0,
	} {
		if got := y.deadLetters(query); len(got) != count {
			t.Errorf("%d dead letters of %s, want %d", len(got), query, count)
		}
	}
	if page, next := y.deadLetterPage("limit=5"); len(page) != 5 || next == "" {
		t.Errorf("a page of 5 has %d, and then %q", len(page), next)
	}
	if n := metric(t, y.Gateway, "eventgateway_dead_letters"); n != 2*count {
		t.Errorf("eventgateway_dead_letters = %v", n)
	}

	y.idle() // what the log still holds is delivered again, and dies again
	y.Kill()
	y.Gateway = gatewaytest.Start(t, dir)
	first := y.waitDeadLetters("subscriptionId="+y.sick, count)[0]
	var shown deadLetter
	path := y.Config + "/v1/spaces/default/deadletters/" + first.ID
	if err := json.Unmarshal(y.Do(http.MethodGet, path, nil, 200), &shown); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(shown.Payload), `"n":`+first.EventID+`,`) || shown.EventID != first.EventID {
		t.Errorf("a dead letter shows the event %s", shown.Payload)
	}

	y.gate.open()
	y.redrive("/"+first.ID, nil, 1)
	wait(t, "redriven events", y.well.got.size, 1)
	y.Do(http.MethodGet, path, nil, 404)
	y.Do(http.MethodPost, path+"/redrive", nil, 404)
	y.redrive("", fields{"subscriptionId": y.sick}, count-1)
	y.well.got.waitFor(t, "redriven", y.events.acked.all(), patience)
	y.idle()
	if err := y.well.got.checkExact(y.events.acked.all()); err != nil {
		t.Error(err)
	}
	y.waitDeadLetters("", count)
	y.redrive("", fields{"functionId": "sick"}, 0)
	none(t, y.told)
}

// TestDeadLettersDieAgain redrives what still cannot be delivered, and deletes it, one at a time and by filter.
func TestDeadLettersDieAgain(t *testing.T) {
	y := newGraveyard(t)
	y.events.fill(y.Events, 4, 4)
	before := y.waitDeadLetters("functionId=refuses", 4)
	y.waitDeadLetters("", 8)
	y.redrive("", fields{"functionId": "refuses"}, 4)
	gatewaytest.Eventually(t, patience, func() error {
		after := y.deadLetters("functionId=refuses")
		if len(after) != 4 || after[0].ID <= before[3].ID {
			return fmt.Errorf("the dead letters are %+v", after)
		}
		return nil
	})
	path := y.Config + "/v1/spaces/default/deadletters"
	one := y.deadLetters("functionId=refuses")[0]
	y.Do(http.MethodDelete, path+"/"+one.ID, nil, 204)
	y.Do(http.MethodDelete, path+"/"+one.ID, nil, 404)
	y.waitDeadLetters("", 7)
	y.Do(http.MethodDelete, path+"?functionId=sick", nil, 200)
	y.waitDeadLetters("", 3)
	y.Do(http.MethodDelete, path+"?unknown=field", nil, 400)
	y.Do(http.MethodDelete, path, nil, 200)
	y.waitDeadLetters("", 0)
}

// TestExpired has an event wait longer than its subscription's maximum age.
func TestExpired(t *testing.T) {
	s := newStage(t)
	var g gate
	g.shut()
	s.function("f", g.tooEarly(newReceiver(t)))
	s.subscribe("made POST / f", fields{"delivery": fields{
		"attempts": maxAttempts, "maxAge": "1s", "backoff": fields{"initial": "100ms", "factor": 1},
	}})
	newPublisher(t, "made").fill(s.Events, 3, 3)
	for _, l := range s.waitDeadLetters("", 3) {
		age := l.At.Sub(l.ReceivedAt)
		if age > 2*time.Second || age < 500*time.Millisecond || l.Attempts < 2 || l.Attempts == maxAttempts {
			t.Errorf("with a maximum age of one second an event is given up as %+v", l)
		}
	}
}
