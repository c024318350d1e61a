package integration

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway/integration/gatewaytest"
)

// withPolicy is the default Caddyfile with a delivery policy.
func withPolicy(policy string) string {
	return strings.Replace(gatewaytest.DefaultCaddyfile, "{{.Extra.app}}", "delivery {\n"+policy+"\n}", 1)
}

// reload loads another Caddyfile.
func (s *stage) reload(caddyfile string) {
	s.t.Helper()
	if status, body := s.Reload(caddyfile); status != http.StatusOK {
		s.t.Fatalf("reload: %d %s", status, body)
	}
}

// TestReloadWhileEventsWait reloads while events wait for their next attempt: none is lost, none arrives twice, and from
// then on they are tried as the new configuration says.
func TestReloadWhileEventsWait(t *testing.T) {
	const patient = "attempts 100\nbackoff 50ms 1"
	s := newStage(t, gatewaytest.Caddyfile(withPolicy(patient)))
	var g gate
	r := newReceiver(t)
	g.shut()
	s.function("f", g.tooEarly(r))
	s.subscribe("made POST / f")
	p := newPublisher(t, "made")
	refused := func() int { return int(g.refused.Load()) }
	p.fill(s.Events, 50, 10)
	for i := range 5 {
		wait(t, "refused calls", refused, refused()+50)
		s.reload(withPolicy(patient) + fmt.Sprintf("\nhttp://r%d.localhost:{{.Port1}} {\n}\n", i))
		p.fill(s.Events, 10, 5)
	}
	// What was accepted last may still be on its way from the log.
	held := func() int {
		q := s.queue()
		return int(q.Waiting + q.Running)
	}
	if wait(t, "deliveries in the queue", held, 100); held() > 100 {
		t.Errorf("the queue holds %+v, want 100 deliveries", s.queue())
	}
	g.open()
	r.got.waitFor(t, "after reloads", p.acked.all(), patience)
	s.idle()
	if err := r.got.checkExact(p.acked.all()); err != nil {
		t.Error(err)
	}

	// The same events that may be tried a hundred times may be tried only three times after the reload.
	arrived := p.acked.all()
	g.shut()
	p.fill(s.Events, 30, 10)
	wait(t, "refused calls", refused, refused()+30)
	s.reload(withPolicy("attempts 3\nbackoff 50ms 1"))
	s.idle()
	if dead := s.deadLetters(""); len(dead) != 30 {
		t.Errorf("%d dead letters, want 30", len(dead))
	}
	if err := r.got.checkExact(arrived); err != nil {
		t.Error(err)
	}
}

// attempts is a function that notes the attempt of each event that arrives.
type attempts struct {
	*receiver
	mu   sync.Mutex
	made map[string]int
}

func (a *attempts) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	attempt, _ := strconv.Atoi(req.Header.Get(attemptHeader))
	a.mu.Lock()
	a.made[req.Header.Get(eventIDHeader)] = attempt
	a.mu.Unlock()
	a.receiver.ServeHTTP(w, req)
}

// TestExitWhileEventsWait ends the gateway gracefully while events wait for their next attempt. It does not wait for them:
// they are delivered after the next start, once each, and the attempts that were made count.
func TestExitWhileEventsWait(t *testing.T) {
	dir := gatewaytest.Dir(t.TempDir())
	s := newStage(t, dir)
	var g gate
	a := &attempts{receiver: newReceiver(t), made: map[string]int{}}
	g.shut()
	s.function("f", g.tooEarly(a))
	s.subscribe("made POST / f", fields{"delivery": fields{"backoff": fields{"initial": "3s", "jitter": 0}}})
	p := newPublisher(t, "made")
	p.fill(s.Events, 100, 10)
	wait(t, "refused calls", func() int { return int(g.refused.Load()) }, 100)
	start := time.Now()
	s.Stop()
	if took := time.Since(start); took > 15*time.Second {
		t.Errorf("the gateway took %s to end", took)
	}
	g.open()
	s.Gateway = gatewaytest.Start(t, dir)
	a.got.waitFor(t, "after the start", p.acked.all(), patience)
	s.idle()
	if err := a.got.checkExact(p.acked.all()); err != nil {
		t.Error(err)
	}
	for id, attempt := range a.made {
		if attempt < 2 {
			t.Errorf("event %s arrived with attempt %d, want one after those made before", id, attempt)
			break
		}
	}
}

// TestExitWithBacklog ends the gateway gracefully while a function hangs, with many events behind: it ends within its drain
// timeout, and every event arrives after the next start.
func TestExitWithBacklog(t *testing.T) {
	dir := gatewaytest.Dir(t.TempDir())
	app := gatewaytest.Extra("app", "drain_timeout 1s")
	s := newStage(t, dir, app)
	var g gate
	r := newReceiver(t)
	g.shut()
	t.Cleanup(g.open)
	s.function("f", g.hang(r))
	s.subscribe("made POST / f", eager())
	p := newPublisher(t, "made")
	p.fill(s.Events, 1000, 100)
	wait(t, "calls that hang", func() int { return int(g.held.Load()) }, 32)
	start := time.Now()
	s.Stop()
	if took := time.Since(start); took > 15*time.Second {
		t.Errorf("the gateway took %s to end", took)
	}
	g.open()
	s.Gateway = gatewaytest.Start(t, dir, app)
	r.got.waitFor(t, "after the start", p.acked.all(), patience)
	s.idle()
	t.Logf("%d events arrived more than once", r.got.duplicates())
}
