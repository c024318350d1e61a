package caddymodule

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/configapi"
	"github.com/eventgateway/eventgateway/eventsapi"
	"github.com/eventgateway/eventgateway/plugins"
	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/systemevents"
)

// metrics are made once for the process and registered with every configuration's registry, so that they go on counting
// through reloads.
var metrics = newMetricSet()

// metricSet is told of what happens on the data path and the control path, and gives it to Prometheus.
type metricSet struct {
	received, processed *counters
	copiesDropped       *counters
	retreats            *counters
	dropped, duplicates *counters
	attempts            *counters
	invocations         *counters
	filterErrors        *counters
	orderingKeyErrors   *counters
	violations          *counters
	systemEvents        *counters
	reactions           *counters
	reactionDurations   *prometheus.HistogramVec
	custom              prometheus.Histogram
	durations           *prometheus.HistogramVec
	configRequests      *prometheus.CounterVec
	configDuration      prometheus.Histogram
	types               labelBound
	subscriptions       labelBound
}

func newMetricSet() *metricSet {
	return &metricSet{
		received: newCounters("eventgateway_events_received_total",
			"Events received by the Events API.", "space", "type"),
		processed: newCounters("eventgateway_events_processed_total",
			"Events answered by a function or delivered to one, a delivery each.", "space", "type"),
		dropped: newCounters("eventgateway_events_dropped_total",
			"Events refused, and deliveries given up after the event was accepted, by reason.", "space", "type", "reason"),
		invocations: newCounters("eventgateway_function_invocations_total",
			"Calls of functions by outcome: ok or why it failed.", "space", "function", "outcome"),
		duplicates: newCounters("eventgateway_events_duplicates_total",
			"Events that were accepted before, and are not delivered again.", "space", "type"),
		copiesDropped: newCounters("eventgateway_shadow_dropped_total",
			"Calls of which a shadow of a weighted function got no copy, since it had as many as it may.", "space", "function"),
		retreats: newCounters("eventgateway_function_retreats_total",
			"Retreats of weighted functions to earlier weights that this instance decided on, by reason.", "space", "function", "reason"),
		attempts: newCounters("eventgateway_delivery_attempts_total",
			"Attempts of asynchronous deliveries by what came of them: delivered, retried or dead.", "space", "function", "outcome"),
		filterErrors: newCounters("eventgateway_filter_errors_total",
			"Events a subscription did not get because its filter could not be evaluated.", "space", "subscription"),
		orderingKeyErrors: newCounters("eventgateway_ordering_key_errors_total",
			"Events delivered without order because the ordering key could not be evaluated.", "space", "subscription"),
		violations: newCounters("eventgateway_schema_violations_total",
			"Events that went on although their data violates the schema of their type.", "space", "type"),
		systemEvents: newCounters("eventgateway_system_events_total",
			"System events that had subscriptions or plugins to go to.", "space", "type"),
		reactions: newCounters("eventgateway_plugin_reactions_total",
			"Reactions of plugins to system events by outcome: done, refused, failed, canceled or dropped.", "plugin", "type", "outcome"),
		reactionDurations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "eventgateway_plugin_reaction_duration_seconds",
			Help:    "Duration of reactions of plugins.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 4, 10),
		}, []string{"plugin"}),
		custom: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "eventgateway_events_custom_processing_seconds",
			Help:    "Time from receiving an event to its delivery to an asynchronous subscriber.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 4, 10),
		}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "eventgateway_function_invocation_duration_seconds",
			Help:    "Duration of calls of functions.",
			Buckets: prometheus.ExponentialBuckets(0.001, 4, 8),
		}, []string{"space", "function"}),
		configRequests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "eventgateway_config_requests_total",
			Help: "Requests to the Configuration API.",
		}, []string{"space", "resource", "operation"}),
		configDuration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "eventgateway_config_request_duration_seconds",
			Help:    "Duration of requests to the Configuration API.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 4, 10),
		}),
		types:         labelBound{limit: 1000},
		subscriptions: labelBound{limit: 1000},
	}
}

// register adds the metrics to a configuration's registry.
func (m *metricSet) register(registry *prometheus.Registry) error {
	if err := registry.Register(m); err != nil && !errors.As(err, new(prometheus.AlreadyRegisteredError)) {
		return err
	}
	return nil
}

// Describe implements prometheus.Collector.
func (m *metricSet) Describe(ch chan<- *prometheus.Desc) {
	for _, c := range m.collectors() {
		c.Describe(ch)
	}
	describeGauges(ch)
}

// Collect implements prometheus.Collector.
func (m *metricSet) Collect(ch chan<- prometheus.Metric) {
	for _, c := range m.collectors() {
		c.Collect(ch)
	}
	collectGauges(ch)
}

func (m *metricSet) collectors() []prometheus.Collector {
	return []prometheus.Collector{
		m.received.vec, m.processed.vec, m.dropped.vec, m.duplicates.vec, m.attempts.vec, m.invocations.vec, m.filterErrors.vec,
		m.orderingKeyErrors.vec, m.violations.vec, m.copiesDropped.vec, m.retreats.vec,
		m.systemEvents.vec, m.reactions.vec, m.reactionDurations, m.custom, m.durations, m.configRequests, m.configDuration,
	}
}

// Received implements eventsapi.Observer.
func (m *metricSet) Received(space, eventType string) {
	m.received.inc(space, m.types.bound(eventType), "")
}

// Processed implements eventsapi.Observer.
func (m *metricSet) Processed(space, eventType string) {
	m.processed.inc(space, m.types.bound(eventType), "")
}

// Refused implements eventsapi.Observer.
func (m *metricSet) Refused(space, eventType, reason string) { m.Dropped(space, eventType, reason) }

// FilterFailed implements eventsapi.Observer.
func (m *metricSet) FilterFailed(space, subscriptionID string) {
	m.filterErrors.inc(space, m.subscriptions.bound(subscriptionID), "")
}

// OrderingKeyFailed implements eventsapi.Observer.
func (m *metricSet) OrderingKeyFailed(space, subscriptionID string) {
	m.orderingKeyErrors.inc(space, m.subscriptions.bound(subscriptionID), "")
}

// SchemaViolated implements eventsapi.Observer.
func (m *metricSet) SchemaViolated(space, eventType string) {
	m.violations.inc(space, m.types.bound(eventType), "")
}

// Delivered implements delivery.Observer.
func (m *metricSet) Delivered(space, eventType string, age time.Duration) {
	m.custom.Observe(age.Seconds())
	m.processed.inc(space, m.types.bound(eventType), "")
}

// Attempted implements delivery.Observer.
func (m *metricSet) Attempted(key eventgateway.FunctionKey, outcome string) {
	m.attempts.inc(key.Space, key.ID, outcome)
}

// Deduplicated implements delivery.Observer.
func (m *metricSet) Deduplicated(space, eventType string) {
	m.duplicates.inc(space, m.types.bound(eventType), "")
}

// CopyDropped implements delivery.Observer.
func (m *metricSet) CopyDropped(shadow eventgateway.FunctionKey) {
	m.copiesDropped.inc(shadow.Space, shadow.ID, "")
}

// retreated counts a retreat.
func (m *metricSet) retreated(r *eventgateway.Retreat) {
	m.retreats.inc(r.Space, r.FunctionID, r.Reason)
}

// Dropped implements delivery.Observer.
func (m *metricSet) Dropped(space, eventType, reason string) {
	m.dropped.inc(space, m.types.bound(eventType), reason)
}

// Invoked implements delivery.Observer.
func (m *metricSet) Invoked(key eventgateway.FunctionKey, failure providers.Failure, duration time.Duration) {
	outcome := string(failure)
	if outcome == "" {
		outcome = "ok"
	}
	m.invocations.inc(key.Space, key.ID, outcome)
	m.durations.WithLabelValues(key.Space, key.ID).Observe(duration.Seconds())
}

// Emitted implements systemevents.Observer.
func (m *metricSet) Emitted(space, eventType string) { m.systemEvents.inc(space, eventType, "") }

// Reacted implements plugins.Observer.
func (m *metricSet) Reacted(plugin, event, outcome string, took time.Duration) {
	m.reactions.inc(plugin, event, outcome)
	if outcome != plugins.OutcomeDropped {
		m.reactionDurations.WithLabelValues(plugin).Observe(took.Seconds())
	}
}

// ConfigRequest implements configapi.Observer.
func (m *metricSet) ConfigRequest(space, resource, operation string, _ int, duration time.Duration) {
	m.configRequests.WithLabelValues(space, resource, operation).Inc()
	m.configDuration.Observe(duration.Seconds())
}

// counters is a counter vector with its children at hand, so that counting an event makes no label map.
type counters struct {
	vec      *prometheus.CounterVec
	labels   int
	children sync.Map // [3]string → prometheus.Counter
}

func newCounters(name, help string, labels ...string) *counters {
	return &counters{vec: prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels), labels: len(labels)}
}

func (c *counters) inc(a, b, third string) {
	key := [3]string{a, b, third}
	child, ok := c.children.Load(key)
	if !ok {
		child, _ = c.children.LoadOrStore(key, c.vec.WithLabelValues(key[:c.labels]...))
	}
	child.(prometheus.Counter).Inc()
}

// labelBound bounds how many values a label that comes from outside may take; what comes after is "other".
type labelBound struct {
	limit  int64
	count  atomic.Int64
	values sync.Map // string → struct{}
}

func (l *labelBound) bound(value string) string {
	if _, ok := l.values.Load(value); ok {
		return value
	}
	if l.count.Load() >= l.limit {
		return "other"
	}
	if _, loaded := l.values.LoadOrStore(value, struct{}{}); !loaded {
		l.count.Add(1)
	}
	return value
}

// Interface guards
var (
	_ prometheus.Collector = (*metricSet)(nil)
	_ eventsapi.Observer   = (*metricSet)(nil)
	_ configapi.Observer   = (*metricSet)(nil)

	_ systemevents.Observer = (*metricSet)(nil)
	_ plugins.Observer      = (*metricSet)(nil)
)
