package jetstream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway/delivery"
	"github.com/eventgateway/eventgateway/integration/natstest"
)

// aCluster starts a server process and returns the settings for it.
func aCluster(t testing.TB) (*natstest.Cluster, *Queue) {
	t.Helper()
	c := natstest.Start(t, natstest.Options{})
	return c, &Queue{URLs: c.URLs()}
}

func TestTwoInstancesShareTheRecords(t *testing.T) {
	_, q := aCluster(t)
	seen := newEvents()
	a, b := openNode(t, q, longTTL).finishing(seen), openNode(t, q, longTTL).finishing(seen)
	a.awaitShare(t, 8, 8)
	b.awaitShare(t, 8, 8)
	var want []string
	byKey := map[string][]string{}
	for i := range 600 {
		id, key := fmt.Sprintf("e%03d", i), fmt.Sprintf("k%d", i%20)
		works := []*delivery.Work{newWork("free-" + id), keyed("keyed-"+id, id), ordered("one-"+id, key), ordered("two-"+id, key, key+"x")}
		byKey["s0/"+key] = append(byKey["s0/"+key], "one-"+id, "two-"+id)
		into := []*node{a, b}[i%2]
		if i%3 == 0 {
			append1(t, into.Log, works...)
		} else {
			for _, w := range works {
				append1(t, into.Log, w)
			}
		}
		want = append(want, deliveries(works...)...)
	}
	seen.await(t, want)
	seen.once(t)
	for key, ids := range byKey {
		inOrder(t, key, seen.order[key], ids)
	}
	for _, n := range []*node{a, b} {
		if share := seen.by[n]; share < len(want)/5 {
			t.Errorf("an instance got %d of %d", share, len(want))
		}
	}
	eventually(t, "the log is empty", func() bool { return workInfo(t, a.Log).State.Msgs == 0 })
	if got := a.Status().Partitions; len(got) != 8 {
		t.Errorf("partitions %v in the status", got)
	}
}

func TestAnInstanceThatDiesIsReplaced(t *testing.T) {
	c, q := aCluster(t)
	proxy, url := proxied(t, c.URL(0))
	seen := newEvents()
	a := openNode(t, &Queue{URLs: []string{url}}, shortTTL)
	a.awaitShare(t, 16, 16)
	b := openNode(t, q, shortTTL).finishing(seen)
	a.awaitShare(t, 8, 8)
	b.awaitShare(t, 8, 8)
	var works []*delivery.Work
	for i := range 200 {
		works = append(works, keyed(fmt.Sprint("e", i), fmt.Sprint("k", i)))
		append1(t, b.Log, works[i])
	}
	eventually(t, "all are handed out", func() bool {
		seen.mu.Lock()
		defer seen.mu.Unlock()
		return len(a.ids())+len(seen.counts) == len(works)
	})
	// Of what a has it finishes half, and then it is gone.
	done := map[string]bool{}
	for i, r := range a.received() {
		if i%2 == 0 {
			a.Finish(r)
			for _, id := range idsOf([]*delivery.Record{r}) {
				done[id+"/s"] = true
			}
		}
	}
	left := len(a.ids()) - len(done)
	if left == 0 {
		t.Fatal("nothing is left")
	}
	eventually(t, "the finished records are gone", func() bool { return int(workInfo(t, b.Log).State.Msgs) <= left })
	proxy.Cut()
	b.awaitShare(t, 16, 16)
	want := slices.DeleteFunc(deliveries(works...), func(id string) bool { return done[id] })
	seen.await(t, want)
	seen.once(t)
	for id := range done {
		if seen.counts[id] > 0 {
			t.Errorf("%s was finished, and handed out again", id)
		}
	}
	if owned := a.owner.owned(); len(owned) != 0 {
		t.Errorf("the instance that is cut off still works on %v", owned)
	}
	if n := len(a.revokedOnce()); n != 16 {
		t.Errorf("%d partitions were revoked", n)
	}
	if err := a.Append(t.Context(), []*delivery.Work{newWork("x")}); !errors.Is(err, delivery.ErrUnavailable) {
		t.Errorf("Append: %v", err)
	}
	// It comes back as if it were new.
	proxy.Mend()
	a.awaitShare(t, 8, 8)
	b.awaitShare(t, 8, 8)
}

// received returns the records received so far.
func (s *sink) received() []*delivery.Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.records)
}

// revokedOnce returns the partitions that were revoked.
func (s *sink) revokedOnce() (partitions []int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for partition := range s.revoked {
		partitions = append(partitions, partition)
	}
	return partitions
}

func TestABacklogIsSharedWhenAnInstanceJoins(t *testing.T) {
	_, q := aCluster(t)
	a := openNode(t, q, longTTL)
	a.awaitShare(t, 16, 16)
	var works []*delivery.Work
	for i := range 320 {
		works = append(works, keyed(fmt.Sprint("e", i), fmt.Sprint("k", i)))
		append1(t, a.Log, works[i])
	}
	a.await(t, "a has all", func() bool { return len(a.records) == len(works) })
	seen := newEvents()
	b := openNode(t, q, longTTL).finishing(seen)
	b.awaitShare(t, 8, 8)
	a.await(t, "half is revoked", func() bool { return len(a.revoked) == 8 })
	// What runs at a when it is revoked ends there, and is forgotten like everything else.
	mine := a.owner.owned()
	for _, r := range a.received() {
		if slices.Contains(mine, r.Partition) {
			seen.add(a, r)
		}
		a.Finish(r)
	}
	seen.await(t, deliveries(works...))
	seen.once(t)
	if seen.by[b] == 0 {
		t.Error("the second instance got nothing")
	}
	eventually(t, "the log is empty", func() bool { return workInfo(t, a.Log).State.Msgs == 0 })
}

func TestCloseHandsOverAtOnce(t *testing.T) {
	_, q := aCluster(t)
	a := openNode(t, q, longTTL)
	a.awaitShare(t, 16, 16)
	b := openNode(t, q, longTTL)
	b.awaitShare(t, 8, 8)
	for i := range 64 {
		append1(t, a.Log, keyed(fmt.Sprint("e", i), fmt.Sprint("k", i)))
	}
	eventually(t, "all are handed out", func() bool { return len(a.ids())+len(b.ids()) == 64 })
	finished := a.received()[:len(a.received())/2]
	for _, r := range finished {
		a.Finish(r)
	}
	began := time.Now()
	closeLog(t, a.Log)
	b.awaitShare(t, 16, 16)
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("taking over took %s", took)
	}
	b.await(t, "b has what is left", func() bool { return len(b.records) == 64-len(finished) })
	if len(a.revokedOnce()) != 8 {
		t.Errorf("revoked %v: closing revokes nothing, sharing with b did", a.revokedOnce())
	}
	for _, call := range []error{
		a.Append(t.Context(), []*delivery.Work{newWork("x")}),
		a.Append(t.Context(), []*delivery.Work{ordered("x", "a", "b", "c", "d", "e")}),
	} {
		if !errors.Is(call, delivery.ErrUnavailable) {
			t.Errorf("Append after Close: %v", call)
		}
	}
}

func TestTheClusterIsAway(t *testing.T) {
	c, q := aCluster(t)
	c.Kill()
	a := openNode(t, q, shortTTL)
	quickly := func() {
		t.Helper()
		began := time.Now()
		for _, works := range [][]*delivery.Work{{newWork("x")}, {ordered("x", "a", "b", "c", "d", "e")}} {
			if err := a.Append(t.Context(), works); !errors.Is(err, delivery.ErrUnavailable) {
				t.Errorf("Append without a cluster: %v", err)
			}
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("refusing took %s", took)
		}
	}
	quickly()
	status := awaitState(t, a.Log, "unavailable")
	eventually(t, "a reason", func() bool {
		status = a.Status()
		return strings.Contains(status.Error, "NATS is out of reach")
	})
	c.Restart()
	awaitState(t, a.Log, "ready")
	a.awaitShare(t, 16, 16)
	append1(t, a.Log, newWork("kept"))
	a.awaitIDs(t, "kept")
	for range 2 {
		c.Kill()
		eventually(t, "the break is noticed", func() bool { return a.Status().State == "unavailable" })
		quickly()
		if reason := a.Status().Error; reason == "" || strings.Contains(reason, "127.0.0.1") && strings.Contains(reason, "@") {
			t.Errorf("reason %q", reason)
		}
		c.Restart()
		awaitState(t, a.Log, "ready")
		append1(t, a.Log, newWork("after"))
	}
	a.await(t, "both are there", func() bool { return slices.Contains(idsOf(a.records), "after") })
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := a.Append(ctx, works("last")); err != nil {
		t.Errorf("Append: %v", err)
	}
}

func TestPartitionsAreTakenAgainAfterAnOutage(t *testing.T) {
	c, q := aCluster(t)
	a := openNode(t, q, shortTTL)
	a.awaitShare(t, 16, 16)
	append1(t, a.Log, newWork("kept"))
	a.awaitIDs(t, "kept")
	c.Kill()
	// So long that it has to give up what it has.
	a.await(t, "all is revoked", func() bool { return len(a.revoked) == 16 })
	began := time.Now()
	c.Restart()
	a.await(t, "it comes again", func() bool { return len(a.records) == 2 })
	a.awaitShare(t, 16, 16)
	if took := time.Since(began); took > patience/2 {
		t.Errorf("it took %s", took)
	}
}

func TestCloseWithoutACluster(t *testing.T) {
	before := goroutines()
	c, q := aCluster(t)
	proxy, url := proxied(t, c.URL(0))
	var logs []*Log
	for _, test := range []struct {
		queue *Queue
		ready bool
		then  func()
	}{
		{&Queue{URLs: []string{"127.0.0.1:1"}}, false, func() {}},
		{q, true, func() {}},
		{&Queue{URLs: []string{url}}, true, proxy.Silence},
		{&Queue{URLs: []string{url}}, false, proxy.Cut},
	} {
		l, err := test.queue.openClusterWith(testEnv(t, t.TempDir()), longTTL)
		if err != nil {
			t.Fatal(err)
		}
		logs = append(logs, l)
		n := &node{l, newSink()}
		l.Start(n.sink)
		if test.ready {
			n.awaitShare(t, 1, 16)
			append1(t, l, newWork("x"))
		}
		for _, r := range n.received() {
			l.Finish(r)
		}
		test.then()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		began := time.Now()
		if err := l.Close(ctx); err != nil {
			t.Error(err)
		}
		cancel()
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("closing took %s", took)
		}
		if owned := l.owner.owned(); len(owned) > 0 {
			t.Errorf("a closed log works on %v", owned)
		}
	}
	for _, l := range logs {
		if status := l.Status(); status.State != "unavailable" {
			t.Errorf("status %+v", status)
		}
	}
	proxy.Mend()
	c.Kill()
	eventually(t, "the goroutines end", func() bool { return goroutines() <= before })
}
