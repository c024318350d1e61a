package queuetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/eventgateway/eventgateway/delivery"
)

var appendTests = []test{
	{name: "hands over what it is given", run: (*suite).testWhole},
	{name: "one event of many deliveries", run: (*suite).testFanOut},
	{name: "receives or releases all", run: (*suite).testReleased},
	{name: "several events together", run: (*suite).testTogether},
	{name: "in order", run: (*suite).testOrder},
	{name: "refused as a whole", run: (*suite).testRefused},
	{name: "given up as a whole", run: (*suite).testGivenUp},
	{name: "concurrently", run: (*suite).testConcurrently},
}

// testWhole appends an event of every kind.
func (s *suite) testWhole() {
	q := s.open()
	for name, ev := range events() {
		q.append(&delivery.Work{Event: ev, Key: "key of \"" + name + "\"\n\xff", Owed: owed()})
	}
	want := events()
	var ids []string
	for _, ev := range want {
		ids = append(ids, ev.ID)
	}
	q.await(ids...)
	for name, ev := range want {
		got := q.only(ids...)[slices.Index(ids, ev.ID)]
		if how := differs(got, &delivery.Work{Event: ev, Key: "key of \"" + name + "\"\n\xff", Owed: owed()}); how != "" {
			s.Errorf("%s: %s", name, how)
		}
	}
}

// testFanOut appends an event that many subscribers get.
func (s *suite) testFanOut() {
	const subscribers = 1000
	many := func() *delivery.Work {
		w := work("e")
		w.Owed = nil
		for i := range subscribers {
			w.Owed = append(w.Owed, delivery.Owed{
				Target: delivery.Target{Space: "s", SubscriptionID: fmt.Sprintf("%032d", i), FunctionID: fmt.Sprintf("fn-%d", i)},
			})
		}
		return w
	}
	q := s.open()
	q.append(many())
	if how := differs(q.await("e")[0], many()); how != "" {
		s.Error(how)
	}
}

// testReleased appends works and waits until none is to be expected any more.
func (s *suite) testReleased() {
	q := s.open()
	var all []*delivery.Work
	for _, id := range numbered("e", 50) {
		ones := works(id, id+" too")
		q.append(ones...)
		all = append(all, ones...)
	}
	s.eventually("all works are received or released", func() bool {
		q.mu.Lock()
		defer q.mu.Unlock()
		return !slices.ContainsFunc(all, func(w *delivery.Work) bool { return !q.came[w] })
	})
}

// testTogether appends several events at once, also two with one ID.
func (s *suite) testTogether() {
	q := s.open()
	q.append(works("a", "b", "b", "c")...)
	q.append(works("d")...)
	q.await("a", "b", "b", "c", "d")
}

// testOrder appends one after the other: what is in one partition keeps its order.
func (s *suite) testOrder() {
	ids := numbered("e", 200)
	q := s.open()
	for i, id := range ids {
		if i%3 == 0 {
			q.append(work(id), work(id+" too"))
			continue
		}
		q.append(work(id))
	}
	var all []string
	for i, id := range ids {
		if all = append(all, id); i%3 == 0 {
			all = append(all, id+" too")
		}
	}
	q.await(all...)
	q.wantOrder(all)
}

// wantOrder checks that the events handed over of each partition are in the order of ids, which may have more.
func (q *queue) wantOrder(ids []string) {
	q.s.Helper()
	place := map[string]int{}
	for i, id := range ids {
		place[id] = i
	}
	last := map[int]int{}
	for _, r := range q.all() {
		for _, w := range r.works {
			at := place[w.Event.ID]
			if before, ok := last[r.Partition]; ok && at <= before {
				q.s.Fatalf("%s is handed over after %s, which was appended later", w.Event.ID, ids[before])
			}
			last[r.Partition] = at
		}
	}
}

// testRefused appends what is too large beside what is not: then nothing is kept.
func (s *suite) testRefused() {
	q := s.open()
	if s.TooLarge > 0 {
		large := work("large")
		large.Event.Data = make([]byte, s.TooLarge)
		err := q.Append(s.Context(), []*delivery.Work{work("a"), large, work("b")})
		if !errors.Is(err, delivery.ErrTooLarge) {
			s.Fatalf("an event of %d bytes: got error %v, want ErrTooLarge", s.TooLarge, err)
		}
	}
	q.append(work("c"))
	q.await("c")
	s.eventually("one record is kept", func() bool { return q.Status().Records <= 1 })
	if s.Durable {
		q = q.reopen()
		q.caughtUp()
		q.await("c")
	}
}

// testGivenUp appends with contexts that end meanwhile: all events of a call are kept, or none, and all if it succeeded.
func (s *suite) testGivenUp() {
	const callers, calls, size = 8, 20, 3
	q := s.open()
	q.ready()
	var mu sync.Mutex
	accepted := map[string]bool{}
	var all sync.WaitGroup
	for c := range callers {
		all.Go(func() {
			for n := range calls {
				group := fmt.Sprintf("%d-%d", c, n)
				ctx, cancel := context.WithTimeout(s.Context(), time.Duration(rand.IntN(1000))*time.Microsecond)
				err := q.Append(ctx, works(numbered(group, size)...))
				cancel()
				if err != nil {
					s.checkRefusal(err)
					continue
				}
				mu.Lock()
				accepted[group] = true
				mu.Unlock()
			}
		})
	}
	all.Wait()
	q.append(work("last"))
	check := func(q *queue) {
		s.Helper()
		found := func() map[string]int {
			count := map[string]int{}
			for _, id := range q.ids() {
				for g := range size {
					if group, ok := trimSuffix(id, fmt.Sprintf("-%d", g)); ok {
						count[group] |= 1 << g
					}
				}
			}
			return count
		}
		s.eventually("all that was accepted is handed over", func() bool {
			count := found()
			for group := range accepted {
				if count[group] != 1<<size-1 {
					return false
				}
			}
			return slices.Contains(q.ids(), "last")
		})
		for group, bits := range found() {
			if bits != 1<<size-1 {
				s.Errorf("of the events %s only some are kept", group)
			}
		}
	}
	check(q)
	if s.Durable {
		q = q.reopen()
		q.caughtUp()
		check(q)
	}
}

func trimSuffix(text, suffix string) (string, bool) {
	if len(text) < len(suffix) || text[len(text)-len(suffix):] != suffix {
		return "", false
	}
	return text[:len(text)-len(suffix)], true
}

// checkRefusal checks that an error of Append is one of those it may be.
func (s *suite) checkRefusal(err error) {
	s.Helper()
	if !errors.Is(err, delivery.ErrUnavailable) && !errors.Is(err, delivery.ErrFull) && !errors.Is(err, delivery.ErrTooLarge) {
		s.Errorf("got error %v, want one of ErrFull, ErrTooLarge and ErrUnavailable", err)
	}
}

// testConcurrently has many append at the same time, while what is handed over is finished.
func (s *suite) testConcurrently() {
	callers, calls := 16, 40
	if s.Long {
		calls = 2000
	}
	q := s.openUnstarted(s.Backend())
	var finished sync.WaitGroup
	q.on = func(r *delivery.Record) { finished.Go(func() { q.Finish(r) }) }
	q.Start(q.receiver)
	q.ready()
	var all sync.WaitGroup
	var ids []string
	for c := range callers {
		for n := range calls {
			ids = append(ids, numbered(fmt.Sprintf("%d-%d", c, n), 1+n%3)...)
		}
		all.Go(func() {
			for n := range calls {
				if err := q.Append(s.Context(), works(numbered(fmt.Sprintf("%d-%d", c, n), 1+n%3)...)); err != nil {
					s.Errorf("Append: %v", err)
					return
				}
				q.Status()
			}
		})
	}
	all.Wait()
	q.await(ids...)
	finished.Wait()
	s.eventually("everything is forgotten", func() bool { return q.Status().Records == 0 })
	if s.Durable {
		q = q.reopen()
		q.caughtUp()
		q.only()
	}
}
