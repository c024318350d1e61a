package integration

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/eventgateway/eventgateway/integration/gatewaytest"
)

// circuits are those that are not closed, by function, as /v1/status tells.
func (s *stage) circuits() map[string]string {
	s.t.Helper()
	var status struct {
		Queue struct {
			Circuits []struct{ Space, FunctionID, State string }
		}
	}
	if err := json.Unmarshal(s.Do(http.MethodGet, s.Config+"/v1/status", nil, 200), &status); err != nil {
		s.t.Fatal(err)
	}
	states := map[string]string{}
	for _, c := range status.Queue.Circuits {
		states[c.FunctionID] = c.State
	}
	return states
}

// TestCircuit has a function fail until it is left alone: then only probes reach it, events wait instead of using up their
// attempts, and when it is well again everything arrives.
func TestCircuit(t *testing.T) {
	s := newStage(t, gatewaytest.Extra("app", "delivery {\n attempts 20\n backoff 10ms 1\n}"))
	var g gate
	sick, other := newReceiver(t), newReceiver(t)
	g.shut()
	s.function("sick", g.refuse(sick))
	s.function("other", other.ServeHTTP)
	s.subscribe("made POST / sick")
	s.subscribe("made POST / other")
	p := newPublisher(t, "made")
	p.fill(s.Events, 200, 50)
	gatewaytest.Eventually(t, patience, func() error {
		if state := s.circuits()["sick"]; state != "open" {
			return fmt.Errorf("the circuit is %q", state)
		}
		if value := metric(t, s.Gateway, "eventgateway_function_circuit"); value != 2 {
			return fmt.Errorf("eventgateway_function_circuit is %v", value)
		}
		return nil
	})
	other.got.waitFor(t, "at the other function", p.acked.all(), patience)
	calls := g.refused.Load()
	wait(t, "probes", func() int { return int(g.refused.Load() - calls) }, 1)
	if calls := g.refused.Load(); calls > 60 {
		t.Errorf("%d calls of a function that is to be left alone", calls)
	}
	g.open()
	sick.got.waitFor(t, "when it is well again", p.acked.all(), patience)
	s.idle()
	if circuits := s.circuits(); len(circuits) > 0 {
		t.Errorf("then the circuits are %v", circuits)
	}
	if dead := s.deadLetters(""); len(dead) > 0 {
		t.Errorf("%d events were given up", len(dead))
	}
	if err := sick.got.checkExact(p.acked.all()); err != nil {
		t.Error(err)
	}
}
