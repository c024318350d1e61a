package integration

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"
)

// queueFor is a function that checks that the events of each key come one at a time and in their order. Event n is of key
// n modulo keys.
type queueFor struct {
	*receiver
	keys int
	// fails is the share of calls that fail, for each key, and attempts how often an event is tried.
	fails    func(key int) float64
	attempts int

	mu sync.Mutex
	// next is the event that each key waits for, tries how often it failed, and running tells that it is being handled.
	next, tries []int
	running     []bool
	// dead are the events that failed as often as they are tried.
	dead []int
}

func newQueueFor(t *testing.T, keys, attempts int, fails func(key int) float64) *queueFor {
	q := &queueFor{
		receiver: newReceiver(t), keys: keys, fails: fails, attempts: attempts,
		next: make([]int, keys), tries: make([]int, keys), running: make([]bool, keys),
	}
	for key := range q.next {
		q.next[key] = key
	}
	return q
}

func (q *queueFor) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	n, ok := q.read(req)
	if !ok {
		return
	}
	q.calls.Add(1)
	key := n % q.keys
	q.begin(n, key)
	// While this one is handled another of the same key would have its chance to overtake it.
	<-time.After(rand.N(2 * time.Millisecond))
	status := http.StatusOK
	if rand.Float64() < q.fails(key) {
		status = http.StatusUnprocessableEntity // it is up to the event, so that the function is not left alone
	}
	q.end(n, key, status == http.StatusOK)
	w.WriteHeader(status)
}

func (q *queueFor) begin(n, key int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.running[key] {
		q.fault("event %d of key %d came while another was handled", n, key)
	}
	if n != q.next[key] {
		q.fault("event %d of key %d came, want event %d", n, key, q.next[key])
	}
	q.running[key] = true
}

func (q *queueFor) end(n, key int, success bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.running[key] = false
	q.tries[key]++
	switch {
	case success:
		q.got.note(n)
	case q.tries[key] == q.attempts:
		q.dead = append(q.dead, n)
	default:
		return
	}
	q.next[key], q.tries[key] = n+q.keys, 0
}

// sendInOrder publishes count events over some connections, each of which has its own keys and sends their events in turn.
// A refused event is sent until it is accepted.
func (p *publisher) sendInOrder(url string, keys, count, connections int) {
	p.t.Helper()
	var sending sync.WaitGroup
	for connection := range connections {
		sending.Go(func() {
			for first := 0; first < count; first += keys {
				for key := connection; key < keys && first+key < count; key += connections {
					for p.send(url, first+key) != http.StatusAccepted && !p.t.Failed() {
						<-time.After(10 * time.Millisecond)
					}
				}
			}
		})
	}
	sending.Wait()
}

// ordered is the policy of a subscription that keeps the order by data.key.
func ordered(attempts int) fields {
	return fields{"delivery": fields{
		"attempts": attempts, "backoff": fields{"initial": "5ms", "maximum": "50ms"}, "orderingKey": "data.key",
		"retryOn": []string{"unreachable", "timeout", "throttled", "422"},
	}}
}

// keyed returns a publisher of events that have one of so many keys.
func keyed(t *testing.T, eventType string, keys int) *publisher {
	p := newPublisher(t, eventType)
	p.data = func(n int) string { return fmt.Sprintf(`{"key":"k%d","n":%d}`, n%keys, n) }
	return p
}

// TestOrder has a function fail in one to three of ten cases, and checks that the events of each of many keys reach it in
// order all the same.
func TestOrder(t *testing.T) {
	keys, count := sized(100, 1000), sized(3000, scaled(100_000))
	s := newStage(t)
	q := newQueueFor(t, keys, maxAttempts, func(key int) float64 { return 0.1 + 0.2*float64(key)/float64(keys) })
	s.function("f", q.ServeHTTP)
	s.subscribe("made POST / f", ordered(maxAttempts))
	p := keyed(t, "made", keys)
	start := time.Now()
	p.sendInOrder(s.Events, keys, count, 16)
	accepted := time.Since(start)
	q.got.waitFor(t, "at the function", p.acked.all(), patienceWithLoad)
	if err := q.got.checkExact(p.acked.all()); err != nil {
		t.Error(err)
	}
	s.idle()
	t.Logf("%d events of %d keys were accepted in %s, and delivered in %s with %d calls",
		count, keys, accepted, time.Since(start), q.calls.Load())
}

// TestOrderPastFailingKey measures how long events of many keys take with and without one among these whose events always
// fail: they end as dead letters, one after the other, and hold up nobody.
func TestOrderPastFailingKey(t *testing.T) {
	const keys, attempts = 50, 3
	count := sized(2000, scaled(20_000))
	s := newStage(t)
	// run returns how long it takes until the events of all keys but the first have arrived.
	run := func(name string, failing float64) time.Duration {
		q := newQueueFor(t, keys, attempts, func(key int) float64 {
			if key == 0 {
				return failing
			}
			return 0
		})
		s.function(name, q.ServeHTTP)
		s.subscribe(name+" POST / "+name, ordered(attempts))
		p := keyed(t, name, keys)
		start := time.Now()
		p.sendInOrder(s.Events, keys, count, 16)
		healthy := slices.DeleteFunc(p.acked.all(), func(n int) bool { return n%keys == 0 })
		q.got.waitFor(t, "events of the other keys", healthy, patienceWithLoad)
		took := time.Since(start)
		s.idle()
		if failed := len(q.dead); failing == 1 && failed != count/keys || failing == 0 && failed > 0 {
			t.Errorf("%d events of the first key were given up, of %d", failed, count/keys)
		}
		return took
	}
	run("warm", 0)
	var without, beside []time.Duration
	for round := range 3 {
		without = append(without, run(fmt.Sprintf("without-%d", round), 0))
		beside = append(beside, run(fmt.Sprintf("beside-%d", round), 1))
	}
	t.Logf("events of healthy keys took %v, and beside a key that always fails %v", without, beside)
	if base, loaded := percentile(without, 50), percentile(beside, 50); loaded > base+base/2+200*time.Millisecond {
		t.Errorf("events of healthy keys took %s beside a key that always fails, %s without it", loaded, base)
	}
	if dead := s.deadLetters(""); len(dead) != 3*count/keys {
		t.Errorf("%d dead letters, want %d", len(dead), 3*count/keys)
	}
}
