package delivery_test

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/delivery"
	"github.com/eventgateway/eventgateway/providers"
)

// resources are the functions and subscriptions that a dispatcher under test finds. A subscription that is not set is one
// without settings.
type resources struct {
	functions, subscriptions sync.Map
	unloaded                 atomic.Bool
}

// Function implements delivery.Resources.
func (s *resources) Function(k eventgateway.FunctionKey) *providers.Handle {
	h, _ := s.functions.Load(k)
	handle, _ := h.(*providers.Handle)
	return handle
}

// Subscription implements delivery.Resources.
func (s *resources) Subscription(space, id string) *eventgateway.Subscription {
	if sub, ok := s.subscriptions.Load([2]string{space, id}); ok {
		return sub.(*eventgateway.Subscription)
	}
	return &eventgateway.Subscription{Space: space, ID: id}
}

// Loaded implements delivery.Resources.
func (s *resources) Loaded() bool { return !s.unloaded.Load() }

// set has f answer for a function in space "s".
func (s *resources) set(id string, f invokerFunc) {
	s.setFunction(eventgateway.Function{Space: "s", ID: id}, f)
}

func (s *resources) setFormat(id string, format eventgateway.Format, f invokerFunc) {
	s.setFunction(eventgateway.Function{Space: "s", ID: id, Format: format}, f)
}

func (s *resources) setFunction(fn eventgateway.Function, f invokerFunc) {
	s.functions.Store(fn.Key(), open(fn, f))
}

// functionOf is a function in space "s" with a concurrency of its own.
func functionOf(id string, concurrency int) eventgateway.Function {
	return eventgateway.Function{Space: "s", ID: id, Concurrency: concurrency}
}

func (s *resources) remove(id string) { s.functions.Delete(key(id)) }

// subscribe sets the subscription of a function in space "s" that item makes targets of; nil is one that was deleted.
func (s *resources) subscribe(id string, sub *eventgateway.Subscription) {
	s.subscriptions.Store([2]string{"s", "sub-" + id}, sub)
}

func (s *resources) deliver(id string, policy eventgateway.Delivery) {
	s.subscribe(id, &eventgateway.Subscription{Space: "s", ID: "sub-" + id, FunctionID: id, Delivery: &policy})
}

func (s *resources) pause(id string) {
	s.subscribe(id, &eventgateway.Subscription{Space: "s", ID: "sub-" + id, FunctionID: id, Paused: true})
}

func (s *resources) resume(id string) { s.subscriptions.Delete([2]string{"s", "sub-" + id}) }

// rig is a dispatcher under test with what it needs.
type rig struct {
	*delivery.Dispatcher
	*resources
	log    *fakeLog
	record *record
	logged *lockedBuffer
}

// once is a policy that makes one attempt.
func once() delivery.Policy {
	p := delivery.DefaultPolicy()
	p.Attempts = 1
	return p
}

// regular is a policy of so many attempts without jitter: after one second, two, four and so on.
func regular(attempts int) delivery.Policy {
	p := delivery.DefaultPolicy()
	p.Attempts, p.Jitter = attempts, 0
	return p
}

// newRig returns a dispatcher that makes one attempt, on a log in memory.
func newRig(t testing.TB, limits delivery.Limits) *rig {
	return newRigOf(t, newVolatileLog(), delivery.Options{Limits: limits, Policy: once()})
}

// newRigOf returns a dispatcher on a log, started. It is drained at the end of the test, and then must be empty.
func newRigOf(t testing.TB, log *fakeLog, o delivery.Options) *rig {
	return startRig(t, &resources{}, newRecord(), log, o)
}

func startRig(t testing.TB, res *resources, rec *record, log *fakeLog, o delivery.Options) *rig {
	r := &rig{resources: res, log: log, record: rec, logged: &lockedBuffer{}}
	r.Dispatcher = delivery.NewDispatcher(log, res, rec, nil, o, newLogger(r.logged))
	r.Start()
	t.Cleanup(func() {
		t.Helper()
		r.end(t)
	})
	return r
}

func newLogger(b *lockedBuffer) *slog.Logger { return slog.New(slog.NewJSONHandler(b, nil)) }

// end drains without patience, and checks that nothing is left but what still runs.
func (r *rig) end(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	r.Drain(ctx)
	waitFor(t, "the end of what runs", func() bool { return r.Stats().Running == 0 })
	if err := r.CheckEmpty(); err != nil {
		t.Error(err)
	}
}

func (r *rig) put(items ...delivery.Item) error { return r.Put(context.Background(), items) }

func (r *rig) mustPut(t testing.TB, items ...delivery.Item) {
	t.Helper()
	if err := r.put(items...); err != nil {
		t.Fatalf("Put: %v", err)
	}
}

// drain waits until all is delivered, and checks that nothing is lost or left.
func (r *rig) drain(t testing.TB) {
	t.Helper()
	if lost, left := r.Drain(context.Background()); lost != 0 || left != 0 {
		t.Errorf("drained with %d lost and %d left, want none", lost, left)
	}
}

// wantBacklogs checks how many deliveries wait for and run at functions in space "s".
func (r *rig) wantBacklogs(t *testing.T, want map[string][2]int) {
	t.Helper()
	got := r.backlogs()
	for id, n := range want {
		if got[id] != n {
			t.Errorf("waiting and running at %s: %v, want %v", id, got[id], n)
		}
	}
	if len(got) != len(want) {
		t.Errorf("backlogs %v, want %v", got, want)
	}
}

// backlogs returns how many deliveries wait for and run at each function in space "s" that has any.
func (r *rig) backlogs() map[string][2]int {
	all := map[string][2]int{}
	for _, l := range r.Lanes() {
		if l.Waiting+l.Running > 0 {
			all[l.Key.ID] = [2]int{l.Waiting, l.Running}
		}
	}
	return all
}

func (r *rig) lane(id string) delivery.LaneStatus {
	lanes := r.Lanes()
	if i := slices.IndexFunc(lanes, func(l delivery.LaneStatus) bool { return l.Key.ID == id }); i >= 0 {
		return lanes[i]
	}
	return delivery.LaneStatus{}
}

// wantConsistent checks the dispatcher's sums and lists.
func (r *rig) wantConsistent(t testing.TB) {
	t.Helper()
	if err := r.Check(); err != nil {
		t.Fatal(err)
	}
}

// waitFor waits until a condition holds.
func waitFor(t testing.TB, what string, holds func() bool) {
	t.Helper()
	waitWithin(t, 30*time.Second, what, holds)
}

// waitWithin waits until a condition holds, for a while that is not real in a test with a clock of its own.
func waitWithin(t testing.TB, patience time.Duration, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for wait := 50 * time.Microsecond; !holds(); wait = min(2*wait, patience/1000) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
		<-time.After(wait)
	}
}

func contains(s, part string) bool { return strings.Contains(s, part) }
