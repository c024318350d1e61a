package caddymodule

import (
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eventgateway/eventgateway"
)

// TestEventTypesAreBounded sends more event types than a metric may have values for: the type comes from outside.
func TestEventTypesAreBounded(t *testing.T) {
	m := newMetricSet()
	for i := range 5000 {
		m.Received("default", fmt.Sprintf("type-%d", i))
	}
	m.Received("default", "type-0")
	registry := prometheus.NewPedanticRegistry()
	if err := m.register(registry); err != nil {
		t.Fatal(err)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, family := range families {
		if family.GetName() != "eventgateway_events_received_total" {
			continue
		}
		for _, sample := range family.GetMetric() {
			for _, label := range sample.GetLabel() {
				if label.GetName() == "type" {
					values[label.GetValue()] = sample.GetCounter().GetValue()
				}
			}
		}
	}
	if len(values) != 1001 || values["other"] != 4000 || values["type-0"] != 2 {
		t.Errorf("%d types, %v others, %v of type-0; want 1001, 4000, 2", len(values), values["other"], values["type-0"])
	}
}

// TestMetricsAreRegisteredAgain registers one set with two registries, as a reload does, and twice with one.
func TestMetricsAreRegisteredAgain(t *testing.T) {
	m := newMetricSet()
	m.Invoked(eventgateway.FunctionKey{Space: "default", ID: "f"}, "", time.Millisecond)
	for range 2 {
		registry := prometheus.NewPedanticRegistry()
		for range 2 {
			if err := m.register(registry); err != nil {
				t.Fatal(err)
			}
		}
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		found := false
		for _, family := range families {
			if family.GetName() == "eventgateway_function_invocations_total" {
				found = family.GetMetric()[0].GetCounter().GetValue() == 1
			}
		}
		if !found {
			t.Error("the count did not reach the registry")
		}
	}
}

func BenchmarkObserve(b *testing.B) {
	m := newMetricSet()
	key := eventgateway.FunctionKey{Space: "default", ID: "f"}
	b.ReportAllocs()
	for b.Loop() {
		m.Received("default", "user.created")
		m.Invoked(key, "", time.Millisecond)
		m.Processed("default", "user.created")
	}
}
