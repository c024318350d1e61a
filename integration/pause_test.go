package integration

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/eventgateway/eventgateway/integration/gatewaytest"
)

// setPaused pauses or resumes a subscription, as action says, and checks what the answer tells of it.
func (s *stage) setPaused(id, action string) {
	s.t.Helper()
	var shown struct {
		SubscriptionID string
		Paused         bool
	}
	body := s.Do(http.MethodPost, s.Config+"/v1/spaces/default/subscriptions/"+id+"/"+action, nil, 200)
	if err := json.Unmarshal(body, &shown); err != nil || shown.SubscriptionID != id || shown.Paused != (action == "pause") {
		s.t.Errorf("%s: %s", action, body)
	}
}

// waitQueue waits until the queue holds so many deliveries, of which so many are of paused subscriptions.
func (s *stage) waitQueue(waiting, paused int64) {
	s.t.Helper()
	gatewaytest.Eventually(s.t, patience, func() error {
		if q := s.queue(); q.Waiting != waiting || q.Paused != paused || q.Running != 0 {
			return fmt.Errorf("the queue holds %+v, want %d waiting, %d of them paused", q, waiting, paused)
		}
		return nil
	})
}

// TestPause pauses one of two subscriptions of a function: its backlog is kept, also when the gateway is killed, and
// delivered when it is resumed.
func TestPause(t *testing.T) {
	dir := gatewaytest.Dir(t.TempDir())
	s := newStage(t, dir)
	paused, other := newReceiver(t), newReceiver(t)
	s.function("f", paused.ServeHTTP)
	s.function("other", other.ServeHTTP)
	id := s.subscribe("made POST / f")
	s.subscribe("made POST / other")
	p := newPublisher(t, "made")
	p.fill(s.Events, 10, 5)
	paused.got.waitFor(t, "before the pause", p.acked.all(), patience)

	s.setPaused(id, "pause")
	before := p.acked.all()
	p.fill(s.Events, 50, 5)
	other.got.waitFor(t, "at the other subscriber", p.acked.all(), patience)
	s.waitQueue(50, 50)
	if n := metric(t, s.Gateway, "eventgateway_events_paused"); n != 50 {
		t.Errorf("eventgateway_events_paused = %v", n)
	}
	s.Kill()
	s.Gateway = gatewaytest.Start(t, dir)
	s.waitQueue(50, 50)
	p.fill(s.Events, 50, 5)
	other.got.waitFor(t, "at the other subscriber", p.acked.all(), patience)
	s.waitQueue(100, 100)
	if err := paused.got.checkExact(before); err != nil {
		t.Errorf("while paused: %v", err)
	}

	s.setPaused(id, "resume")
	paused.got.waitFor(t, "after it was resumed", p.acked.all(), patience)
	s.idle()
	p.fill(s.Events, 10, 5)
	paused.got.waitFor(t, "after that", p.acked.all(), patience)
	if again := paused.got.duplicates(); again > 0 {
		t.Errorf("%d events arrived again", again)
	}
}

// TestPauseWhileEventsWaitForRetry pauses a subscription whose events wait for their next attempt: none is made until it is
// resumed.
func TestPauseWhileEventsWaitForRetry(t *testing.T) {
	s := newStage(t)
	var g, clock gate
	r := newReceiver(t)
	g.shut()
	clock.shut()
	s.function("f", g.tooEarly(r))
	s.function("clock", clock.tooEarly(newReceiver(t)))
	policy := fields{"delivery": fields{
		"attempts": maxAttempts, "backoff": fields{"initial": "300ms", "factor": 1, "jitter": 0},
	}}
	id := s.subscribe("made POST / f", policy)
	s.subscribe("made POST / clock", policy)
	p := newPublisher(t, "made")
	p.fill(s.Events, 20, 20)
	wait(t, "refused calls", func() int { return int(g.refused.Load()) }, 20)
	s.setPaused(id, "pause")
	gatewaytest.Eventually(t, patience, func() error {
		if q := s.queue(); q.Paused != 20 {
			return fmt.Errorf("the queue holds %+v, want 20 paused", q)
		}
		return nil
	})
	g.open()
	refused := g.refused.Load()
	// The other function tells when events would have come again.
	wait(t, "refused calls of the other function", func() int { return int(clock.refused.Load()) }, int(clock.refused.Load())+40)
	if r.got.size() > 0 || g.refused.Load() != refused {
		t.Errorf("%d events arrived while paused", r.got.size())
	}
	s.setPaused(id, "resume")
	r.got.waitFor(t, "after it was resumed", p.acked.all(), patience)
	clock.open()
	s.idle()
}
