package queuetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/eventgateway/eventgateway/delivery"
)

var closeTests = []test{
	{name: "accepts nothing more", run: (*suite).testCloseRefuses},
	{name: "without having been started", run: (*suite).testCloseUnstarted},
	{name: "when there is no time", run: (*suite).testCloseHurried},
	{name: "while events are appended", run: (*suite).testCloseBusy},
}

func (s *suite) testCloseRefuses() {
	q := s.open()
	q.append(work("a"))
	q.await("a")
	q.close()
	s.within("an event is refused", func() {
		if err := q.Append(s.Context(), works("b")); !errors.Is(err, delivery.ErrUnavailable) {
			s.Errorf("Append: got error %v, want ErrUnavailable", err)
		}
	})
	s.within("a dead letter is refused", func() {
		if err := q.DeadLetters().Add(s.Context(), letter("a")); !errors.Is(err, delivery.ErrUnavailable) {
			s.Errorf("Add: got error %v, want ErrUnavailable", err)
		}
	})
	q.only("a")
	if s.Durable {
		q = s.open()
		q.caughtUp()
		q.only("a")
	}
}

func (s *suite) testCloseUnstarted() {
	s.openUnstarted(s.Backend()).close()
	q := s.open()
	q.append(work("a"))
	q.await("a")
}

// testCloseHurried closes a log with a context that has ended: what is not finished is left all the same.
func (s *suite) testCloseHurried() {
	ids := numbered("e", 20)
	q := s.open()
	for _, id := range ids {
		q.append(work(id))
	}
	q.await(ids...)
	q.Finish(q.record("e-0"))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	start := time.Now()
	_ = q.closeWithin(ctx) // what it could not do in no time, it may say
	if took := time.Since(start); took > s.Patience/2 {
		s.Errorf("closing took %s although there was no time", took)
	}
	q = s.open()
	q.caughtUp()
	if s.Durable {
		got, want := slices.DeleteFunc(q.ids(), func(id string) bool { return id == "e-0" }), slices.Clone(ids[1:])
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			s.Errorf("got %v, want %v", got, want)
		}
		q.wantOrder(ids)
	}
}

// testCloseBusy closes a log while events are appended: each is refused, or it is kept.
func (s *suite) testCloseBusy() {
	const callers = 8
	q := s.open()
	q.ready()
	var mu sync.Mutex
	var accepted, refused []string
	var all sync.WaitGroup
	for c := range callers {
		all.Go(func() {
			for n := 0; ; n++ {
				id := fmt.Sprintf("%d-%d", c, n)
				err := q.Append(s.Context(), works(id))
				mu.Lock()
				if err == nil {
					accepted = append(accepted, id)
				} else {
					refused = append(refused, id)
				}
				mu.Unlock()
				if err != nil {
					if !errors.Is(err, delivery.ErrUnavailable) {
						s.Errorf("Append: got error %v, want ErrUnavailable", err)
					}
					return
				}
			}
		})
	}
	s.eventually("some are accepted", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(accepted) >= 10*callers
	})
	q.close()
	s.within("everybody is refused", all.Wait)
	if !s.Durable {
		return
	}
	q = s.open()
	q.caughtUp()
	got := q.ids()
	slices.Sort(got)
	for _, id := range accepted {
		if _, there := slices.BinarySearch(got, id); !there {
			s.Errorf("event %s was accepted and is lost", id)
		}
	}
	if len(got) > len(accepted)+len(refused) || len(slices.Compact(got)) != len(q.ids()) {
		s.Errorf("%d events are there after %d were accepted", len(got), len(accepted))
	}
}
