package integration

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway/integration/gatewaytest"
)

// tally counts how often each of a publisher's events was acknowledged, or arrived somewhere. Events are numbered from 0.
type tally struct {
	mu     sync.Mutex
	counts []uint32
	// events is how many were noted at least once, and notes how many times anything was.
	events, notes int
}

// note notes an event and returns how often it has been noted now.
func (y *tally) note(n int) int {
	y.mu.Lock()
	defer y.mu.Unlock()
	for n >= len(y.counts) {
		y.counts = append(y.counts, 0)
	}
	y.counts[n]++
	y.notes++
	if y.counts[n] == 1 {
		y.events++
	}
	return int(y.counts[n])
}

// count returns how often an event was noted.
func (y *tally) count(n int) int {
	y.mu.Lock()
	defer y.mu.Unlock()
	if n >= len(y.counts) {
		return 0
	}
	return int(y.counts[n])
}

// size returns how many events were noted, however often.
func (y *tally) size() int {
	y.mu.Lock()
	defer y.mu.Unlock()
	return y.events
}

// duplicates returns how many notes were not the first of their event.
func (y *tally) duplicates() int {
	y.mu.Lock()
	defer y.mu.Unlock()
	return y.notes - y.events
}

// all returns the events that were noted, in their order.
func (y *tally) all() []int {
	y.mu.Lock()
	defer y.mu.Unlock()
	noted := make([]int, 0, y.events)
	for n, count := range y.counts {
		if count > 0 {
			noted = append(noted, n)
		}
	}
	return noted
}

// check reports which of the wanted events are missing.
func (y *tally) check(wanted []int) error {
	y.mu.Lock()
	defer y.mu.Unlock()
	missing, first := 0, 0
	for _, n := range wanted {
		if n >= len(y.counts) || y.counts[n] == 0 {
			if missing++; missing == 1 {
				first = n
			}
		}
	}
	if missing > 0 {
		return fmt.Errorf("%d of %d events are missing, event %d first", missing, len(wanted), first)
	}
	return nil
}

// checkExact reports wanted events that are missing or were noted more than once, and events noted that are not wanted.
func (y *tally) checkExact(wanted []int) error {
	if err := y.check(wanted); err != nil {
		return err
	}
	if events, again := y.size(), y.duplicates(); events != len(wanted) || again > 0 {
		return fmt.Errorf("%d events arrived of %d wanted, and %d times one arrived again", events, len(wanted), again)
	}
	return nil
}

// waitFor waits until all of the wanted events are noted.
func (y *tally) waitFor(t *testing.T, what string, wanted []int, within time.Duration) {
	t.Helper()
	gatewaytest.Eventually(t, within, func() error {
		if have := y.size(); have < len(wanted) {
			return fmt.Errorf("%s: %d of %d events", what, have, len(wanted))
		}
		if err := y.check(wanted); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		return nil
	})
}

func TestTally(t *testing.T) {
	var y tally
	for _, n := range []int{3, 0, 3} {
		y.note(n)
	}
	if y.size() != 2 || y.duplicates() != 1 || y.count(3) != 2 || y.count(1) != 0 || y.count(99) != 0 {
		t.Errorf("the tally has %d events, %d duplicates", y.size(), y.duplicates())
	}
	if err := y.check([]int{0, 3}); err != nil {
		t.Error(err)
	}
	for _, wanted := range [][]int{{0, 1}, {0, 3, 7}} {
		if y.check(wanted) == nil {
			t.Errorf("nothing of %v is missed", wanted)
		}
	}
	for _, wanted := range [][]int{{0, 3}, {3}, {0, 1, 3}} {
		if y.checkExact(wanted) == nil {
			t.Errorf("%v is taken for what arrived, each once", wanted)
		}
	}
	var once tally
	once.note(2)
	if err := once.checkExact([]int{2}); err != nil {
		t.Error(err)
	}
	if once.checkExact(nil) == nil {
		t.Error("an event that was not wanted is not told of")
	}
}
