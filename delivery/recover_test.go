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
		log := &slowReceiver{fakeLog: newDurableLog(&disk{})}
		s := newSequence(func(string, int) error { return nil })
		res := &resources{}
		res.setFormat("f", eventgateway.FormatRaw, s.invoke)
		d := delivery.NewDispatcher(log, res, newRecord(), nil, delivery.Options{}, nil)
		d.Start()
		hand := func(seq, order uint64, it delivery.Item) {
			log.r.Receive(&delivery.Record{Seq: seq, Works: []*delivery.Work{{
				Event: it.Event, Owed: []delivery.Owed{{Target: it.Targets[0], Order: order}},
			}}})
		}
		hand(10, 0, ordered("f", "a", 1))
		hand(11, 0, ordered("f", "a", 2))
		hand(12, 9, ordered("f", "a", 0))
		hand(13, 0, ordered("f", "", 7))
		hand(14, 0, ordered("f", "a", 4))
		hand(15, 13, ordered("f", "a", 3))
		synctest.Wait()
		if err := d.Check(); err != nil {
			t.Fatal(err)
		}
		if len(s.came) != 1 || len(s.came[""]) != 1 {
			t.Errorf("%v came before the log was caught up, want what has no key", s.came)
		}
		log.r.CaughtUp(0)
		synctest.Wait()
		hand(16, 0, ordered("f", "a", 5))
		synctest.Wait()
		delete(s.came, "")
		s.wantOrder(t, 1, 6, false)
		d.Drain(t.Context())
		if err := d.CheckEmpty(); err != nil {
			t.Error(err)
		}
	})
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
