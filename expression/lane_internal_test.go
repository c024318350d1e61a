package expression

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// laneOf is a lane with so many places whose evaluations say how long they rest.
func laneOf(places int) *lane { return &lane{places: func() int { return places }} }

func TestLaneTakesTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := laneOf(1)
		var mu sync.Mutex
		var order []string
		evaluate := func(name string) func() time.Duration {
			return func() time.Duration {
				mu.Lock()
				defer mu.Unlock()
				order = append(order, name)
				return time.Millisecond
			}
		}
		for _, name := range []string{"a0", "a1", "a2", "a3", "b1", "b2", "c1", "a4"} {
			go func() { _ = l.run(name[:1], maxWait, evaluate(name)) }()
			synctest.Wait()
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if got, want := fmt.Sprint(order), "[a0 a1 b1 c1 a2 b2 a3 a4]"; got != want {
			t.Errorf("the order is %s, want %s", got, want)
		}
		// Each place stays closed for a millisecond: a0 had no wait, the next one 1 ms, the last one of b 5 ms, of a 7 ms.
		want := map[string]LaneStats{
			"a": {Evaluated: 5, Waited: (1 + 4 + 6 + 7) * time.Millisecond},
			"b": {Evaluated: 2, Waited: (2 + 5) * time.Millisecond},
			"c": {Evaluated: 1, Waited: 3 * time.Millisecond},
		}
		if got := l.read(); !maps.Equal(got, want) {
			t.Errorf("the lane says %+v, want %+v", got, want)
		}
		if l.taken != 0 || len(l.queues) != 0 || len(l.turns) != 0 {
			t.Errorf("the lane is not empty in the end: %d places taken, %d queues, %d turns", l.taken, len(l.queues), len(l.turns))
		}
	})
}

// TestLaneOutlivesAPanic checks that a fault in one evaluation closes no place for good.
func TestLaneOutlivesAPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := laneOf(1)
		func() {
			defer func() { _ = recover() }()
			_ = l.run("a", maxWait, func() time.Duration { panic("a fault") })
		}()
		if err := l.run("b", maxWait, func() time.Duration { return 0 }); err != nil {
			t.Error(err)
		}
	})
}

// TestLaneRests checks that no more than so many evaluate at a time, and that a place stays closed for as long as it is to rest.
func TestLaneRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const work, rest = 5 * time.Millisecond, 3 * time.Millisecond
		l, start := laneOf(2), time.Now()
		var mu sync.Mutex
		var began []time.Duration
		for range 6 {
			go func() {
				_ = l.run("a", unbounded, func() time.Duration {
					mu.Lock()
					began = append(began, time.Since(start))
					mu.Unlock()
					time.Sleep(work)
					return rest
				})
			}()
		}
		time.Sleep(time.Second)
		synctest.Wait()
		const turn = work + rest
		if want := []time.Duration{0, 0, turn, turn, 2 * turn, 2 * turn}; !slices.Equal(began, want) {
			t.Errorf("evaluations began after %v, want %v", began, want)
		}
	})
}

// TestLaneGrows checks that what there is of cores is seen when a place opens.
func TestLaneGrows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var places atomic.Int64
		places.Store(1)
		l := &lane{places: func() int { return int(places.Load()) }}
		var started atomic.Int64
		evaluate := func() time.Duration { started.Add(1); return time.Second }
		for range 4 {
			go func() { _ = l.run("a", maxWait, evaluate) }()
			synctest.Wait()
		}
		if n := started.Load(); n != 1 {
			t.Fatalf("%d started with one place", n)
		}
		places.Store(3)
		time.Sleep(time.Second)
		synctest.Wait()
		if n := started.Load(); n != 4 {
			t.Errorf("%d have started with three places, want 4", n)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
	})
}

// TestLaneLosesPatience checks that who waits longer than it may leaves, and keeps nobody else from a turn.
func TestLaneLosesPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, start := laneOf(1), time.Now()
		_ = l.run("a", maxWait, func() time.Duration { return time.Second })
		never := func() time.Duration { t.Error("evaluated after its time"); return 0 }
		var wg sync.WaitGroup
		for _, space := range []string{"a", "a", "b"} {
			wg.Go(func() {
				if err := l.run(space, SharedWait, never); !errors.Is(err, ErrCrowded) || time.Since(start) != SharedWait {
					t.Errorf("%s left after %s with %v", space, time.Since(start), err)
				}
			})
		}
		wg.Go(func() {
			var after time.Duration
			err := l.run("a", maxWait, func() time.Duration { after = time.Since(start); return 0 })
			if err != nil || after != time.Second {
				t.Errorf("who waited on had its turn after %s: %v", after, err)
			}
		})
		wg.Wait()
		synctest.Wait()
		if l.taken != 0 || len(l.queues) != 0 || len(l.turns) != 0 {
			t.Errorf("the lane is not empty in the end: %d places taken, %d queues, %d turns", l.taken, len(l.queues), len(l.turns))
		}
		if got, want := l.read()["b"], (LaneStats{Waited: SharedWait}); got != want {
			t.Errorf("of b the lane says %+v, want %+v", got, want)
		}
	})
}

func TestLaneIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := laneOf(1)
		done := func() time.Duration { return time.Nanosecond }
		var failed, patient int
		_ = l.run("crowd", maxWait, func() time.Duration { return time.Second })
		var mu sync.Mutex
		try := func(space string, isPatient bool) {
			patience := maxWait
			if isPatient {
				patience = unbounded
			}
			err := l.run(space, patience, done)
			mu.Lock()
			defer mu.Unlock()
			if errors.Is(err, ErrCrowded) {
				failed++
			}
			if isPatient && err == nil {
				patient++
			}
		}
		for range maxWaiting + 3 {
			go try("crowd", false)
		}
		for range 20 {
			go try("crowd", true)
		}
		synctest.Wait()
		if failed != 3 {
			t.Errorf("%d failed at once, want 3", failed)
		}
		if got := l.read()["crowd"].Waiting; got != maxWaiting+20 {
			t.Errorf("%d wait, want %d", got, maxWaiting+20)
		}
		go try("other", false)
		time.Sleep(time.Minute)
		synctest.Wait()
		if failed != 3 || patient != 20 {
			t.Errorf("%d failed, want 3; %d of 20 patient ones were evaluated", failed, patient)
		}
	})
}
