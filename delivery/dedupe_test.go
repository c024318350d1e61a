package delivery_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventgateway/eventgateway/delivery"
)

// keyed is an event of a publisher's key.
func keyed(id, key string) delivery.Item {
	it := named(id, "f")
	it.Key = key
	return it
}

// dedupe puts items and returns what each is a duplicate of.
func (r *rig) dedupe(t *testing.T, items ...delivery.Item) (of []string) {
	t.Helper()
	if err := r.put(items...); err != nil {
		t.Errorf("Put: %v", err)
	}
	for _, it := range items {
		of = append(of, it.DuplicateOf)
	}
	return of
}

func (r *rig) wantDuplicates(t *testing.T, want []string, items ...delivery.Item) {
	t.Helper()
	if got := r.dedupe(t, items...); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("duplicates of %q, want %q", got, want)
	}
}

func TestDuplicatesAreAcceptedOnce(t *testing.T) {
	for _, durable := range []bool{false, true} {
		t.Run(fmt.Sprint("durable ", durable), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := newDurableLog(&disk{})
				log.durable = durable
				r := newRigOf(t, log, delivery.Options{Policy: once(), Window: time.Minute})
				r.set("f", succeed)
				r.wantDuplicates(t, []string{"", ""}, keyed("a", "1"), keyed("b", "2"))
				r.wantDuplicates(t, []string{"a", "", "c"}, keyed("x", "1"), keyed("c", "3"), keyed("y", "3"))
				r.wantDuplicates(t, []string{"c"}, keyed("z", "3"))
				r.wantDuplicates(t, []string{"", ""}, keyed("d", ""), keyed("e", ""))
				nobody := delivery.Item{Event: newEvent("data"), Key: "1"}
				r.wantDuplicates(t, []string{""}, nobody)
				again := keyed("f", "9") // what an earlier Put said is not believed
				again.DuplicateOf = "a"
				r.wantDuplicates(t, []string{""}, again)
				synctest.Wait()
				r.record.want(t, 6, nil)
				if r.record.deduplicated != 3 {
					t.Errorf("%d duplicates were told of, want 3", r.record.deduplicated)
				}
				<-time.After(2 * time.Minute)
				r.wantDuplicates(t, []string{""}, keyed("late", "1"))
			})
		})
	}
}

// TestOneOfManyIsAccepted has many publishers put the same event at once, and some of the Puts fail.
func TestOneOfManyIsAccepted(t *testing.T) {
	for round := range 20 {
		r := newRig(t, delivery.Limits{})
		r.set("f", succeed)
		var fails atomic.Int64
		fails.Store(int64(round % 5))
		r.log.set(func(l *fakeLog) {
			l.onAppend = func() error {
				<-time.After(time.Millisecond)
				if fails.Add(-1) >= 0 {
					return delivery.ErrUnavailable
				}
				return nil
			}
		})
		var accepted, refused atomic.Int64
		var group sync.WaitGroup
		ids := make([]string, 16)
		for i := range ids {
			group.Go(func() {
				items := []delivery.Item{keyed(fmt.Sprint("id", i), "key")}
				switch err := r.put(items...); {
				case errors.Is(err, delivery.ErrUnavailable):
					refused.Add(1)
				case err != nil:
					t.Errorf("Put: %v", err)
				case items[0].DuplicateOf == "":
					accepted.Add(1)
					ids[i] = items[0].Event.ID
				default:
					ids[i] = items[0].DuplicateOf
				}
			})
		}
		group.Wait()
		r.drain(t)
		r.record.want(t, 1, nil)
		if accepted.Load() != 1 || refused.Load() != int64(round%5) {
			t.Errorf("%d accepted and %d refused, want 1 and %d", accepted.Load(), refused.Load(), round%5)
		}
		same := map[string]bool{}
		for _, id := range ids {
			same[id] = true
		}
		if delete(same, ""); len(same) != 1 {
			t.Errorf("accepted as %v, want one", same)
		}
	}
}

// TestAKeyIsFreeAgainAfterEveryRefusal has a Put fail in every way there is.
func TestAKeyIsFreeAgainAfterEveryRefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, delivery.Limits{Deliveries: 3, Concurrency: 1})
		g := newGate()
		r.set("f", g.invoke)
		try := func(want error) {
			t.Helper()
			if err := r.put(keyed("a", "1"), keyed("b", "2")); !errors.Is(err, want) {
				t.Errorf("Put: %v, want %v", err, want)
			}
		}
		r.log.set(func(l *fakeLog) { l.onAppend = func() error { return delivery.ErrTooLarge } })
		try(delivery.ErrTooLarge)
		r.log.set(func(l *fakeLog) { l.onAppend = func() error { panic("a fault of the log") } })
		func() {
			defer func() { _ = recover() }()
			try(nil)
		}()
		r.wantConsistent(t)
		r.log.set(func(l *fakeLog) { l.onAppend = nil })
		r.mustPut(t, item("f"), item("f"))
		try(delivery.ErrFull)
		close(g.open)
		synctest.Wait()
		r.wantDuplicates(t, []string{"", ""}, keyed("a", "1"), keyed("b", "2"))
	})
}

// TestASenderThatGoesAwayWaitsForNoKey cancels a Put that waits for another of the same key.
func TestASenderThatGoesAwayWaitsForNoKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, delivery.Limits{})
		r.set("f", succeed)
		write := make(chan error)
		r.log.set(func(l *fakeLog) { l.onAppend = func() error { return <-write } })
		first := make(chan error)
		go func() { first <- r.put(keyed("a", "1")) }()
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		second := make(chan error)
		go func() { second <- r.Put(ctx, []delivery.Item{keyed("free", "2"), keyed("b", "1")}) }()
		synctest.Wait()
		cancel()
		if err := <-second; !errors.Is(err, delivery.ErrUnavailable) {
			t.Errorf("Put: %v, want ErrUnavailable", err)
		}
		write <- nil
		if err := <-first; err != nil {
			t.Errorf("Put: %v", err)
		}
		r.log.set(func(l *fakeLog) { l.onAppend = nil })
		r.wantDuplicates(t, []string{"a", ""}, keyed("c", "1"), keyed("d", "2"))
	})
}

// TestBatchesWithTheSameKeysDoNotWaitForEachOther puts batches with the same keys in all orders at once.
func TestBatchesWithTheSameKeysDoNotWaitForEachOther(t *testing.T) {
	const keys, rounds = 6, 200
	r := newRig(t, delivery.Limits{})
	r.set("f", succeed)
	r.log.set(func(l *fakeLog) {
		l.onAppend = func() error {
			if rand.IntN(3) == 0 {
				return delivery.ErrUnavailable
			}
			return nil
		}
	})
	for round := range rounds {
		var group sync.WaitGroup
		for p := range 4 {
			group.Go(func() {
				var items []delivery.Item
				for _, k := range rand.Perm(keys) {
					items = append(items, keyed(fmt.Sprint(round, "-", k, "-", p), fmt.Sprint(round, "-", k)))
				}
				for r.put(items...) != nil {
				}
			})
		}
		group.Wait()
	}
	r.drain(t)
	r.record.want(t, keys*rounds, nil)
}

// TestALargeBatchOfKeys checks that a batch costs no more than its length, many of the same key or not.
func TestALargeBatchOfKeys(t *testing.T) {
	const n = 20_000
	r := newRig(t, delivery.Limits{})
	r.set("f", succeed)
	var items []delivery.Item
	for i := range n {
		it := keyed(fmt.Sprint("id", i), fmt.Sprint("key", i/2))
		items = append(items, it)
	}
	start := time.Now()
	r.mustPut(t, items...)
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
	for i, it := range items {
		if want := fmt.Sprint("id", i-1); i%2 == 1 && it.DuplicateOf != want || i%2 == 0 && it.DuplicateOf != "" {
			t.Fatalf("item %d is a duplicate of %q", i, it.DuplicateOf)
		}
	}
	r.drain(t)
	r.record.want(t, n/2, nil)
}

// TestDuplicatesInTheLogAreDeliveredOnce has two instances accept the same event, which one of them then works on.
func TestDuplicatesInTheLogAreDeliveredOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{}
		other := newFakeLog(d, 1)
		other.others = []int{0}
		log := newDurableLog(d)
		r := newRigOf(t, log, delivery.Options{Policy: regular(10)})
		second := newRigOf(t, other, delivery.Options{Policy: regular(10)})
		f := newScript(again(2)...)
		r.set("f", f.invoke)
		items := []delivery.Item{keyed("a", "1"), keyed("b", "2")}
		r.mustPut(t, items...)
		<-time.After(time.Millisecond)
		second.mustPut(t, keyed("c", ""), keyed("a", "1"))
		synctest.Wait()
		r.wantConsistent(t)
		<-time.After(time.Minute) // a is tried again, and so written anew: it is no duplicate of itself then
		r.record.want(t, 3, nil)
		if r.record.deduplicated != 1 || d.count() != 0 {
			t.Errorf("%d duplicates, %d records left; want 1 and 0", r.record.deduplicated, d.count())
		}
		r.wantDuplicates(t, []string{"b"}, keyed("x", "2"))
	})
}

// TestWhatIsWrittenAnewIsNoDuplicate takes back a partition whose records were rewritten meanwhile, with the publisher's key.
func TestWhatIsWrittenAnewIsNoDuplicate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newDurableLog(&disk{})
		r := newRigOf(t, log, delivery.Options{Policy: regular(10)})
		r.set("f", newScript(again(2)...).invoke)
		it := keyed("a", "1")
		it.Event.ReceivedAt = time.Now().Add(-time.Second)
		r.mustPut(t, it)
		<-time.After(1500 * time.Millisecond)
		if _, rewritten, _ := log.counts(); rewritten == 0 {
			t.Fatal("it was not written anew")
		}
		log.give(0)
		log.take(0)
		<-time.After(time.Minute)
		r.record.want(t, 1, nil)
		r.wantDuplicates(t, []string{"a"}, keyed("b", "1"))
	})
}
