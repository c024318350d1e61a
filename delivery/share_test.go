package delivery_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/delivery"
)

// itemIn makes an item for functions of several spaces, each "space/function".
func itemIn(targets ...[2]string) delivery.Item {
	it := delivery.Item{Event: newEvent("data")}
	for _, t := range targets {
		it.Targets = append(it.Targets, delivery.Target{Space: t[0], SubscriptionID: "sub-" + t[1], FunctionID: t[1]})
	}
	return it
}

func (s *resources) setIn(space, id string, f invokerFunc) {
	s.setFunction(eventgateway.Function{Space: space, ID: id}, f)
}

// fill puts one item after the other until there is no room, and returns how many were accepted.
func (r *rig) fill(t *testing.T, it delivery.Item) int {
	t.Helper()
	for n := 0; ; n++ {
		switch err := r.put(it); {
		case errors.Is(err, delivery.ErrFull):
			return n
		case err != nil || n > 1000:
			t.Fatalf("after %d: %v", n, err)
		}
	}
}

// TestNobodyHoldsMoreThanIsFree fills the queue from one function after another, each of which gets half of what there is, and
// from one space after another, whose functions together leave an eighth.
func TestNobodyHoldsMoreThanIsFree(t *testing.T) {
	size := unit(t)
	for name, limits := range map[string]delivery.Limits{
		"deliveries": {Deliveries: 99, Concurrency: 1},
		"bytes":      {Bytes: 99 * size, Concurrency: 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, limits)
				g := newGate()
				total := 0
				for i, want := range []int{50, 25, 12, 6, 3, 2, 1} {
					space := fmt.Sprint("space", i)
					r.setIn(space, "f", g.invoke)
					if got := r.fill(t, itemIn([2]string{space, "f"})); got != want {
						t.Errorf("function %d: %d accepted, want %d", i, got, want)
					}
					total += want
				}
				r.wantConsistent(t)
				close(g.open)
				r.drain(t)
				r.record.want(t, total, nil)
			})
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, limits)
				g := newGate()
				total := 0
				for i, want := range []int{87, 11, 1} {
					space := fmt.Sprint("space", i)
					got := 0
					for f := range 10 {
						id := fmt.Sprint("f", f)
						r.setIn(space, id, g.invoke)
						for range 20 {
							if r.put(itemIn([2]string{space, id})) == nil {
								got++
							}
						}
					}
					if got != want {
						t.Errorf("space %d: %d accepted, want %d", i, got, want)
					}
					total += got
				}
				r.wantConsistent(t)
				close(g.open)
				r.drain(t)
				r.record.want(t, total, nil)
			})
		})
	}
}

// TestBytesOfASpaceCountAnEventOnce has events that go to many functions of one space and of several.
func TestBytesOfASpaceCountAnEventOnce(t *testing.T) {
	size := unit(t)
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, delivery.Limits{Bytes: 9 * size})
		g := newGate()
		var targets [][2]string
		for f := range 40 {
			space, id := fmt.Sprint("space", f%2), fmt.Sprint("f", f)
			r.setIn(space, id, g.invoke)
			targets = append(targets, [2]string{space, id})
		}
		if got := r.fill(t, itemIn(targets...)); got != 5 {
			t.Errorf("%d events accepted, want 5 of the 9 there is room for", got)
		}
		r.wantConsistent(t)
		if got := r.Stats().Bytes; got != 5*size {
			t.Errorf("%d bytes, want %d", got, 5*size)
		}
		if got := r.fill(t, itemIn([2]string{"space0", "f0"})); got != 0 {
			t.Errorf("%d more events accepted for a space that has its half", got)
		}
		r.setIn("other", "f", g.invoke)
		if got := r.fill(t, itemIn([2]string{"other", "f"})); got != 2 {
			t.Errorf("%d more events accepted for another space, want 2", got)
		}
		close(g.open)
		r.drain(t)
	})
}

// TestRunningIsShared has one space with many functions take what it may of the room to run, then others.
func TestRunningIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, delivery.Limits{Running: 16, Concurrency: 4})
		gates := map[string]*gate{}
		running := func(space string) (n int) {
			synctest.Wait()
			r.wantConsistent(t)
			_, n, _ = gates[space].counts()
			return n
		}
		fill := func(space string, functions int) {
			gates[space] = newGate()
			for f := range functions {
				id := fmt.Sprint("f", f)
				r.setIn(space, id, gates[space].invoke)
				for range 8 {
					r.mustPut(t, itemIn([2]string{space, id}))
				}
			}
		}
		fill("hog", 10)
		if got := running("hog"); got != 9 {
			t.Errorf("%d run in a space alone, want 9 of 16", got)
		}
		fill("second", 10)
		if got := running("second"); got != 4 {
			t.Errorf("%d run in a second space, want 4", got)
		}
		fill("third", 1)
		if got := running("third"); got != 2 {
			t.Errorf("%d run in a third space, want 2", got)
		}
		// What the hog gives back goes to those that have less, until nobody has more than is free beside the last it got.
		for range 5 {
			gates["hog"].open <- nil
			synctest.Wait()
		}
		if h, s, th := running("hog"), running("second"), running("third"); h != 5 || s != 4 || th != 4 {
			t.Errorf("%d, %d and %d run, want 5, 4 and 4", h, s, th)
		}
		for _, g := range gates {
			close(g.open)
		}
		r.drain(t)
	})
}

// TestSpacesTakeTurns has three spaces wait for a single slot, one with far more than the others.
func TestSpacesTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, delivery.Limits{Running: 1})
		g := newGate()
		var order string
		set := func(space, id string) {
			r.setIn(space, id, newRecorder(&order, space, id, g).invoke)
		}
		for _, f := range []string{"1", "2"} {
			set("a", f)
			for range 6 {
				r.mustPut(t, itemIn([2]string{"a", f}))
			}
		}
		for _, space := range []string{"b", "c"} {
			set(space, "1")
			for range 3 {
				r.mustPut(t, itemIn([2]string{space, "1"}))
			}
		}
		for range 18 {
			synctest.Wait()
			g.open <- nil
		}
		r.drain(t)
		if want := "a1 a1 b1 c1 a2 b1 c1 a1 b1 c1 a2 a1 a2 a1 a2 a1 a2 a2 "; order != want {
			t.Errorf("order %q, want %q", order, want)
		}
	})
}
