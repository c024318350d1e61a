package jetstream

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/eventgateway/eventgateway/delivery"
	"github.com/eventgateway/eventgateway/integration/processtest"
)

func TestMain(m *testing.M) { os.Exit(processtest.Run(m)) }

// node is a log in a cluster, as one gateway has it, with the sink that it hands its records to.
type node struct {
	*Log
	*sink
}

// openNode opens a log in a cluster and starts it. It is closed when the test ends.
func openNode(t testing.TB, q *Queue, ttl time.Duration) *node {
	t.Helper()
	l, err := q.openClusterWith(testEnv(t, t.TempDir()), ttl)
	if err != nil {
		t.Fatal(err)
	}
	n := &node{l, newSink()}
	t.Cleanup(func() { closeLog(t, l) })
	l.Start(n.sink)
	return n
}

// finishing has a node finish every record as soon as it gets it, and tell seen of its events.
func (n *node) finishing(seen *events) *node {
	n.change(func() {
		n.got = func(r *delivery.Record) {
			seen.add(n, r)
			n.Finish(r)
		}
	})
	return n
}

// awaitShare waits until a node works on so many partitions and has caught up on them.
func (n *node) awaitShare(t testing.TB, low, high int) {
	t.Helper()
	eventually(t, fmt.Sprintf("a share of %d to %d partitions", low, high), func() bool {
		owned := n.owner.owned()
		if len(owned) < low || len(owned) > high {
			return false
		}
		for _, partition := range owned {
			t := n.partitions[partition].current()
			if t == nil || !t.isCaughtUp() {
				return false
			}
		}
		return true
	})
}

func (t *tenure) isCaughtUp() bool {
	t.handing.Lock()
	defer t.handing.Unlock()
	return t.caughtUp
}

// events are those that were handed out, by which node and how often.
type events struct {
	mu     sync.Mutex
	counts map[string]int
	by     map[*node]int
	// order is what was handed out of each ordering key.
	order map[string][]string
}

func newEvents() *events {
	return &events{counts: map[string]int{}, by: map[*node]int{}, order: map[string][]string{}}
}

func (e *events) add(n *node, r *delivery.Record) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, w := range r.Works {
		for _, o := range w.Owed {
			e.counts[w.Event.ID+"/"+o.SubscriptionID]++
			e.by[n]++
			if o.OrderingKey != "" {
				key := o.SubscriptionID + "/" + o.OrderingKey
				e.order[key] = append(e.order[key], w.Event.ID)
			}
		}
	}
}

// await waits until all of want were handed out.
func (e *events) await(t testing.TB, want []string) {
	t.Helper()
	var missing []string
	defer func() {
		if len(missing) > 0 {
			t.Logf("missing are %d of %d, such as %v", len(missing), len(want), missing[:min(len(missing), 8)])
		}
	}()
	eventually(t, fmt.Sprintf("%d deliveries are handed out", len(want)), func() bool {
		e.mu.Lock()
		defer e.mu.Unlock()
		missing = nil
		for _, id := range want {
			if e.counts[id] == 0 {
				missing = append(missing, id)
			}
		}
		return len(missing) == 0
	})
}

// once checks that nothing was handed out twice.
func (e *events) once(t testing.TB) {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	for id, n := range e.counts {
		if n != 1 {
			t.Errorf("%s was handed out %d times", id, n)
		}
	}
}

// keyed makes a work that goes to where key has it go.
func keyed(id, key string) *delivery.Work {
	w := newWork(id)
	w.Key = key
	return w
}

// ordered makes a work with one ordered delivery for each of the keys, to the subscriptions s0, s1 and so on.
func ordered(id string, keys ...string) *delivery.Work {
	w := newWork(id)
	w.Owed = nil
	for i, key := range keys {
		w.Owed = append(w.Owed, delivery.Owed{Target: delivery.Target{
			Space: "default", SubscriptionID: fmt.Sprintf("s%d", i), FunctionID: "f", OrderingKey: key,
		}})
	}
	return w
}

// deliveries are what events.await waits for, of works.
func deliveries(works ...*delivery.Work) (ids []string) {
	for _, w := range works {
		for _, o := range w.Owed {
			ids = append(ids, w.Event.ID+"/"+o.SubscriptionID)
		}
	}
	return ids
}

// append1 appends works, and again until the log has them.
func append1(t testing.TB, l *Log, works ...*delivery.Work) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	for {
		err := l.Append(ctx, works)
		if err == nil {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("Append: %v", err)
		}
		pause(ctx, 10*time.Millisecond)
	}
}

func awaitState(t testing.TB, l *Log, state string) delivery.LogStatus {
	t.Helper()
	eventually(t, "state "+state, func() bool { return l.Status().State == state })
	return l.Status()
}

// workInfo returns what the stream of work holds.
func workInfo(t testing.TB, l *Log) *jetstream.StreamInfo {
	t.Helper()
	s, err := l.link.wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	info, err := s.work.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// inOrder checks that numbers only grow, the repetitions that a takeover brings aside.
func inOrder(t testing.TB, key string, got []string, want []string) {
	t.Helper()
	var first []string
	for _, id := range got {
		if !slices.Contains(first, id) {
			first = append(first, id)
		}
	}
	if !slices.Equal(first, want) {
		t.Errorf("%s was handed out in the order %.300v", key, first)
	}
}
