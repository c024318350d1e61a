package caddymodule

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Gauges are read when Prometheus asks, from the app in force, so that they cost nothing in between.
var (
	functionsDesc = prometheus.NewDesc("eventgateway_functions_total",
		"Functions registered.", []string{"space"}, nil)
	subscriptionsDesc = prometheus.NewDesc("eventgateway_subscriptions_total",
		"Subscriptions.", []string{"space"}, nil)
	backlogDesc = prometheus.NewDesc("eventgateway_events_backlog",
		"Accepted deliveries that wait for or run at a function.", []string{"space", "function"}, nil)
	queueBytesDesc = prometheus.NewDesc("eventgateway_queue_bytes",
		"Event data held by the queue, in bytes.", nil, nil)
	revisionDesc = prometheus.NewDesc("eventgateway_config_revision",
		"The etcd revision that routing stands at.", nil, nil)
	storeDesc = prometheus.NewDesc("eventgateway_etcd_watch_connected",
		"1 while changes arrive from etcd, 0 while it is out of reach and the last known configuration is served.", nil, nil)
	disconnectedDesc = prometheus.NewDesc("eventgateway_etcd_disconnected_seconds",
		"How long etcd has been out of reach; 0 while changes arrive.", nil, nil)
)

func describeGauges(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		functionsDesc, subscriptionsDesc, backlogDesc, queueBytesDesc, revisionDesc, storeDesc, disconnectedDesc,
	} {
		ch <- d
	}
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
	}
	for _, b := range app.engine.queue.Backlogs() {
		gauge(backlogDesc, float64(b.Waiting+b.Running), b.Key.Space, b.Key.ID)
	}
	gauge(queueBytesDesc, float64(app.engine.queue.Stats().Bytes))
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
