package delivery_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/delivery"
	"github.com/eventgateway/eventgateway/providers"
)

// ledger notes which deliveries were accepted, and when each was made.
type ledger struct {
	mu       sync.Mutex
	accepted map[string]bool
	made     map[string][]made
	// ends are those of the lives so far.
	ends []end
}

// made is when, and in which life, a delivery was made.
type made struct {
	at   time.Time
	life int
}

// note notes a delivery that was made.
func (l *ledger) note(delivery string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.made[delivery] = append(l.made[delivery], made{time.Now(), len(l.ends)})
}

// end is how a process ended.
type end struct {
	at     time.Time
	killed bool
}

// check finds deliveries that were not made, or made again though the log had long been told.
func (l *ledger) check(t *testing.T, dead map[string]bool) {
	t.Helper()
	const known = 2 * time.Second
	for id := range l.accepted {
		if len(l.made[id]) == 0 && !dead[id] {
			t.Errorf("%s was accepted, and neither delivered nor kept as a dead letter", id)
		}
	}
	for id, times := range l.made {
		for i, again := range times[1:] {
			before := times[i]
			if again.life == before.life {
				t.Errorf("%s was delivered twice in one life", id)
			} else if e := l.ends[before.life]; !e.killed || e.at.Sub(before.at) > known {
				t.Errorf("%s was delivered %v before an end (killed: %v), and again", id, e.at.Sub(before.at), e.killed)
			}
		}
	}
}

// TestCrashesLoseNothing lets a process live several times on the same disk, under load and with functions that fail at
// random, killed or ended at a random moment: what was accepted is delivered, and what has long been delivered is not again.
func TestCrashesLoseNothing(t *testing.T) {
	seeds := 60
	if long() {
		seeds = 2000
	}
	for seed := range seeds {
		synctest.Test(t, func(t *testing.T) { testCrashes(t, rand.New(rand.NewPCG(uint64(seed), 3))) })
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func testCrashes(t *testing.T, rnd *rand.Rand) {
	const functions = 5
	size := unit(t)
	o := delivery.Options{
		Limits: delivery.Limits{Memory: size * int64(rnd.IntN(3)*8), Concurrency: 1 + rnd.IntN(4)}, Policy: regular(100),
	}
	o.Policy.Maximum = 8 * time.Second
	if rnd.IntN(2) == 0 {
		o.Policy.Attempts = 3
	}
	l := &ledger{accepted: map[string]bool{}, made: map[string][]made{}}
	r := newRigOf(t, newDurableLog(&disk{}), o)
	for f := range functions {
		id := fmt.Sprint("f", f)
		r.setFormat(id, eventgateway.FormatRaw, l.function(id, rand.New(rand.NewPCG(rnd.Uint64(), 5)), rnd.IntN(40), rnd.IntN(3000)))
	}
	for n, life := 0, 0; life < 5; life++ {
		for range 1 + rnd.IntN(20) {
			<-time.After(time.Duration(rnd.IntN(400)) * time.Millisecond)
			switch id := fmt.Sprint("f", rnd.IntN(functions)); rnd.IntN(8) {
			case 0:
				r.pause(id)
			case 1:
				r.resume(id)
			default:
				n += l.put(t, r, rnd, n, functions)
			}
			r.wantConsistent(t)
		}
		e := end{killed: rnd.IntN(3) > 0}
		if e.killed {
			e.at = time.Now()
			r.kill(t)
		} else {
			r.end(t)
			e.at = time.Now()
		}
		l.mu.Lock()
		l.ends = append(l.ends, e)
		l.mu.Unlock()
		r = r.revive(t, o)
	}
	for f := range functions {
		r.resume(fmt.Sprint("f", f))
	}
	waitWithin(t, 20*time.Hour, "all deliveries", func() bool { return r.log.count() == 0 })
	synctest.Wait()
	if s := r.Stats(); s != (delivery.Stats{}) {
		t.Errorf("stats %+v at the end", s)
	}
	dead := map[string]bool{}
	for _, d := range r.log.dead(t) {
		dead[d.Event.ID+" to "+d.FunctionID] = true
	}
	l.check(t, dead)
}

// function makes a function that fails in so many of a hundred calls, and takes up to so many milliseconds.
func (l *ledger) function(id string, rnd *rand.Rand, fails, takes int) invokerFunc {
	return func(ctx context.Context, c *providers.Call) (*providers.Result, error) {
		l.mu.Lock()
		failed, took := rnd.IntN(100) < fails, time.Duration(rnd.IntN(takes+1))*time.Millisecond
		l.mu.Unlock()
		select {
		case <-time.After(took):
		case <-ctx.Done():
			return nil, &providers.Error{Failure: providers.Canceled, Message: "canceled"}
		}
		if failed {
			return nil, providers.Errorf(providers.Unreachable, "no")
		}
		l.note(string(c.Payload) + " to " + id)
		return &providers.Result{}, nil
	}
}

// put puts a few events to random functions, some with an ordering key, and returns how many.
func (l *ledger) put(t *testing.T, r *rig, rnd *rand.Rand, n, functions int) int {
	var items []delivery.Item
	for range 1 + rnd.IntN(4) {
		id := fmt.Sprint("event", n+len(items))
		it := named(id)
		for f := range functions {
			if rnd.IntN(2) > 0 {
				continue
			}
			function := fmt.Sprint("f", f)
			target := delivery.Target{Space: "s", SubscriptionID: "sub-" + function, FunctionID: function}
			if rnd.IntN(3) == 0 {
				target.OrderingKey = fmt.Sprint(rnd.IntN(4))
			}
			it.Targets = append(it.Targets, target)
			l.accepted[id+" to "+function] = true
		}
		items = append(items, it)
	}
	r.mustPut(t, items...)
	return len(items)
}
