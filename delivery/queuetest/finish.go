package queuetest

import (
	"slices"

	"github.com/eventgateway/eventgateway/delivery"
)

var finishTests = []test{
	{name: "forgets", run: (*suite).testFinish},
	{name: "twice", run: (*suite).testFinishTwice},
	{name: "while it is handed over", run: (*suite).testFinishAtOnce},
	{name: "after the log was closed", run: (*suite).testFinishLate},
}

// testFinish finishes some of what is there: the others are left.
func (s *suite) testFinish() {
	ids := numbered("e", 30)
	q := s.open()
	for _, id := range ids {
		q.append(work(id))
	}
	q.await(ids...)
	s.eventually("all is counted", func() bool { return q.Status().Records == int64(len(ids)) })
	before := q.Status().Bytes
	var left []string
	for i, id := range ids {
		if i%3 == 0 {
			left = append(left, id)
			continue
		}
		q.Finish(q.record(id))
	}
	s.eventually("what is finished is forgotten", func() bool { return q.Status().Records == int64(len(left)) })
	s.eventually("it takes no room", func() bool { return q.Status().Bytes < before })
	q.only(ids...)
	q = q.reopen()
	q.caughtUp()
	if s.Durable {
		q.await(left...)
		return
	}
	q.only()
}

func (s *suite) testFinishTwice() {
	q := s.open()
	q.append(work("a"))
	q.append(work("b"))
	q.await("a", "b")
	for range 3 {
		q.Finish(q.record("a"))
	}
	s.eventually("one record is left", func() bool { return q.Status().Records == 1 })
	q.append(work("c"))
	q.await("a", "b", "c")
	q.Finish(q.record("a"))
	q.Finish(q.record("c"))
	s.eventually("one record is left", func() bool { return q.Status().Records == 1 })
	if s.Durable {
		q = q.reopen()
		q.caughtUp()
		q.only("b")
		if n := q.Status().Records; n != 1 {
			s.Errorf("%d records are left, want 1", n)
		}
	}
}

// testFinishAtOnce has the receiver finish records while it takes them over.
func (s *suite) testFinishAtOnce() {
	q := s.openUnstarted(s.Backend())
	q.on = func(r *delivery.Record) { q.Finish(r) }
	s.within("the log is started", func() { q.Start(q.receiver) })
	ids := numbered("e", 20)
	s.within("everything is appended", func() {
		for _, id := range ids {
			if err := q.Append(s.Context(), works(id)); err != nil {
				s.Errorf("Append: %v", err)
			}
		}
	})
	q.await(ids...)
	s.eventually("everything is forgotten", func() bool { return q.Status().Records == 0 })
}

// testFinishLate finishes what is over only when the log is closed: then that is not held up, and may come again.
func (s *suite) testFinishLate() {
	q := s.open()
	q.append(work("a"))
	q.await("a")
	q.close()
	s.within("a record is finished", func() { q.Finish(q.record("a")) })
	q = s.open()
	q.append(work("b"))
	s.eventually("the next event is handed over", func() bool { return slices.Contains(q.ids(), "b") })
}
