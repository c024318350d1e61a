package queuetest

import (
	"context"
	"errors"
	"time"

	"github.com/eventgateway/eventgateway/delivery"
)

var rewriteTests = []test{
	{name: "not supported", run: (*suite).testNoRewrite, volatile: true},
	{name: "takes the place of a record", run: (*suite).testRewrite, durable: true},
	{name: "finished", run: (*suite).testRewriteFinished, durable: true},
	{name: "again and again", run: (*suite).testRewriteAgain, durable: true},
	{name: "beside everything else", run: (*suite).testRewriteConcurrently, durable: true},
}

func (s *suite) testNoRewrite() {
	q := s.open()
	q.append(work("a"))
	q.await("a")
	if _, err := q.Rewrite(s.Context(), q.record("a"), works("a")); !errors.Is(err, errors.ErrUnsupported) {
		s.Errorf("Rewrite: got error %v, want errors.ErrUnsupported", err)
	}
	if n := q.Status().Records; n != 1 {
		s.Errorf("%d records are left, want 1", n)
	}
	q.only("a")
}

// tried returns the work id as it is after some attempts.
func tried(id string, attempts int) *delivery.Work {
	w := work(id)
	w.Key = "key of " + id
	w.Owed[0].Attempts, w.Owed[0].NotBefore, w.Owed[0].Order = attempts, receivedAt.Add(time.Hour), 3
	return w
}

// rewrite rewrites a record, and checks the one that stands for it.
func (q *queue) rewrite(r *delivery.Record, works ...*delivery.Work) *delivery.Record {
	q.s.Helper()
	fresh, err := q.Rewrite(q.s.Context(), r, works)
	switch {
	case err != nil:
		q.s.Fatalf("Rewrite: %v", err)
	case fresh == nil || fresh == r:
		q.s.Fatal("Rewrite gives no new record")
	case fresh.Partition != r.Partition || fresh.Seq <= r.Seq || fresh.Size <= 0:
		q.s.Fatalf("record %d of partition %d stands for %d of %d, and takes %d bytes", fresh.Seq, fresh.Partition, r.Seq, r.Partition,
			fresh.Size)
	}
	return fresh
}

// testRewrite replaces what is left of a record of three events.
func (s *suite) testRewrite() {
	q := s.open()
	q.append(works("a", "b", "c")...)
	q.append(work("d"))
	q.await("a", "b", "c", "d")
	old := q.record("a")
	q.rewrite(old, tried("a", 2), work("c"))
	s.eventually("the record that was replaced is forgotten", func() bool { return q.Status().Records == 2 })
	q.Finish(old) // changes nothing
	q.append(work("e"))
	q.await("a", "b", "c", "d", "e") // and nothing twice

	q = q.reopen()
	q.caughtUp()
	got := q.await("a", "c", "d", "e")
	for i, want := range []*delivery.Work{tried("a", 2), work("c"), work("d"), work("e")} {
		if how := differs(got[i], want); how != "" {
			s.Errorf("%s: %s", want.Event.ID, how)
		}
	}
	if q.record("a") != q.record("c") {
		s.Error("what was rewritten as one record comes as two")
	}
}

// testRewriteFinished finishes a record that stands for another.
func (s *suite) testRewriteFinished() {
	q := s.open()
	q.append(works("a", "b")...)
	q.append(work("c"))
	q.await("a", "b", "c")
	fresh := q.rewrite(q.record("a"), tried("b", 1))
	q.Finish(fresh)
	s.eventually("both are forgotten", func() bool { return q.Status().Records == 1 })
	q = q.reopen()
	q.caughtUp()
	q.only("c")
}

// testRewriteAgain replaces one record many times, also after the queue was opened anew.
func (s *suite) testRewriteAgain() {
	const times = 20
	q := s.open()
	q.append(work("a"))
	q.await("a")
	r := q.record("a")
	for n := range times {
		r = q.rewrite(r, tried("a", n+1))
	}
	q.only("a")
	for n := range 3 {
		q = q.reopen()
		q.caughtUp()
		if got := q.await("a")[0].Owed[0].Attempts; got != times+n {
			s.Fatalf("%d attempts are known, want %d", got, times+n)
		}
		q.rewrite(q.record("a"), tried("a", times+n+1))
	}
	s.eventually("one record is left", func() bool { return q.Status().Records == 1 })
}

// testRewriteConcurrently replaces records while others are appended and finished.
func (s *suite) testRewriteConcurrently() {
	ids := numbered("e", 60)
	q := s.open()
	for _, id := range ids {
		q.append(works(id, id+" too")...)
	}
	s.eventually("everything is handed over", func() bool { return len(q.ids()) == 2*len(ids) })
	others := numbered("other", 100)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, id := range others {
			if err := q.Append(s.Context(), works(id)); err != nil {
				s.Errorf("Append: %v", err)
			}
		}
	}()
	var left []string
	for i, id := range ids {
		fresh := q.rewrite(q.record(id), tried(id, 7))
		if i%2 == 0 {
			q.Finish(fresh)
			continue
		}
		left = append(left, id)
	}
	<-done
	s.eventually("all others are handed over", func() bool { return len(q.ids()) == 2*len(ids)+len(others) })
	s.eventually("what is finished is forgotten", func() bool { return q.Status().Records == int64(len(left)+len(others)) })
	q = q.reopen()
	q.caughtUp()
	for _, w := range q.await(append(left, others...)...)[:len(left)] {
		if w.Owed[0].Attempts != 7 {
			s.Errorf("%s: %d attempts are known, want 7", w.Event.ID, w.Owed[0].Attempts)
		}
	}
}

var loadTests = []test{
	{name: "not supported", run: (*suite).testNoLoad, volatile: true},
	{name: "reads back", run: (*suite).testLoad, durable: true},
	{name: "what was rewritten", run: (*suite).testLoadRewritten, durable: true},
}

func (s *suite) testNoLoad() {
	q := s.open()
	q.append(work("a"))
	q.await("a")
	r := q.record("a")
	r.Works = nil
	if _, err := q.Load(s.Context(), r); !errors.Is(err, errors.ErrUnsupported) {
		s.Errorf("Load: got error %v, want errors.ErrUnsupported", err)
	}
}

// wantLoaded loads a record and checks its works.
func (q *queue) wantLoaded(r *delivery.Record, want ...*delivery.Work) {
	q.s.Helper()
	ctx, cancel := context.WithTimeout(q.s.Context(), q.s.Patience)
	defer cancel()
	got, err := q.Load(ctx, r)
	if err != nil {
		q.s.Fatalf("Load: %v", err)
	}
	if len(got) != len(want) {
		q.s.Fatalf("%d works are read back, want %d", len(got), len(want))
	}
	for i := range got {
		if how := differs(got[i], want[i]); how != "" {
			q.s.Errorf("%s: %s", want[i].Event.ID, how)
		}
	}
}

// testLoad reads back records whose memory was let go, in the same process and in the next.
func (s *suite) testLoad() {
	full := func() (all []*delivery.Work) {
		for _, name := range []string{"cloudevent", "http", "binary", "one mebibyte"} {
			all = append(all, &delivery.Work{Event: events()[name], Key: "key", Owed: owed()})
		}
		return all
	}
	q := s.open()
	q.append(full()...)
	q.append(work("other"))
	var ids []string
	for _, w := range full() {
		ids = append(ids, w.Event.ID)
	}
	for range 2 {
		q.await(append(ids, "other")...)
		r := q.record(ids[0])
		r.Works = nil
		for range 2 {
			q.wantLoaded(r, full()...)
		}
		if r.Works != nil {
			s.Error("Load changes the record, which is its receiver's")
		}
		q.only(append(ids, "other")...)
		q = q.reopen()
		q.caughtUp()
	}
}

func (s *suite) testLoadRewritten() {
	q := s.open()
	q.append(works("a", "b")...)
	q.await("a", "b")
	fresh := q.rewrite(q.record("a"), tried("b", 9))
	fresh.Works = nil
	q.wantLoaded(fresh, tried("b", 9))
}
