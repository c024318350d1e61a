package jetstream

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway/delivery"
	"github.com/eventgateway/eventgateway/integration/natstest"
)

// publisher appends to a node until it is stopped, and remembers what was accepted.
type publisher struct {
	accepted atomic.Int64
	stop     context.CancelFunc
	done     sync.WaitGroup
	// works are those accepted, once done.
	works []*delivery.Work
}

// publish publishes all kinds of works.
func publish(t testing.TB, n *node, name string) *publisher {
	return publishWorks(t, n, func(i int) *delivery.Work {
		id, key := fmt.Sprintf("%s-%06d", name, i), fmt.Sprint("k", i%50)
		return []*delivery.Work{newWork(id), keyed(id, id), ordered(id, key), ordered(id, key, key+"y")}[i%4]
	}, 20*time.Millisecond)
}

// publishWorks publishes works one after the other, with a pause after one that was refused.
func publishWorks(t testing.TB, n *node, work func(i int) *delivery.Work, wait time.Duration) *publisher {
	ctx, stop := context.WithCancel(t.Context())
	p := &publisher{stop: stop}
	p.done.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			w := work(i)
			if n.Append(ctx, []*delivery.Work{w}) != nil {
				pause(ctx, wait)
				continue
			}
			p.works = append(p.works, w)
			p.accepted.Add(1)
		}
	})
	return p
}

// goesOn waits until so many more were accepted.
func (p *publisher) goesOn(t testing.TB, more int64) {
	t.Helper()
	until := p.accepted.Load() + more
	eventually(t, fmt.Sprintf("%d more are accepted", more), func() bool { return p.accepted.Load() >= until })
}

// TestAServerOfThreeIsKilled kills servers while two instances publish and deliver: nothing that was accepted is lost.
func TestAServerOfThreeIsKilled(t *testing.T) {
	rounds := 2
	if long() {
		rounds = 20
	}
	c := natstest.Start(t, natstest.Options{Size: 3})
	q := &Queue{URLs: c.URLs()}
	seen := newEvents()
	a, b := openNode(t, q, leaseTTL).finishing(seen), openNode(t, q, leaseTTL).finishing(seen)
	a.awaitShare(t, 8, 8)
	b.awaitShare(t, 8, 8)
	if replicas := workInfo(t, a.Log).Config.Replicas; replicas != 3 {
		t.Fatalf("%d replicas by default in a cluster of three", replicas)
	}
	publishers := []*publisher{publish(t, a, "a"), publish(t, b, "b")}
	for round := range rounds {
		for _, p := range publishers {
			p.goesOn(t, 100)
		}
		victim := c.StreamLeader(a.names.workStream())
		if round%2 == 1 || victim < 0 {
			victim = round % 3
		}
		c.Kill(victim)
		for _, p := range publishers {
			p.goesOn(t, 100)
		}
		c.Restart(victim)
	}
	var want []string
	for _, p := range publishers {
		p.stop()
		p.done.Wait()
		want = append(want, deliveries(p.works...)...)
	}
	seen.await(t, want)
	eventually(t, "the log is empty", func() bool { return workInfo(t, b.Log).State.Msgs == 0 })
	t.Logf("%d deliveries", len(want))
}

// TestTheStreamIsRemoved removes the stream of work under two instances.
func TestTheStreamIsRemoved(t *testing.T) {
	_, q := aCluster(t)
	seen := newEvents()
	a, b := openNode(t, q, shortTTL), openNode(t, q, shortTTL)
	a.awaitShare(t, 8, 8)
	b.awaitShare(t, 8, 8)
	for i := range 100 {
		id := fmt.Sprint("old", i)
		append1(t, a.Log, keyed(id, id))
	}
	eventually(t, "all are handed out", func() bool { return len(a.ids())+len(b.ids()) == 100 })
	known := max(a.highest(), b.highest())
	if err := a.link.present().js.DeleteStream(t.Context(), a.names.workStream()); err != nil {
		t.Fatal(err)
	}
	var added []*delivery.Work
	for i := range 100 {
		id := fmt.Sprint("new", i)
		added = append(added, keyed(id, id))
		append1(t, b.Log, added[i])
	}
	// What still ran is finished now. It must not take others along.
	for _, n := range []*node{a, b} {
		for _, r := range n.received() {
			if strings.HasPrefix(idsOf([]*delivery.Record{r})[0], "old") {
				n.Finish(r)
			}
		}
	}
	if first := workInfo(t, a.Log).State.FirstSeq; first <= known {
		t.Errorf("the new stream begins with %d, the former had %d", first, known)
	}
	c := openNode(t, q, shortTTL).finishing(seen)
	closeLog(t, a.Log)
	closeLog(t, b.Log)
	seen.await(t, deliveries(added...))
	seen.once(t)
	c.awaitShare(t, 16, 16)
}

// TestReplicasFollowTheSettings has streams get more replicas in a cluster.
func TestReplicasFollowTheSettings(t *testing.T) {
	c := natstest.Start(t, natstest.Options{Size: 3})
	a := openNode(t, &Queue{URLs: c.URLs(), Replicas: 1}, longTTL)
	a.awaitShare(t, 16, 16)
	append1(t, a.Log, newWork("kept"))
	if replicas := workInfo(t, a.Log).Config.Replicas; replicas != 1 {
		t.Fatalf("%d replicas", replicas)
	}
	closeLog(t, a.Log)
	a = openNode(t, &Queue{URLs: c.URLs(), Replicas: 3}, longTTL)
	a.awaitIDs(t, "kept")
	if replicas := workInfo(t, a.Log).Config.Replicas; replicas != 3 {
		t.Fatalf("%d replicas", replicas)
	}
	// Without a number what stands is kept.
	closeLog(t, a.Log)
	a = openNode(t, &Queue{URLs: c.URLs()}, longTTL)
	a.awaitIDs(t, "kept")
	if err := a.Reconfigure(&Queue{URLs: c.URLs(), Replicas: 1}); err != nil {
		t.Fatal(err)
	}
	if replicas := workInfo(t, a.Log).Config.Replicas; replicas != 1 {
		t.Fatalf("%d replicas", replicas)
	}
	append1(t, a.Log, newWork("more"))
	a.awaitIDs(t, "kept", "more")
}
