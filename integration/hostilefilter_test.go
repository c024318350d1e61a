package integration

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway/integration/gatewaytest"
)

// hostileFilters are as costly as filters may be when they are written, and more so for hostileData: they are evaluated until
// their cost or the time for one event is used up.
var hostileFilters = []string{
	`data.l.all(a, data.l.all(b, a >= b - 9999))`,
	`data.l.all(a, data.l.map(b, b).size() > 0)`,
	`data.l.all(a, !data.text.matches("(a?){60}b$"))`,
	`data.l.all(a, data.l == data.l)`,
}

// hostileTransforms are as costly as transforms may be. Their values are small in memory, and large as JSON.
var hostileTransforms = []string{
	`data.l.map(a, data.l.map(b, b))`,
	`[data.l.map(a, data)].map(x, [x, x, x, x, x, x, x, x, x, x])`,
	`[data.l.map(a, event)].map(x, [x, x, x, x, x, x, x, x, x, x])`,
	`data.l.map(a, data.l == data.l)`,
}

// hostileData is data that is costly for all of them, and small, so that what it takes to publish it does not count.
var hostileData = sync.OnceValue(func() string {
	list := make([]string, 250)
	for i := range list {
		list[i] = strconv.Itoa(i)
	}
	return `{"l":[` + strings.Join(list, ",") + `],"text":"` + strings.Repeat("a", 600) + `"}`
})

// hostileEvent is the type of an event, and of those that filter n is for.
func hostileEvent(n int) string { return "hostile." + strconv.Itoa(n%len(hostileFilters)) }

// TestHostileFilter compares how long events take to a function while another space's events are all met by the worst filters
// that are accepted, with how long they take without that. One attacker waits for each answer, many together do not.
func TestHostileFilter(t *testing.T) {
	subscription := func(i int) fields {
		return fields{"functionId": "f", "event": hostileEvent(i), "filter": hostileFilters[i]}
	}
	for name, connections := range map[string]int{"one after the other": 1, "at once": 16} {
		t.Run(name, func(t *testing.T) {
			testHostile(t, connections, subscription, `eventgateway_filter_errors_total{space="hostile",`)
		})
	}
}

// TestHostileTransform does the same with the worst transforms, each evaluated while somebody waits for an answer.
func TestHostileTransform(t *testing.T) {
	testHostile(t, 16, func(i int) fields {
		return fields{"functionId": "f", "type": "sync", "event": hostileEvent(i), "transform": hostileTransforms[i]}
	})
}

// testHostile has so many attackers, and a subscription for each type of event. metrics are expected beside those of the lane.
func testHostile(t *testing.T, connections int, subscription func(i int) fields, metrics ...string) {
	// noise is what a busy machine makes of a millisecond. Before there was a lane for them, 16 connections made it 400.
	noise := 15 * time.Millisecond
	if gatewaytest.RaceEnabled {
		noise *= 5
	}
	s := newStage(t)
	watch, quick := &stopwatch{sent: map[int]time.Time{}}, newReceiver(t)
	s.function("quick", watch.measured(quick))
	s.subscribe("quick POST / quick")
	hostile := s.Config + "/v1/spaces/hostile/"
	s.Do(http.MethodPost, hostile+"functions", fields{
		"functionId": "f", "type": "http", "provider": fields{"url": "http://127.0.0.1:1/"},
	}, 201)
	for i := range len(hostileFilters) {
		s.Do(http.MethodPost, hostile+"subscriptions", subscription(i), 201)
	}
	tooMuch := strings.Replace(hostileFilters[0], "a >= b", "a * b + b >= a * a - a * b", 1)
	s.Do(http.MethodPost, hostile+"subscriptions", fields{"functionId": "f", "event": "hostile", "filter": tooMuch}, 400)

	events, attacker := newPublisher(t, "quick"), newPublisher(t, "")
	attacker.failing = http.StatusBadGateway // what a transform that fails gives
	attacker.typeOf, attacker.data = hostileEvent, func(int) string { return hostileData() }
	attack := func(done <-chan struct{}) {
		for {
			select {
			case <-done:
				return
			default:
			}
			attacker.send(s.Events, attacker.number())
		}
	}
	measure := func(count int) time.Duration { return watch.measure(s.Events, events, quick, count) }
	measure(100) // whatever is done once is done
	compare(t, 5, noise, func() time.Duration { return measure(sized(200, 1000)) }, func() time.Duration {
		done := make(chan struct{})
		var attacking sync.WaitGroup
		for range connections {
			attacking.Go(func() { attack(done) })
		}
		defer attacking.Wait()
		defer close(done)
		return measure(sized(200, 1000))
	})
	t.Logf("%d hostile events", attacker.next.Load())
	exposed := string(s.Do(http.MethodGet, s.Config+"/metrics", nil, 200))
	for _, name := range append(metrics, `eventgateway_expressions_slow_total{space="hostile"}`,
		`eventgateway_expressions_wait_seconds_total{space="hostile"}`, `eventgateway_expressions_waiting{space="hostile"} 0`) {
		if !strings.Contains(exposed, name) {
			t.Errorf("there is no %s: the events are not the worst", name)
		}
	}
}
