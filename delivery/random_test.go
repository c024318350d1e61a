package delivery_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/delivery"
	"github.com/eventgateway/eventgateway/providers"
)

// manual is a function whose calls end one by one, by event.
type manual struct {
	id    string
	calls *sync.Map
}

func (m manual) invoke(ctx context.Context, c *providers.Call) (*providers.Result, error) {
	end := make(chan error)
	m.calls.Store(string(c.Payload)+" to "+m.id, end)
	select {
	case err := <-end:
		return &providers.Result{}, err
	case <-ctx.Done():
		return nil, &providers.Error{Failure: providers.Canceled, Message: "canceled"}
	}
}

// TestAgainstModel makes random puts, endings, failures, pauses, changes of limits and waits, and compares with the model after
// each. In the end nothing is left, no goroutine either.
func TestAgainstModel(t *testing.T) {
	seeds := 60
	if long() {
		seeds = 3000
	}
	goroutines := runtime.NumGoroutine()
	for seed := range seeds {
		synctest.Test(t, func(t *testing.T) { newRandomRun(t, uint64(seed)).run(t, 200) })
	}
	waitFor(t, "the end of the goroutines", func() bool { return runtime.NumGoroutine() <= goroutines })
}

// randomRun makes the same steps with a dispatcher and a model.
type randomRun struct {
	seed uint64
	*rand.Rand
	// pauses tells that subscriptions are paused. Then one delivery of a function runs at a time, because in which order those
	// that began at once are held is nobody's business.
	pauses bool
	start  time.Time
	m      *model
	r      *rig
	o      delivery.Options
	keys   []eventgateway.FunctionKey
	calls  sync.Map
	events int
}

func newRandomRun(t *testing.T, seed uint64) *randomRun {
	x := &randomRun{seed: seed, Rand: rand.New(rand.NewPCG(seed, 1)), start: time.Now()}
	x.pauses = x.IntN(2) == 0
	x.o.Policy = regular(3)
	x.o.Policy.Factor, x.o.Policy.RetryOn = 1, []string{"bad_answer"}
	x.o.Policy.Timeout = eventgateway.MaxTimeout
	x.o.Limits = x.limits()
	x.m = &model{limits: x.o.Limits, attempts: x.o.Policy.Attempts, paused: map[eventgateway.FunctionKey]bool{}}
	log := newDurableLog(&disk{})
	log.durable = seed%2 == 0
	// Records are replaced between the milliseconds: what is read back while its record is being replaced waits, and loses its
	// turn to others, which the model knows nothing of.
	log.onRewrite = func() error {
		<-time.After(time.Millisecond / 2)
		return nil
	}
	x.r = newRigOf(t, log, x.o)
	for f := range 4 {
		key := eventgateway.FunctionKey{Space: fmt.Sprint("space", f%2), ID: fmt.Sprint("f", f)}
		x.keys = append(x.keys, key)
		fn := eventgateway.Function{
			Space: key.Space, ID: key.ID, Format: eventgateway.FormatRaw, Timeout: eventgateway.Duration(eventgateway.MaxTimeout),
		}
		x.r.setFunction(fn, manual{key.ID, &x.calls}.invoke)
	}
	return x
}

func (x *randomRun) limits() delivery.Limits {
	l := delivery.Limits{
		Deliveries: 1 + x.IntN(40), Bytes: 1 << 30, PerFunction: 1 + x.IntN(12), Concurrency: 1, Memory: 2000,
	}
	if !x.pauses {
		l.Concurrency += x.IntN(4)
	}
	return l
}

func (x *randomRun) run(t *testing.T, steps int) {
	x.wait(time.Millisecond) // the log is caught up now
	for step := range steps {
		did, err := x.step()
		if err == nil {
			synctest.Wait()
			err = x.m.compare(x.r)
		}
		if err != nil {
			t.Fatalf("seed %d, step %d, %s: %v", x.seed, step, did, err)
		}
		// Steps are at odd milliseconds, and so are retries; the dispatcher's ticks are at even ones.
		x.wait(time.Duration(1+x.IntN(3)) * 2 * time.Millisecond)
	}
	clear(x.m.paused)
	for _, key := range x.keys {
		x.r.subscriptions.Delete([2]string{key.Space, "sub-" + key.ID})
	}
	for len(x.m.all) > 0 {
		x.wait(modelTick)
		did, err := x.endOne(false)
		if did == "" {
			x.wait(modelWait)
		}
		if synctest.Wait(); err == nil {
			err = x.m.compare(x.r)
		}
		if err != nil {
			t.Fatalf("seed %d, at the end: %v", x.seed, err)
		}
	}
	if left := x.r.log.count(); x.r.log.durable && left != 0 {
		t.Errorf("%d records left", left)
	}
}

// wait lets time pass, until an odd millisecond.
func (x *randomRun) wait(d time.Duration) {
	now := time.Since(x.start)
	if d += now; (d/time.Millisecond)%2 == 0 {
		d += time.Millisecond
	}
	<-time.After(d - now)
	synctest.Wait()
	x.m.pass(d)
}

func (x *randomRun) step() (did string, err error) {
	switch n := x.IntN(20); {
	case n < 8:
		return x.put()
	case n < 12:
		return x.endOne(false)
	case n < 15:
		return x.endOne(true)
	case n < 16:
		x.m.limits = x.limits()
		x.o.Limits = x.m.limits
		x.r.SetOptions(x.o)
		x.m.run()
		return fmt.Sprintf("set limits %+v", x.m.limits), nil
	case n < 18 && x.pauses:
		key := x.keys[x.IntN(len(x.keys))]
		x.m.paused[key] = !x.m.paused[key]
		id := "sub-" + key.ID
		x.r.subscriptions.Store([2]string{key.Space, id}, &eventgateway.Subscription{Space: key.Space, ID: id, Paused: x.m.paused[key]})
		return fmt.Sprintf("pause %v: %v", key, x.m.paused[key]), nil
	default:
		d := time.Duration(x.IntN(700)) * time.Millisecond
		x.wait(d)
		return fmt.Sprint("wait ", d), nil
	}
}

// put puts a few events to random functions, some with an ordering key.
func (x *randomRun) put() (did string, err error) {
	var items []delivery.Item
	var targets []*modelled
	for range 1 + x.IntN(2) {
		x.events++
		it := named(fmt.Sprint("event", x.events))
		for _, f := range x.Perm(len(x.keys))[:x.IntN(4)] {
			d := &modelled{event: it.Event.ID, function: x.keys[f]}
			if x.IntN(2) == 0 {
				d.key = fmt.Sprint("key", x.IntN(2))
			}
			targets = append(targets, d)
			it.Targets = append(it.Targets, delivery.Target{
				Space: d.function.Space, FunctionID: d.function.ID, SubscriptionID: "sub-" + d.function.ID, OrderingKey: d.key,
			})
		}
		items = append(items, it)
	}
	want, got := x.m.put(targets), x.r.put(items...)
	did = fmt.Sprintf("put %d: %v", len(targets), got)
	if !errors.Is(got, want) || got != nil && want == nil {
		return did, fmt.Errorf("%w: Put returned %v, the model %v", errOfModel, got, want)
	}
	return did, nil
}

// endOne ends one of the calls that run.
func (x *randomRun) endOne(failed bool) (did string, err error) {
	var running []*modelled
	for _, d := range x.m.all {
		if d.state == "running" {
			running = append(running, d)
		}
	}
	if len(running) == 0 {
		return "", nil
	}
	d := running[x.IntN(len(running))]
	id := d.event + " to " + d.function.ID
	end, ok := x.calls.LoadAndDelete(id)
	if !ok {
		return "end " + id, fmt.Errorf("%w: it does not run", errOfModel)
	}
	var failure error
	if failed {
		failure = providers.Errorf(providers.BadAnswer, "no")
	}
	end.(chan error) <- failure
	x.m.end(d, failed)
	return fmt.Sprint("end ", id, " failed ", failed), nil
}
