package integration

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway/integration/gatewaytest"
)

// TestDuplicates sends events again that were accepted before: they are acknowledged as such and delivered once.
func TestDuplicates(t *testing.T) {
	s := newStage(t)
	record, calls := recorder(`{}`)
	s.function("f", record)
	s.subscribe("made POST / f")
	const event = `{"specversion":"1.0","type":"made","source":"/shop","id":"order-1","data":{"n":1}}`
	cloudEvent := func(text string) answer {
		t.Helper()
		a := s.send("POST", "/", text, "Content-Type", cloudEventType)
		a.expect(t, 202, "")
		return a
	}
	custom := func(key string) answer {
		t.Helper()
		a := s.send("POST", "/", `{"n":1}`, "Event", "made", "Content-Type", jsonType, "Idempotency-Key", key)
		a.expect(t, 202, "")
		return a
	}
	delivered := func(what, id string) {
		t.Helper()
		if got := next(t, calls).event(t); got.ID != id {
			t.Errorf("%s: event %s was delivered, want %s", what, got.ID, id)
		}
		s.idle()
		none(t, calls)
	}
	again := func(what string, a answer, id string) {
		t.Helper()
		if a.header.Get("Event-Gateway-Duplicate") != "true" || a.header.Get(eventIDHeader) != id {
			t.Errorf("%s: the sender is told %v, want that it is event %s", what, a.header, id)
		}
		s.idle()
		none(t, calls)
	}

	if a := cloudEvent(event); a.header.Get("Event-Gateway-Duplicate") != "" {
		t.Error("a first event is told to be a duplicate")
	}
	delivered("a CloudEvent", "order-1")
	again("the same source and id", cloudEvent(event), "order-1")
	again("with other data", cloudEvent(strings.Replace(event, `"n":1`, `"n":2`, 1)), "order-1")
	cloudEvent(strings.Replace(event, "/shop", "/store", 1))
	delivered("another source", "order-1")
	cloudEvent(strings.Replace(event, "order-1", "order-2", 1))
	delivered("another id", "order-2")

	first := custom("key-1").header.Get(eventIDHeader)
	delivered("a custom event", first)
	again("the same key", custom("key-1"), first)
	delivered("another key", custom("key-2").header.Get(eventIDHeader))

	batch := func(events ...string) answer {
		t.Helper()
		a := s.send("POST", "/", "["+strings.Join(events, ",")+"]", "Content-Type", batchType)
		a.expect(t, 202, "")
		return a
	}
	third := strings.Replace(event, "order-1", "order-3", 1)
	batch(event, third, third)
	delivered("what is new in a batch, once", "order-3")
	if a := batch(event, third); a.header.Get("Event-Gateway-Duplicate") != "true" {
		t.Errorf("of a batch sent again the sender is told %v", a.header)
	}
	s.idle()
	none(t, calls)
	if n := metric(t, s.Gateway, "eventgateway_events_duplicates_total"); n != 7 {
		t.Errorf("eventgateway_events_duplicates_total = %v, want 7", n)
	}
}

// TestDuplicateAfterWindow has a short window: an event that comes again after it is a new one.
func TestDuplicateAfterWindow(t *testing.T) {
	const window = 2 * time.Second
	s := newStage(t, gatewaytest.Extra("app", "duplicate_window "+window.String()))
	record, calls := recorder(`{}`)
	s.function("f", record)
	s.subscribe("made POST / f")
	start := time.Now()
	again := 0
	gatewaytest.Eventually(t, patience, func() error {
		a := s.send("POST", "/", `{}`, "Event", "made", "Content-Type", jsonType, "Idempotency-Key", "key")
		a.expect(t, 202, "")
		if a.header.Get("Event-Gateway-Duplicate") != "" {
			again++
			return errors.New("the event is still a duplicate")
		}
		if again == 0 {
			return errors.New("the first event")
		}
		return nil
	})
	if took := time.Since(start); took < window {
		t.Errorf("an event was accepted again after %s, within the window of %s", took, window)
	}
	next(t, calls)
	next(t, calls)
	s.idle()
	none(t, calls)
}

// TestDuplicateOfRefused has an event refused for lack of room: sent again it is no duplicate.
func TestDuplicateOfRefused(t *testing.T) {
	s := newStage(t, gatewaytest.Extra("app", "queue memory {\n max_per_function 1\n}\nconcurrency 1"))
	var g gate
	r := newReceiver(t)
	g.shut()
	t.Cleanup(g.open)
	s.function("f", g.hang(r))
	s.subscribe("made POST / f")
	p := newPublisher(t, "made")
	refused := -1
	for refused < 0 {
		if n := p.number(); p.send(s.Events, n) != 202 {
			refused = n
		}
	}
	g.open()
	s.idle()
	if status := p.send(s.Events, refused); status != 202 {
		t.Fatalf("sent again: %d", status)
	}
	r.got.waitFor(t, "with the event that was refused first", p.acked.all(), patience)
}
