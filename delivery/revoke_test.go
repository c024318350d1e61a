package delivery_test

import (
	"context"
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/delivery"
	"github.com/eventgateway/eventgateway/providers"
)

// byKey places works by the ordering key of their first delivery.
func byKey(partitions int) func([]*delivery.Work) int {
	seed := maphash.MakeSeed()
	return func(works []*delivery.Work) int {
		return int(maphash.String(seed, works[0].Owed[0].OrderingKey) % uint64(partitions))
	}
}

// TestRevoke takes a partition away while its deliveries are in every state there is, and gives it back.
func TestRevoke(t *testing.T) {
	size := unit(t)
	for _, memory := range []int64{0, 4 * size} {
		t.Run(fmt.Sprint("memory ", memory), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { testRevoke(t, memory) })
		})
	}
}

func testRevoke(t *testing.T, memory int64) {
	log := newFakeLog(&disk{}, 2)
	partition := 0
	log.place = func([]*delivery.Work) int { return partition }
	r := newRigOf(t, log, delivery.Options{Limits: delivery.Limits{Concurrency: 2, Memory: memory}, Policy: regular(5)})
	running, flaky := newGate(), newScript(again(1)...)
	r.set("running", running.invoke)
	r.set("flaky", flaky.invoke)
	r.set("paused", succeed)
	r.pause("paused")
	keyed := func(id string) delivery.Item {
		it := item(id)
		it.Targets[0].OrderingKey = "key"
		return it
	}
	fill := func(into int) {
		partition = into
		for range 3 {
			r.mustPut(t, item("running", "flaky", "paused"), keyed("running"), keyed("paused"))
		}
		synctest.Wait()
	}
	fill(0)
	before := r.Stats()
	fill(1)
	r.wantConsistent(t)
	log.give(1)
	synctest.Wait()
	r.wantConsistent(t)
	if got := r.Stats(); got != before {
		t.Errorf("stats %+v with the other partition gone, want %+v", got, before)
	}
	log.give(0)
	synctest.Wait()
	r.wantConsistent(t)
	if got := r.Stats(); got.Waiting != 0 || got.Running != 2 || got.Paused != 0 || got.Bytes != 0 || got.Memory != 0 {
		t.Errorf("stats %+v with both gone, want what runs and nothing else", got)
	}
	// What runs ends, one way or another: it is not tried again here.
	running.open <- nil
	running.open <- providers.Errorf(providers.Unreachable, "no")
	<-time.After(10 * time.Second)
	if got := r.Stats(); got != (delivery.Stats{}) {
		t.Errorf("stats %+v, want none", got)
	}
	if _, rewritten, _ := log.counts(); rewritten != 0 {
		t.Errorf("%d records of another instance were written anew", rewritten)
	}
	if got := log.count(); got != 6 {
		t.Errorf("%d records, want all that another instance finishes", got)
	}
	close(running.open)
	r.resume("paused")
	log.take(1)
	log.take(0)
	<-time.After(time.Minute)
	if got := r.Stats(); got != (delivery.Stats{}) || log.count() != 0 {
		t.Errorf("stats %+v, %d records at the end", got, log.count())
	}
	if got := r.log.dead(t); len(got) != 0 {
		t.Errorf("dead letters %+v", got)
	}
}

// TestRevokeWhileARecordIsReplaced takes the partition away while the replacement is written: what the other instance has
// to do is not taken for done.
func TestRevokeWhileARecordIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &lateLog{fakeLog: newDurableLog(&disk{}), write: make(chan struct{})}
		r := &rig{resources: &resources{}, log: log.fakeLog, record: newRecord(), logged: &lockedBuffer{}}
		o := delivery.Options{Policy: regular(5)}
		r.Dispatcher = delivery.NewDispatcher(log, r.resources, r.record, nil, o, newLogger(r.logged))
		r.Start()
		t.Cleanup(func() { r.end(t) })
		g := newGate()
		r.set("quick", succeed)
		r.set("slow", g.invoke)
		r.set("paused", succeed)
		r.pause("paused")
		r.mustPut(t, named("a", "quick", "paused"), named("b", "quick", "slow"))
		r.mustPut(t, named("c", "quick", "slow"))
		<-time.After(1500 * time.Millisecond)
		log.give(0)
		close(log.write)
		synctest.Wait()
		r.wantConsistent(t)
		g.open <- nil
		g.open <- nil
		<-time.After(5 * time.Second)
		if got := describe(log.fakeLog); !contains(got, "a:paused/0") {
			t.Errorf("the log holds %q, want what is paused", got)
		}
		if got := r.Stats(); got != (delivery.Stats{}) {
			t.Errorf("stats %+v, want none", got)
		}
	})
}

// TestRevokeWhileARecordIsReadBackToBeReplaced takes the partition away before it is known what to write.
func TestRevokeWhileARecordIsReadBackToBeReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRigOf(t, newDurableLog(&disk{}), delivery.Options{Limits: delivery.Limits{Memory: 1}, Policy: regular(5)})
		r.set("quick", succeed)
		r.set("paused", succeed)
		r.pause("paused")
		r.mustPut(t, named("a", "quick", "paused"))
		synctest.Wait()
		read, rewrites := make(chan struct{}), 0
		r.log.set(func(l *fakeLog) {
			l.onLoad = func() error {
				<-read
				return nil
			}
			l.onRewrite = func() error {
				rewrites++
				return nil
			}
		})
		<-time.After(1500 * time.Millisecond)
		r.log.give(0)
		close(read)
		<-time.After(5 * time.Second)
		r.wantConsistent(t)
		if rewrites != 0 || r.log.count() != 1 {
			t.Errorf("%d rewrites, %d records, want none and the one", rewrites, r.log.count())
		}
	})
}

// TestTwoInstancesShareALog moves partitions between two dispatchers at random while deliveries fail at random, and checks
// that every event arrives at least once, in the order of its key.
func TestTwoInstancesShareALog(t *testing.T) {
	seeds := 20
	if long() {
		seeds = 500
	}
	for seed := range seeds {
		synctest.Test(t, func(t *testing.T) { testTwoInstances(t, rand.New(rand.NewPCG(uint64(seed), 7))) })
	}
}

func testTwoInstances(t *testing.T, rnd *rand.Rand) {
	const partitions, keys, each = 4, 12, 8
	size := unit(t)
	d, place := &disk{}, byKey(partitions)
	s := newSequence(func(string, int) error {
		if rand.IntN(4) == 0 {
			return providers.Errorf(providers.Throttled, "no")
		}
		return nil
	})
	o := delivery.Options{Limits: delivery.Limits{Memory: size * int64(rnd.IntN(3)*10)}, Policy: regular(100)}
	o.Policy.Maximum = 4 * time.Second
	var rigs [2]*rig
	owner := [partitions]int{}
	for i := range rigs {
		log := newFakeLog(d, partitions)
		log.place = place
		for p := range partitions {
			if i == 1 {
				log.others = append(log.others, p)
			}
		}
		rigs[i] = newRigOf(t, log, o)
		rigs[i].setFormat("f", eventgateway.FormatRaw, s.invoke)
	}
	check := func() {
		synctest.Wait()
		for _, r := range rigs {
			r.wantConsistent(t)
		}
	}
	for n := range each {
		for k := range keys {
			r := rigs[rnd.IntN(2)]
			r.mustPut(t, ordered("f", fmt.Sprint("key", k), n))
			synctest.Wait()
		}
		<-time.After(time.Duration(rnd.IntN(3000)) * time.Millisecond)
		check()
		p := rnd.IntN(partitions)
		rigs[owner[p]].log.give(p)
		check()
		owner[p] = rnd.IntN(2)
		rigs[owner[p]].log.take(p)
		check()
	}
	waitWithin(t, time.Hour, "all deliveries", func() bool { return d.count() == 0 })
	check()
	s.wantOrder(t, keys, each, true)
	for _, r := range rigs {
		if got := r.Stats(); got != (delivery.Stats{}) {
			t.Errorf("stats %+v at the end", got)
		}
	}
}

// TestRevokeAmongDeliveries takes a partition away and back while it is put into and delivered from, for the race detector.
func TestRevokeAmongDeliveries(t *testing.T) {
	log := newDurableLog(&disk{})
	r := newRigOf(t, log, delivery.Options{Limits: delivery.Limits{Memory: 10_000}, Policy: once()})
	r.setFunction(functionOf("f", 4), func(context.Context, *providers.Call) (*providers.Result, error) {
		return &providers.Result{}, nil
	})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := range 2000 {
			it := ordered("f", fmt.Sprint(n%7), n)
			if n%3 == 0 {
				it.Targets[0].OrderingKey = ""
			}
			for r.put(it) != nil {
				<-time.After(time.Millisecond)
			}
		}
	}()
	for range 100 {
		log.give(0)
		log.take(0)
	}
	<-done
	waitFor(t, "all deliveries", func() bool { return log.count() == 0 && r.Stats() == (delivery.Stats{}) })
}
