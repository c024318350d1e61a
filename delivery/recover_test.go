package delivery_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/delivery"
	"github.com/eventgateway/eventgateway/providers"
)

// kill ends a rig as kill -9 would: nothing it does from now on is kept. What its functions are called with is the past's.
func (r *rig) kill(t testing.TB) {
	t.Helper()
	r.log.crash()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	r.Drain(ctx)
}

// revive starts another rig on the same disk.
func (r *rig) revive(t testing.TB, o delivery.Options) *rig {
	t.Helper()
	log := newFakeLog(r.log.disk, r.log.partitions)
	log.place = r.log.place
	return startRig(t, r.resources, r.record, log, o)
}

// TestOrderIsKeptThroughACrash has the first events of some keys fail until their records were written anew, and so stand
// behind others of their keys in the log; then the process dies.
func TestOrderIsKeptThroughACrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const keys, each = 20, 10
		o := delivery.Options{Policy: regular(100)}
		r := newRigOf(t, newDurableLog(&disk{}), o)
		well := false
		s := newSequence(func(string, int) error {
			if !well {
				return providers.Errorf(providers.Throttled, "no")
			}
			return nil
		})
		r.setFormat("f", eventgateway.FormatRaw, s.invoke)
		for n := range each {
			var batch []delivery.Item
			for k := range keys {
				batch = append(batch, ordered("f", fmt.Sprint("key", k), n))
			}
			r.mustPut(t, batch...)
		}
		<-time.After(5 * time.Second)
		if _, rewritten, _ := r.log.counts(); rewritten == 0 || r.log.records[0].Seq == 1 {
			t.Fatalf("%d records were written anew", rewritten)
		}
		r.kill(t)
		well = true
		r = r.revive(t, o)
		<-time.After(time.Minute)
		s.wantOrder(t, keys, each, false)
		if n := r.log.count(); n != 0 {
			t.Errorf("%d records are left", n)
		}
	})
}

// slowReceiver is a log that hands its records over when the test says so.
type slowReceiver struct {
	*fakeLog
	r delivery.Receiver
}

func (l *slowReceiver) Start(r delivery.Receiver) { l.r = r }

// TestOrderedEventsWaitUntilTheLogIsCaughtUp hands over records in another order than they were accepted.
func TestOrderedEventsWaitUntilTheLogIsCaughtUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newHanded(t)
		s := newSequence(func(string, int) error { return nil })
		x.res.setFormat("f", eventgateway.FormatRaw, s.invoke)
		x.hand(0, 10, 0, ordered("f", "a", 1))
		x.hand(0, 11, 0, ordered("f", "a", 2))
		x.hand(0, 12, 9, ordered("f", "a", 0))
		x.hand(0, 13, 0, ordered("f", "", 7))
		x.hand(0, 14, 0, ordered("f", "a", 4))
		x.hand(0, 15, 13, ordered("f", "a", 3))
		synctest.Wait()
		if err := x.Check(); err != nil {
			t.Fatal(err)
		}
		if len(s.came) != 1 || len(s.came[""]) != 1 {
			t.Errorf("%v came before the log was caught up, want what has no key", s.came)
		}
		x.r.CaughtUp(0)
		synctest.Wait()
		x.hand(0, 16, 0, ordered("f", "a", 5))
		x.end(t)
		delete(s.came, "")
		s.wantOrder(t, 1, 6, false)
	})
}

// TestAChainIsFrozenAgainWhenItsPartitionComesBack takes a partition away and back while the first event of a key runs: when
// that has ended, the next is not delivered before it is known that no earlier one comes.
func TestAChainIsFrozenAgainWhenItsPartitionComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newHanded(t)
		g := newGate()
		x.res.set("f", g.invoke)
		x.hand(0, 10, 0, ordered("f", "a", 0))
		x.r.CaughtUp(0)
		synctest.Wait()
		x.r.Revoke(0)
		x.hand(0, 10, 0, ordered("f", "a", 0))
		x.hand(0, 13, 0, ordered("f", "a", 2))
		g.open <- nil
		synctest.Wait()
		if calls, running, _ := g.counts(); calls != 1 || running != 0 {
			t.Errorf("%d calls, want the one before it went away", calls)
		}
		s := newSequence(func(string, int) error { return nil })
		x.res.setFormat("f", eventgateway.FormatRaw, s.invoke)
		x.hand(0, 14, 12, ordered("f", "a", 1))
		x.r.CaughtUp(0)
		x.end(t)
		s.wantOrder(t, 1, 3, false)
	})
}

// TestAKeyInTwoPartitionsGoesOnWithoutOneOfThem takes away a partition that was not caught up, and one whose event of the key
// is due later.
func TestAKeyInTwoPartitionsGoesOnWithoutOneOfThem(t *testing.T) {
	for _, caughtUp := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			x := newHanded(t)
			s := newSequence(func(_ string, n int) error {
				if n == 7 {
					return providers.Errorf(providers.Throttled, "no")
				}
				return nil
			})
			x.res.setFormat("f", eventgateway.FormatRaw, s.invoke)
			x.r.CaughtUp(0)
			if caughtUp {
				x.r.CaughtUp(1)
			}
			x.hand(1, 10, 0, ordered("f", "a", 7))
			synctest.Wait()
			x.hand(0, 11, 0, ordered("f", "a", 0))
			x.hand(0, 12, 0, ordered("f", "a", 1))
			synctest.Wait()
			if len(s.came) != 0 {
				t.Errorf("%v came before its turn", s.came)
			}
			x.r.Revoke(1)
			x.end(t)
			s.wantOrder(t, 1, 2, false)
		})
	}
}

// handed is a dispatcher whose log hands over what the test says.
type handed struct {
	*slowReceiver
	*delivery.Dispatcher
	res *resources
}

func newHanded(t *testing.T) *handed {
	x := &handed{slowReceiver: &slowReceiver{fakeLog: newDurableLog(&disk{})}, res: &resources{}}
	x.Dispatcher = delivery.NewDispatcher(x.slowReceiver, x.res, newRecord(), nil, delivery.Options{}, newLogger(&lockedBuffer{}))
	x.Dispatcher.Start()
	t.Cleanup(func() { x.Drain(t.Context()) })
	return x
}

// hand hands over a record of a partition, with an event that was accepted in another one if order is not 0.
func (x *handed) hand(partition int, seq, order uint64, it delivery.Item) {
	x.r.Receive(&delivery.Record{Seq: seq, Partition: partition, Works: []*delivery.Work{{
		Event: it.Event, Owed: []delivery.Owed{{Target: it.Targets[0], Order: order}},
	}}})
}

// end waits until all is delivered.
func (x *handed) end(t *testing.T) {
	t.Helper()
	waitWithin(t, time.Minute, "all deliveries", func() bool { return x.Stats() == (delivery.Stats{}) })
	if err := x.CheckEmpty(); err != nil {
		t.Error(err)
	}
}

// TestAttemptsAndWaitsOutliveACrash checks that a retry is neither made early nor counted anew.
func TestAttemptsAndWaitsOutliveACrash(t *testing.T) {
	for _, kill := range []bool{true, false} {
		t.Run(fmt.Sprint("kill ", kill), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := delivery.Options{Policy: regular(4)}
				r := newRigOf(t, newDurableLog(&disk{}), o)
				f := newScript(again(9)...)
				r.set("f", f.invoke)
				r.mustPut(t, item("f"))
				<-time.After(3500 * time.Millisecond)
				if kill {
					<-time.After(1500 * time.Millisecond)
					r.kill(t)
				} else {
					r.end(t) // what was tried just now is not forgotten
				}
				r = r.revive(t, o)
				<-time.After(time.Minute)
				f.wantTimes(t, 0, time.Second, 3*time.Second, 7*time.Second)
				if dead := r.log.dead(t); len(dead) != 1 || dead[0].Attempts != 4 {
					t.Errorf("dead letters %+v", dead)
				}
			})
		})
	}
}

// TestABacklogIsDeliveredAfterAStart leaves more than a function may run at once, and more than the limits have room for.
func TestABacklogIsDeliveredAfterAStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRigOf(t, newDurableLog(&disk{}), delivery.Options{Policy: once()})
		g := newGate()
		r.set("f", g.invoke)
		for range 500 {
			r.mustPut(t, item("f", "f"))
		}
		synctest.Wait()
		r.kill(t)
		r.set("f", succeed)
		r.record = newRecord()
		r = r.revive(t, delivery.Options{Limits: delivery.Limits{Deliveries: 10}, Policy: once()})
		<-time.After(time.Second)
		r.record.want(t, 1000, nil)
		if s := r.Stats(); s != (delivery.Stats{}) || r.log.count() != 0 {
			t.Errorf("stats %+v, %d records left", s, r.log.count())
		}
	})
}
