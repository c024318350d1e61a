package caddymodule

import (
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eventgateway/eventgateway"
)

// TestLabelsAreBounded counts more event types and subscriptions than a metric may have values for: both come from outside.
func TestLabelsAreBounded(t *testing.T) {
	type count func(m *metricSet, value string)
	ofTypes := map[string]count{
		"eventgateway_events_received_total":   func(m *metricSet, v string) { m.Received("default", v) },
		"eventgateway_events_processed_total":  func(m *metricSet, v string) { m.Processed("default", v) },
		"eventgateway_events_dropped_total":    func(m *metricSet, v string) { m.Dropped("default", v, "no_function") },
		"eventgateway_events_duplicates_total": func(m *metricSet, v string) { m.Deduplicated("default", v) },
		"eventgateway_schema_violations_total": func(m *metricSet, v string) { m.SchemaViolated("default", v) },
	}
	ofSubscriptions := map[string]count{
		"eventgateway_filter_errors_total":       func(m *metricSet, v string) { m.FilterFailed("default", v) },
		"eventgateway_ordering_key_errors_total": func(m *metricSet, v string) { m.OrderingKeyFailed("default", v) },
	}
	for label, metrics := range map[string]map[string]count{"type": ofTypes, "subscription": ofSubscriptions} {
		for name, count := range metrics {
			t.Run(name, func(t *testing.T) {
				m := newMetricSet()
				for i := range 3000 {
					count(m, fmt.Sprint("value-", i))
				}
				count(m, "value-0")
				values := gather(t, m, name, label)
				if len(values) != 1001 || values["other"] != 2000 || values["value-0"] != 2 {
					t.Errorf("%d values, %v others, %v of the first; want 1001, 2000, 2", len(values), values["other"], values["value-0"])
				}
			})
		}
	}
}

// gather returns a counter of the space default, by the values of another label.
func gather(t *testing.T, m *metricSet, name, label string) map[string]float64 {
	t.Helper()
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
		if family.GetName() != name {
			continue
		}
		for _, sample := range family.GetMetric() {
			labels := map[string]string{}
			for _, l := range sample.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			if labels["space"] != "default" || labels[label] == "" {
				t.Fatalf("%s has labels %v", family.GetName(), labels)
			}
			values[labels[label]] = sample.GetCounter().GetValue()
		}
	}
	return values
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
