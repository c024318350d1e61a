package queuetest

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/eventgateway/eventgateway/delivery"
)

var reopenTests = []test{
	{name: "an empty queue", run: (*suite).testReopenEmpty},
	{name: "what is left comes first", run: (*suite).testReopenLeft, durable: true},
	{name: "whole", run: (*suite).testReopenWhole, durable: true},
	{name: "a long backlog", run: (*suite).testReopenBacklog, durable: true},
	{name: "nothing is left", run: (*suite).testReopenNothing, volatile: true},
}

func (s *suite) testReopenEmpty() {
	q := s.open()
	q.caughtUp()
	q = q.reopen()
	q.caughtUp()
	q.append(work("a"))
	q.await("a")
}

// testReopenLeft leaves some events behind, of which the next log hands over all before anything new.
func (s *suite) testReopenLeft() {
	ids := numbered("e", 40)
	q := s.open()
	for _, id := range ids {
		q.append(work(id))
	}
	q.await(ids...)
	var left []string
	last := map[int]uint64{}
	for i, id := range ids {
		r := q.record(id)
		last[r.Partition] = max(last[r.Partition], r.Seq)
		if i%4 == 1 {
			q.Finish(r)
			continue
		}
		left = append(left, id)
	}
	s.eventually("what is finished is forgotten", func() bool { return q.Status().Records == int64(len(left)) })
	for round := range 3 {
		q.close()
		q = s.openUnstarted(s.Backend())
		fresh := fmt.Sprintf("fresh-%d", round)
		q.Start(q.receiver)
		q.caughtUp()
		q.only(left...)
		q.append(work(fresh))
		left = append(left, fresh)
		q.await(left...)
		q.wantOrder(left)
		for _, r := range q.all() {
			if isFresh := r.works[0].Event.ID == fresh; isFresh != r.late {
				s.Errorf("round %d: event %s is handed over, after its partition had caught up: %t", round, r.works[0].Event.ID, r.late)
			}
		}
		if r := q.record(fresh); r.Seq <= last[r.Partition] {
			s.Errorf("record %d is appended after record %d was", r.Seq, last[r.Partition])
		}
	}
}

// testReopenWhole leaves an event of every kind behind.
func (s *suite) testReopenWhole() {
	q := s.open()
	var all []*delivery.Work
	want := map[string]*delivery.Work{}
	var ids []string
	for _, ev := range events() {
		all = append(all, &delivery.Work{Event: ev, Key: "key of \"" + ev.ID + "\"\n\xff", Owed: owed()})
		ids = append(ids, ev.ID)
	}
	q.append(all...)
	for _, ev := range events() {
		want[ev.ID] = &delivery.Work{Event: ev, Key: "key of \"" + ev.ID + "\"\n\xff", Owed: owed()}
	}
	q.await(ids...)
	q = q.reopen()
	for _, w := range q.await(ids...) {
		if how := differs(w, want[w.Event.ID]); how != "" {
			s.Errorf("%s: %s", w.Event.ID, how)
		}
	}
}

// testReopenBacklog leaves many events behind, appended at the same time.
func (s *suite) testReopenBacklog() {
	callers, calls := 8, 100
	if s.Long {
		calls = 10_000
	}
	q := s.open()
	q.ready()
	var ids []string
	var all sync.WaitGroup
	for c := range callers {
		ids = append(ids, numbered(fmt.Sprint(c), calls)...)
		all.Go(func() {
			for _, id := range numbered(fmt.Sprint(c), calls) {
				if err := q.Append(s.Context(), works(id)); err != nil {
					s.Errorf("Append: %v", err)
					return
				}
			}
		})
	}
	all.Wait()
	q.await(ids...)
	q = q.reopen()
	q.caughtUp()
	q.only(ids...)
	for c := range callers {
		own := slices.DeleteFunc(q.ids(), func(id string) bool { return !strings.HasPrefix(id, fmt.Sprintf("%d-", c)) })
		if s.Partitions == 1 && !slices.Equal(own, numbered(fmt.Sprint(c), calls)) {
			s.Errorf("the events of caller %d come in another order than they were appended", c)
		}
	}
}

func (s *suite) testReopenNothing() {
	q := s.open()
	q.append(work("a"))
	q.await("a")
	q = q.reopen()
	q.caughtUp()
	q.append(work("b"))
	q.await("b")
	if n := q.Status().Records; n != 1 {
		s.Errorf("%d records are kept, want 1", n)
	}
}
