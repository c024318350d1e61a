package queuetest

import (
	"errors"
	"fmt"
	"time"

	"github.com/eventgateway/eventgateway/delivery"
)

var boundTests = []test{
	{name: "by bytes", run: (*suite).testBoundBytes},
	{name: "by age", run: (*suite).testBoundAge},
	{name: "too large", run: (*suite).testBoundLarge},
}

// fill adds so many dead letters of half a mebibyte.
func (s *suite) fill(q *queue, count int) {
	s.Helper()
	for i := range count {
		d := letter(fmt.Sprint(i))
		d.Event.Data = make([]byte, 512<<10)
		for j := range d.Event.Data {
			d.Event.Data[j] = byte(j*j>>3 ^ j*31 ^ i) // not too easy to compress
		}
		q.bury(d)
	}
}

func (s *suite) testBoundBytes() {
	q := s.openAs(s.Bounded(0, 2<<20))
	s.fill(q, 10)
	s.eventually("only the last are kept", func() bool {
		count, bytes := q.DeadLetters().Count()
		return count >= 2 && count <= 4 && bytes <= 2<<20
	})
	list, _ := q.list(delivery.DeadLetterQuery{Space: "s"})
	if n := len(list); n < 2 || n > 4 || list[n-1].Event.ID != "9" || list[0].Event.ID != fmt.Sprint(10-n) {
		s.Errorf("%d are kept, want the last two to four", n)
	}
}

func (s *suite) testBoundAge() {
	q := s.openAs(s.Bounded(time.Second, 0))
	start := time.Now()
	old := q.bury(letter("old"))[0]
	if q.get("s", old) == nil && time.Since(start) < time.Second {
		s.Error("a dead letter is forgotten at once")
	}
	s.eventually("it is forgotten", func() bool { return q.get("s", old) == nil })
	s.eventually("it is not counted", func() bool {
		count, bytes := q.DeadLetters().Count()
		return count == 0 && bytes == 0
	})
	if took := time.Since(start); took < time.Second {
		s.Errorf("it is forgotten after %s", took)
	}
	q.wantList(delivery.DeadLetterQuery{Space: "s"}, false)
}

// testBoundLarge adds a dead letter that is larger than all may be.
func (s *suite) testBoundLarge() {
	q := s.openAs(s.Bounded(0, 1<<20))
	small := q.bury(letter("small"))[0]
	d := letter("large")
	d.Event.Data = make([]byte, 2<<20)
	if err := q.DeadLetters().Add(s.Context(), d); !errors.Is(err, delivery.ErrTooLarge) {
		s.Errorf("Add: got error %v, want ErrTooLarge", err)
	}
	if q.get("s", small) == nil {
		s.Error("the others are forgotten")
	}
}
