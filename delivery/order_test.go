package delivery_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/delivery"
	"github.com/eventgateway/eventgateway/providers"
)

// ordered is an event of an ordering key, whose data is "key number".
func ordered(function, key string, n int) delivery.Item {
	it := named(fmt.Sprint(key, " ", n), function)
	it.Targets[0].OrderingKey = key
	return it
}

// sequence is a function that notes the numbers that came of each key, and how many of a key ran at once.
type sequence struct {
	mu      sync.Mutex
	came    map[string][]int
	running map[string]int
	overlap int
	// outcome is asked what becomes of a call.
	outcome func(key string, n int) error
}

func newSequence(outcome func(key string, n int) error) *sequence {
	return &sequence{came: map[string][]int{}, running: map[string]int{}, outcome: outcome}
}

func (s *sequence) invoke(_ context.Context, c *providers.Call) (*providers.Result, error) {
	key, number, _ := strings.Cut(string(c.Payload), " ")
	n, _ := strconv.Atoi(number)
	s.mu.Lock()
	if s.running[key]++; s.running[key] > 1 {
		s.overlap++
	}
	s.mu.Unlock()
	err := s.outcome(key, n)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running[key]--
	if err == nil {
		s.came[key] = append(s.came[key], n)
	}
	return &providers.Result{}, err
}

// wantOrder checks that so many numbers of each key came, in order, once; repeats tells that one may come again, if the one
// behind it did not come yet.
func (s *sequence) wantOrder(t *testing.T, keys, each int, repeats bool) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.came) != keys || s.overlap > 0 {
		t.Errorf("%d keys came, %d times two of a key at once; want %d keys and never", len(s.came), s.overlap, keys)
	}
	for key, came := range s.came {
		want := 0
		for _, n := range came {
			if repeats && n < want {
				want = n // what was made before the crash is made again, from there on
			}
			if n != want {
				t.Fatalf("key %s: %v", key, came)
			}
			want++
		}
		if want != each {
			t.Errorf("key %s: %d came, want %d", key, want, each)
		}
	}
}

// long tells that tests run in full.
func long() bool { return os.Getenv("EVENT_GATEWAY_LONG") == "1" }

// TestOrderUnderRandomFailures delivers many events of many keys to a function that fails at random, and some events of keys
// that always fail.
func TestOrderUnderRandomFailures(t *testing.T) {
	keys, each := 200, 20
	if long() {
		keys, each = 1000, 100
	}
	for _, durable := range []bool{false, true} {
		t.Run(fmt.Sprint("durable ", durable), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { testOrder(t, durable, keys, each) })
		})
	}
}

func testOrder(t *testing.T, durable bool, keys, each int) {
	log := newDurableLog(&disk{})
	log.durable = durable
	r := newRigOf(t, log, delivery.Options{
		Limits: delivery.Limits{Deliveries: 4 * keys * each}, Policy: regular(100),
	})
	s := newSequence(func(string, int) error {
		if rand.IntN(10) < 3 {
			return &providers.Error{Failure: providers.Throttled, Message: "no"}
		}
		return nil
	})
	dead := newSequence(func(_ string, n int) error {
		if n == 0 {
			return providers.Errorf(providers.Throttled, "no")
		}
		return nil
	})
	r.setFormat("f", eventgateway.FormatRaw, s.invoke)
	r.setFormat("parked", eventgateway.FormatRaw, dead.invoke)
	r.deliver("parked", eventgateway.Delivery{Attempts: 3})
	for n := range each {
		for k := range keys {
			r.mustPut(t, ordered("f", fmt.Sprint("key", k), n))
		}
		r.mustPut(t, ordered("parked", "key", n))
	}
	synctest.Wait()
	r.wantConsistent(t)
	waitWithin(t, 12*time.Hour, "all deliveries", func() bool { return r.Stats() == (delivery.Stats{}) })
	s.wantOrder(t, keys, each, false)
	if came := dead.came["key"]; len(came) != each-1 || !slices.IsSorted(came) || len(r.log.dead(t)) != 1 {
		t.Errorf("behind a dead letter %v came, with %d dead letters", came, len(r.log.dead(t)))
	}
}

// TestAFailingKeyHoldsUpNoOther has one key fail for an hour and checks that others, and events without one, go on at once.
func TestAFailingKeyHoldsUpNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRigOf(t, newVolatileLog(), delivery.Options{Limits: delivery.Limits{Concurrency: 2}, Policy: regular(100)})
		s := newSequence(func(key string, _ int) error {
			if key == "bad" {
				return providers.Errorf(providers.Throttled, "no")
			}
			return nil
		})
		r.setFormat("f", eventgateway.FormatRaw, s.invoke)
		for n := range 10 {
			r.mustPut(t, ordered("f", "bad", n), ordered("f", "good", n), ordered("f", "", n))
		}
		synctest.Wait()
		r.wantConsistent(t)
		if len(s.came["bad"]) != 0 || len(s.came["good"]) != 10 || len(s.came[""]) != 10 {
			t.Errorf("came %v", s.came)
		}
		<-time.After(time.Hour)
		if got := r.Stats(); got.Waiting != 10 {
			t.Errorf("stats %+v, want the bad key waiting", got)
		}
	})
}

// TestKeysAreASubscriptionsOwn checks that the same key orders nothing between two subscriptions.
func TestKeysAreASubscriptionsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, delivery.Limits{})
		g := newGate()
		r.set("f", g.invoke)
		r.set("g", g.invoke)
		it := item("f", "g", "f")
		it.Targets[2].SubscriptionID = "another"
		for i := range it.Targets {
			it.Targets[i].OrderingKey = "key"
		}
		r.mustPut(t, it, it)
		synctest.Wait()
		if _, n, _ := g.counts(); n != 3 {
			t.Errorf("%d run, want one for each subscription", n)
		}
		close(g.open)
		r.drain(t)
		r.record.want(t, 6, nil)
	})
}
