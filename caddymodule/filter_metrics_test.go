package caddymodule

import (
	"fmt"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// TestFilterErrorsAreBounded fails filters of more subscriptions than the metric may have values for.
func TestFilterErrorsAreBounded(t *testing.T) {
	m := newMetricSet()
	for i := range 3000 {
		m.FilterFailed("default", fmt.Sprint("subscription-", i))
	}
	m.FilterFailed("default", "subscription-0")
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
		if family.GetName() != "eventgateway_filter_errors_total" {
			continue
		}
		for _, sample := range family.GetMetric() {
			labels := sample.GetLabel()
			if len(labels) != 2 || labels[0].GetName() != "space" || labels[0].GetValue() != "default" {
				t.Fatalf("labels %v", labels)
			}
			values[labels[1].GetValue()] = sample.GetCounter().GetValue()
		}
	}
	if len(values) != 1001 || values["other"] != 2000 || values["subscription-0"] != 2 {
		t.Errorf("%d subscriptions, %v others, %v of the first; want 1001, 2000, 2",
			len(values), values["other"], values["subscription-0"])
	}
}
