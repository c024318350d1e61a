package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// queues are the queues that are measured, the default first and what the others are compared with last.
var queues = []struct{ name, directive string }{
	{"jetstream", "jetstream"},
	{"jetstream, sync always", "jetstream {\n\t\t\tsync always\n\t\t}"},
	{"memory", "memory"},
}

const (
	asyncPause    = 5 * time.Millisecond
	drainTimeout  = 2 * time.Minute
	drainInterval = 10 * time.Millisecond
)

// eventData is the data of the async events.
const eventData = `{"user":"u-12345","action":"created","amount":42,"tags":["a","b"]}`

func rowAccepted(queue string) string  { return "async, accepted, " + queue }
func rowDelivered(queue string) string { return "async, delivered, " + queue }

// queueMeasurement is one queue being measured.
type queueMeasurement struct {
	name                         string
	gateway                      *gateway
	accepted, delivered, refused int
	// cpu and allocations are the gateway's for each delivered event, of every round.
	cpu, allocations []float64
}

// queueReport is what was measured of one queue. Ratios are medians over the rounds, each within one round.
type queueReport struct {
	Name string `json:"name"`
	// Accepted, Delivered and Refused count the events of all rounds.
	Accepted           int    `json:"accepted"`
	Delivered          int    `json:"delivered"`
	Refused            int    `json:"refused"`
	AcceptedToRespond  spread `json:"acceptedToRespond"`
	DeliveredToRespond spread `json:"deliveredToRespond"`
	DeliveredToMemory  spread `json:"deliveredToMemory"`
	// CPU is the gateway's time for each delivered event, in microseconds, and Allocations what it allocates for each.
	CPU         spread `json:"cpuMicroseconds"`
	Allocations spread `json:"allocations"`
}

// runAsync sends events for a while, then waits until all that were accepted are delivered. Clients that are refused
// because the queue is full wait a moment and go on.
func (m *measurement) runAsync(ctx context.Context, q *queueMeasurement, duration time.Duration, warm bool) error {
	before, err := m.backend.events(ctx)
	if err != nil {
		return err
	}
	used, err := q.gateway.usage(ctx)
	if err != nil {
		return err
	}
	l := load{
		addr: q.gateway.Gateway, connections: m.settings.Connections, duration: duration, want: 202, pause: asyncPause,
		request: request("POST", q.gateway.Gateway, "/", "Event: bench.async\r\n", eventData),
	}
	start := time.Now()
	s, err := l.run(ctx)
	if err != nil {
		return err
	}
	delivered, err := m.drained(ctx, q, before, s.good)
	if err != nil {
		return err
	}
	elapsed := time.Since(start)
	if delivered != s.good {
		return fmt.Errorf("%d events were accepted with 202 and %d delivered", s.good, delivered)
	}
	now, err := q.gateway.usage(ctx)
	if err != nil {
		return err
	}
	if !warm {
		m.row(rowAccepted(q.name)).add(s)
		done := m.row(rowDelivered(q.name))
		done.PerSecond = append(done.PerSecond, float64(float64(delivered)/elapsed.Seconds()))
		q.accepted += s.good
		q.delivered += delivered
		q.refused += s.refused
		q.cpu = append(q.cpu, (now.cpu-used.cpu)*1e6/float64(delivered))
		q.allocations = append(q.allocations, (now.allocations-used.allocations)/float64(delivered))
	}
	return nil
}

// drained waits until the queue is empty and the function has got what was accepted, and returns how many events it has got
// since it had before.
func (m *measurement) drained(ctx context.Context, q *queueMeasurement, before, accepted int) (int, error) {
	deadline := time.After(drainTimeout)
	for {
		n, err := q.gateway.queued(ctx)
		if err != nil {
			return 0, err
		}
		now, err := m.backend.events(ctx)
		if err != nil {
			return 0, err
		}
		// A log that is on disk may hand an event over a moment after it was accepted, when nothing waits yet.
		if n == 0 && now-before >= accepted {
			return now - before, nil
		}
		select {
		case <-deadline:
			return 0, fmt.Errorf("%d of %d events are delivered, and %d deliveries wait or run %s after the last event",
				now-before, accepted, n, drainTimeout)
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(drainInterval):
		}
	}
}

// usage is what a process has used since it began.
type usage struct{ cpu, allocations float64 }

// usage asks the gateway's own metrics.
func (g *gateway) usage(ctx context.Context) (usage, error) {
	body, err := get(ctx, "http://"+g.Admin+"/metrics")
	if err != nil {
		return usage{}, err
	}
	var u usage
	for lines := bufio.NewScanner(bytes.NewReader(body)); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), " ")
		switch name {
		case "process_cpu_seconds_total":
			u.cpu, err = strconv.ParseFloat(value, 64)
		case "go_memstats_mallocs_total":
			u.allocations, err = strconv.ParseFloat(value, 64)
		}
		if err != nil {
			return u, fmt.Errorf("reading metric %s: %w", name, err)
		}
	}
	return u, nil
}

func (q *queueMeasurement) report(m *measurement) *queueReport {
	ratio := func(a, b float64) float64 { return a / b }
	accepted, delivered := m.row(rowAccepted(q.name)).PerSecond, m.row(rowDelivered(q.name)).PerSecond
	respond := m.row(rowRespond).PerSecond
	memory := m.row(rowDelivered(queues[len(queues)-1].name)).PerSecond
	return &queueReport{
		Name: q.name, Accepted: q.accepted, Delivered: q.delivered, Refused: q.refused,
		AcceptedToRespond: spreadOf(pairs(accepted, respond, ratio)), DeliveredToRespond: spreadOf(pairs(delivered, respond, ratio)),
		DeliveredToMemory: spreadOf(pairs(delivered, memory, ratio)),
		CPU:               spreadOf(q.cpu), Allocations: spreadOf(q.allocations),
	}
}

func (r *queueReport) print(p *page) {
	p.line("")
	p.line("queue %s", r.Name)
	p.result("accepted / respond", r.AcceptedToRespond.format("%.2f"), "≥ 0.25", r.AcceptedToRespond.Median >= 0.25)
	p.result("delivered / respond", r.DeliveredToRespond.format("%.2f"), "≥ 0.25", r.DeliveredToRespond.Median >= 0.25)
	switch r.Name {
	case queues[0].name:
		p.result("delivered / memory", r.DeliveredToMemory.format("%.2f"), "≥ 0.6", r.DeliveredToMemory.Median >= 0.6)
	default:
		p.line("delivered / memory\t%s", r.DeliveredToMemory.format("%.2f"))
	}
	p.line("gateway's CPU for each delivered event, µs\t%s", r.CPU.format("%.0f"))
	p.line("gateway's allocations for each delivered event\t%s", r.Allocations.format("%.0f"))
	p.result("events accepted with 202, and delivered", fmt.Sprintf("%d, %d", r.Accepted, r.Delivered), "equal",
		r.Accepted == r.Delivered)
	p.line("events refused with 503\t%d", r.Refused)
}
