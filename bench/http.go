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
	rowSync       = "sync http subscription"
	rowProxy      = "caddy reverse_proxy"
	rowRespond    = "caddy respond"
	rowDirect     = "direct to the function"
	rowSyncOne    = "sync http subscription, 1 connection"
	rowProxyOne   = "caddy reverse_proxy, 1 connection"
	rowDirectOne  = "direct to the function, 1 connection"
	rowAsync      = "async, accepted"
	rowAsyncDone  = "async, delivered"
	asyncPause    = 5 * time.Millisecond
	drainTimeout  = 2 * time.Minute
	drainInterval = 10 * time.Millisecond
)

// eventData is the data of the async events.
const eventData = `{"user":"u-12345","action":"created","amount":42,"tags":["a","b"]}`

// httpReport is what was measured over HTTP.
type httpReport struct {
	Rows  []*row      `json:"rows"`
	Async asyncTotals `json:"async"`
	// The ratios are medians over the rounds, each within one round.
	SyncToProxy        spread `json:"syncToReverseProxy"`
	AcceptedToRespond  spread `json:"acceptedToRespond"`
	DeliveredToRespond spread `json:"deliveredToRespond"`
	// AddedP50 is the p50 of the sync row less that of the direct one at one connection, in microseconds.
	AddedP50 spread `json:"addedP50Microseconds"`
}

// asyncTotals count the events of all rounds.
type asyncTotals struct {
	Accepted  int `json:"accepted"`
	Delivered int `json:"delivered"`
	Refused   int `json:"refused"`
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
	g, err := startGateway(ctx, binary, dir, b.addr)
	if err != nil {
		return nil, err
	}
	defer g.stop()

	m := &measurement{settings: s, gateway: g, backend: b, rows: map[string]*row{}}
	if err := m.run(ctx); err != nil {
		return nil, err
	}
	return m.report()
}

// measurement is one run over HTTP.
type measurement struct {
	settings *settings
	gateway  *gateway
	backend  *backend
	rows     map[string]*row
	order    []string
	async    asyncTotals
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
		if err := m.runAsync(ctx, duration, warm); err != nil {
			return fmt.Errorf("async: %w", err)
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

// runAsync sends events for a while, then waits until all that were accepted are delivered. Clients that are refused
// because the queue is full wait a moment and go on.
func (m *measurement) runAsync(ctx context.Context, duration time.Duration, warm bool) error {
	before, err := m.backend.events(ctx)
	if err != nil {
		return err
	}
	l := load{
		addr: m.gateway.Gateway, connections: m.settings.Connections, duration: duration, want: 202, pause: asyncPause,
		request: request("POST", m.gateway.Gateway, "/", "Event: bench.async\r\n", eventData),
	}
	start := time.Now()
	s, err := l.run(ctx)
	if err != nil {
		return err
	}
	delivered, err := m.drained(ctx, before)
	if err != nil {
		return err
	}
	if delivered != s.good {
		return fmt.Errorf("%d events were accepted with 202 and %d delivered", s.good, delivered)
	}
	if !warm {
		m.row(rowAsync).add(s)
		done := m.row(rowAsyncDone)
		done.PerSecond = append(done.PerSecond, float64(float64(delivered)/time.Since(start).Seconds()))
		m.async.Accepted += s.good
		m.async.Delivered += delivered
		m.async.Refused += s.refused
	}
	return nil
}

// drained waits until the queue is empty and returns how many events the function has got since it had before.
func (m *measurement) drained(ctx context.Context, before int) (int, error) {
	deadline := time.After(drainTimeout)
	for {
		n, err := m.gateway.queued(ctx)
		if err != nil {
			return 0, err
		}
		if n == 0 {
			now, err := m.backend.events(ctx)
			return now - before, err
		}
		select {
		case <-deadline:
			return 0, fmt.Errorf("%d deliveries still wait or run %s after the last event", n, drainTimeout)
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(drainInterval):
		}
	}
}

func (m *measurement) report() (*httpReport, error) {
	r := &httpReport{Async: m.async}
	for _, name := range m.order {
		r.Rows = append(r.Rows, m.rows[name])
	}
	ratio := func(a, b float64) float64 { return a / b }
	r.SyncToProxy = spreadOf(pairs(m.row(rowSync).PerSecond, m.row(rowProxy).PerSecond, ratio))
	r.AcceptedToRespond = spreadOf(pairs(m.row(rowAsync).PerSecond, m.row(rowRespond).PerSecond, ratio))
	r.DeliveredToRespond = spreadOf(pairs(m.row(rowAsyncDone).PerSecond, m.row(rowRespond).PerSecond, ratio))
	r.AddedP50 = spreadOf(pairs(m.row(rowSyncOne).P50, m.row(rowDirectOne).P50, func(a, b float64) float64 { return a - b }))
	if slices.ContainsFunc(r.Rows, func(r *row) bool { return len(r.PerSecond) != m.settings.Rounds }) {
		return nil, errors.New("a row was not measured in every round")
	}
	return r, nil
}
