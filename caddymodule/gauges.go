package caddymodule

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eventgateway/eventgateway/delivery"
	"github.com/eventgateway/eventgateway/expression"
)

// Gauges are read when Prometheus asks, from the app in force, so that they cost nothing in between.
var (
	functionsDesc = prometheus.NewDesc("eventgateway_functions_total",
		"Functions registered.", []string{"space"}, nil)
	subscriptionsDesc = prometheus.NewDesc("eventgateway_subscriptions_total",
		"Subscriptions.", []string{"space"}, nil)
	eventTypesDesc = prometheus.NewDesc("eventgateway_eventtypes_total",
		"Event types registered.", []string{"space"}, nil)
	corsDesc = prometheus.NewDesc("eventgateway_cors_total",
		"CORS resources.", []string{"space"}, nil)
	backlogDesc = prometheus.NewDesc("eventgateway_events_backlog",
		"Accepted deliveries that wait for or run at a function.", []string{"space", "function"}, nil)
	oldestDesc = prometheus.NewDesc("eventgateway_events_oldest_seconds",
		"Time since the event was received that has waited longest for a function.", []string{"space", "function"}, nil)
	concurrencyDesc = prometheus.NewDesc("eventgateway_function_concurrency",
		"Deliveries that may run at once: less than configured after throttling and timeouts.", []string{"space", "function"}, nil)
	circuitDesc = prometheus.NewDesc("eventgateway_function_circuit",
		"0 while the circuit of a function is closed, 1 while a probe is let through, 2 while it is open.",
		[]string{"space", "function"}, nil)
	queueBytesDesc = prometheus.NewDesc("eventgateway_queue_bytes",
		"Size of the events held by the queue at this instance, in bytes.", nil, nil)
	queueMemoryDesc = prometheus.NewDesc("eventgateway_queue_memory_bytes",
		"How many of them are in memory.", nil, nil)
	queueStoredDesc = prometheus.NewDesc("eventgateway_queue_stored_bytes",
		"What the queue's log takes, in bytes: on disk, if it is durable.", nil, nil)
	queueReadyDesc = prometheus.NewDesc("eventgateway_queue_ready",
		"1 while the queue's log takes events, 0 while it is out of reach or refuses to write.", nil, nil)
	pausedDesc = prometheus.NewDesc("eventgateway_events_paused",
		"Accepted deliveries that wait for their subscription to be resumed.", nil, nil)
	deadLettersDesc = prometheus.NewDesc("eventgateway_dead_letters",
		"Dead letters kept.", nil, nil)
	deadLetterBytesDesc = prometheus.NewDesc("eventgateway_dead_letter_bytes",
		"What the dead letters take, in bytes.", nil, nil)
	expressionsWaitingDesc = prometheus.NewDesc("eventgateway_expressions_waiting",
		"Costly filters and transforms that wait for their turn.", []string{"space"}, nil)
	expressionsSlowDesc = prometheus.NewDesc("eventgateway_expressions_slow_total",
		"Evaluations of costly filters and transforms that took turns.", []string{"space"}, nil)
	expressionsWaitDesc = prometheus.NewDesc("eventgateway_expressions_wait_seconds_total",
		"How long costly filters and transforms waited for their turn.", []string{"space"}, nil)
	revisionDesc = prometheus.NewDesc("eventgateway_config_revision",
		"The etcd revision that routing stands at.", nil, nil)
	storeDesc = prometheus.NewDesc("eventgateway_etcd_watch_connected",
		"1 while changes arrive from etcd, 0 while it is out of reach and the last known configuration is served.", nil, nil)
	disconnectedDesc = prometheus.NewDesc("eventgateway_etcd_disconnected_seconds",
		"How long etcd has been out of reach; 0 while changes arrive.", nil, nil)
)

func describeGauges(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		functionsDesc, subscriptionsDesc, eventTypesDesc, corsDesc, backlogDesc, oldestDesc, concurrencyDesc, circuitDesc, queueBytesDesc, queueMemoryDesc,
		queueStoredDesc, queueReadyDesc, pausedDesc, deadLettersDesc, deadLetterBytesDesc, revisionDesc, storeDesc,
		disconnectedDesc, expressionsWaitingDesc, expressionsSlowDesc, expressionsWaitDesc,
	} {
		ch <- d
	}
	ch <- retreatedDesc
	describeArchives(ch)
}

func collectGauges(ch chan<- prometheus.Metric) {
	app := current.Load()
	if app == nil {
		return
	}
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	for space, count := range app.view.Counts() {
		gauge(functionsDesc, float64(count.Functions), space)
		gauge(subscriptionsDesc, float64(count.Subscriptions), space)
		gauge(eventTypesDesc, float64(count.EventTypes), space)
		gauge(corsDesc, float64(count.CORS), space)
	}
	app.host.collect(gauge)
	collectArchives(ch, app)
	collectRetreats(ch, app)
	collectExpressions(ch)
	gauge(revisionDesc, float64(app.snapshot().Revision))
	status := app.engine.Status()
	connected, away := 0.0, 0.0
	if status.State == "connected" {
		connected = 1
	} else if !status.Since.IsZero() {
		away = time.Since(status.Since).Seconds()
	}
	gauge(storeDesc, connected)
	gauge(disconnectedDesc, away)
}

func collectExpressions(ch chan<- prometheus.Metric) {
	for space, s := range expression.SlowLane() {
		ch <- prometheus.MustNewConstMetric(expressionsWaitingDesc, prometheus.GaugeValue, float64(s.Waiting), space)
		ch <- prometheus.MustNewConstMetric(expressionsSlowDesc, prometheus.CounterValue, float64(s.Evaluated), space)
		ch <- prometheus.MustNewConstMetric(expressionsWaitDesc, prometheus.CounterValue, s.Waited.Seconds(), space)
	}
}

// circuitValue is the value of the metric for each state.
var circuitValue = map[string]float64{
	delivery.CircuitClosed: 0, delivery.CircuitHalfOpen: 1, delivery.CircuitOpen: 2,
}

func (q *queueHost) collect(gauge func(d *prometheus.Desc, v float64, labels ...string)) {
	d, log := q.dispatcher.Load(), q.log.Load()
	if d == nil || log == nil {
		gauge(queueReadyDesc, 0)
		return
	}
	for _, l := range d.Lanes() {
		space, id := l.Key.Space, l.Key.ID
		gauge(backlogDesc, float64(l.Waiting+l.Running), space, id)
		gauge(concurrencyDesc, float64(l.Concurrency), space, id)
		gauge(circuitDesc, circuitValue[l.Circuit], space, id)
		oldest := 0.0
		if !l.Oldest.IsZero() {
			oldest = time.Since(l.Oldest).Seconds()
		}
		gauge(oldestDesc, oldest, space, id)
	}
	stats, status := d.Stats(), (*log).Status()
	gauge(queueBytesDesc, float64(stats.Bytes))
	gauge(queueMemoryDesc, float64(stats.Memory))
	gauge(queueStoredDesc, float64(status.Bytes))
	gauge(pausedDesc, float64(stats.Paused))
	ready := 0.0
	if status.State == "ready" {
		ready = 1
	}
	gauge(queueReadyDesc, ready)
	letters, bytes := (*log).DeadLetters().Count()
	gauge(deadLettersDesc, float64(letters))
	gauge(deadLetterBytesDesc, float64(bytes))
}
