package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/eventgateway/eventgateway"
)

// The rows.
const (
	rowSync      = "sync http subscription"
	rowProxy     = "caddy reverse_proxy"
	rowRespond   = "caddy respond"
	rowDirect    = "direct to the function"
	rowSyncOne   = "sync http subscription, 1 connection"
	rowProxyOne  = "caddy reverse_proxy, 1 connection"
	rowDirectOne = "direct to the function, 1 connection"
)

// httpReport is what was measured over HTTP.
type httpReport struct {
	Rows   []*row         `json:"rows"`
	Queues []*queueReport `json:"queues"`
	// The ratios are medians over the rounds, each within one round.
	SyncToProxy spread `json:"syncToReverseProxy"`
	// AddedP50 is the p50 of the sync row less that of the direct one at one connection, in microseconds.
	AddedP50 spread `json:"addedP50Microseconds"`
}

// row is one line of the table; its fields hold a number for every round. Times are in microseconds.
type row struct {
	Name      string    `json:"name"`
	PerSecond []float64 `json:"perSecond"`
	P50       []float64 `json:"p50Microseconds,omitempty"`
	P99       []float64 `json:"p99Microseconds,omitempty"`
}

func (r *row) add(s *sample) {
	r.PerSecond = append(r.PerSecond, float64(s.perSecond()))
	r.P50 = append(r.P50, microseconds(s.percentile(0.50)))
	r.P99 = append(r.P99, microseconds(s.percentile(0.99)))
}

func measureHTTP(ctx context.Context, s *settings) (*httpReport, error) {
	dir, err := os.MkdirTemp("", "event-gateway-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	binary := s.binary
	if binary == "" {
		if binary, err = buildBinary(ctx, dir); err != nil {
			return nil, err
		}
	}
	b, err := startBackend(ctx)
	if err != nil {
		return nil, err
	}
	defer b.stop()
	m := &measurement{settings: s, backend: b, rows: map[string]*row{}}
	for _, q := range queues {
		g, err := startGateway(ctx, binary, dir, b.addr, q.directive)
		if err != nil {
			return nil, fmt.Errorf("queue %s: %w", q.name, err)
		}
		defer g.stop()
		m.queues = append(m.queues, &queueMeasurement{name: q.name, gateway: g})
	}
	m.gateway = m.queues[0].gateway
	if err := m.run(ctx); err != nil {
		return nil, err
	}
	return m.report()
}

// measurement is one run over HTTP.
type measurement struct {
	settings *settings
	// gateway is that of the synchronous rows; its queue idles meanwhile.
	gateway *gateway
	queues  []*queueMeasurement
	backend *backend
	rows    map[string]*row
	order   []string
}

func (m *measurement) loads() []namedLoad {
	get := func(addr, path string) []byte { return request("GET", addr, path, "", "") }
	ev := eventgateway.Event{
		Type: eventgateway.EventHTTP, ID: "9f1c2d3e-4b5a-6978-8695-a4b3c2d1e0f9", ReceivedAt: time.Now(),
		HTTP: &eventgateway.HTTPRequest{Path: "/bench", Method: "GET", Host: m.gateway.Gateway},
	}
	payload := string(ev.Encode(nil, eventgateway.FormatEvent, nil).Payload)
	body, n := len(answerBody), m.settings.Connections
	through := load{addr: m.gateway.Gateway, request: get(m.gateway.Gateway, "/bench"), connections: n, want: 200, length: body}
	proxied := load{addr: m.gateway.Proxy, request: get(m.gateway.Proxy, "/plain"), connections: n, want: 200, length: body}
	respond := load{addr: m.gateway.Respond, request: get(m.gateway.Respond, "/"), connections: n, want: 200, length: body}
	direct := load{
		addr: m.backend.addr, request: request("POST", m.backend.addr, "/fn", "", payload),
		connections: n, want: 200, length: len(functionAnswer),
	}
	return []namedLoad{
		{rowSync, through},
		{rowProxy, proxied},
		{rowRespond, respond},
		{rowDirect, direct},
		{rowSyncOne, through.alone()},
		{rowProxyOne, proxied.alone()},
		{rowDirectOne, direct.alone()},
	}
}

type namedLoad struct {
	name string
	load
}

func request(method, host, path, header, body string) []byte {
	const format = "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: bench\r\nAccept: */*\r\n%s"
	r := fmt.Appendf(nil, format, method, path, host, header)
	if body != "" {
		r = fmt.Appendf(r, "Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	return append(append(r, "\r\n"...), body...)
}

// run measures every row once in each round, each round beginning with another row, so that what slows the machine down
// for a while falls on all alike. A short round before them warms up.
func (m *measurement) run(ctx context.Context) error {
	loads := m.loads()
	for _, l := range loads {
		m.row(l.name)
	}
	for round := range m.settings.Rounds + 1 {
		duration, warm := m.settings.Duration, round == 0
		if warm {
			duration = min(duration, time.Second)
			progress("warming up …")
		} else {
			progress("round %d of %d …", round, m.settings.Rounds)
		}
		for i := range loads {
			l := loads[(i+round)%len(loads)]
			l.duration = duration
			s, err := l.run(ctx)
			if err != nil {
				return fmt.Errorf("%s: %w", l.name, err)
			}
			if !warm {
				m.row(l.name).add(s)
			}
		}
		for i := range m.queues {
			q := m.queues[(i+round)%len(m.queues)]
			if err := m.runAsync(ctx, q, duration, warm); err != nil {
				return fmt.Errorf("async, queue %s: %w", q.name, err)
			}
		}
	}
	return nil
}

func (m *measurement) row(name string) *row {
	if m.rows[name] == nil {
		m.rows[name] = &row{Name: name}
		m.order = append(m.order, name)
	}
	return m.rows[name]
}

func (m *measurement) report() (*httpReport, error) {
	r := &httpReport{}
	for _, name := range m.order {
		r.Rows = append(r.Rows, m.rows[name])
	}
	for _, q := range m.queues {
		r.Queues = append(r.Queues, q.report(m))
	}
	ratio := func(a, b float64) float64 { return a / b }
	r.SyncToProxy = spreadOf(pairs(m.row(rowSync).PerSecond, m.row(rowProxy).PerSecond, ratio))
	r.AddedP50 = spreadOf(pairs(m.row(rowSyncOne).P50, m.row(rowDirectOne).P50, func(a, b float64) float64 { return a - b }))
	if slices.ContainsFunc(r.Rows, func(r *row) bool { return len(r.PerSecond) != m.settings.Rounds }) {
		return nil, errors.New("a row was not measured in every round")
	}
	return r, nil
}
