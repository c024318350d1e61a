package jetstream

import (
	"errors"
	"slices"
	"testing"

	"github.com/eventgateway/eventgateway/delivery"
)

// alone returns a tenure without a reader, which is given what it reads.
func alone(t *testing.T) (*tenure, *sink) {
	t.Helper()
	q, s := new(Queue), newSink()
	l := newLog(q, testEnv(t, ""), newNames(""), 1)
	p := l.partitions[0]
	p.tenure = newTenure(p, s)
	p.finisher.follow(&p.tenure.window)
	t.Cleanup(p.tenure.end)
	return p.tenure, s
}

func record(t *testing.T, o origin, ids ...string) []byte {
	t.Helper()
	data, err := encodeWorks(works(ids...))
	if err != nil {
		t.Fatal(err)
	}
	return append(appendRecordHeader(nil, o), data...)
}

func (t *tenure) isFinished(seq uint64) bool {
	t.p.finisher.mu.Lock()
	defer t.p.finisher.mu.Unlock()
	_, ok := t.p.finisher.pending[seq]
	return ok
}

func TestOwnRecordsAreNotDecoded(t *testing.T) {
	tenure, s := alone(t)
	own := works("a")
	o := tenure.appending(own)
	tenure.take(1, record(t, o, "a"))
	tenure.take(2, record(t, origin{tenure.term + 2, o.number}, "b"))
	tenure.take(3, record(t, origin{}, "c"))
	tenure.take(3, record(t, origin{}, "again"))
	tenure.take(2, record(t, origin{}, "again"))
	s.awaitIDs(t, "a", "b", "c")
	if s.records[0].Works[0] != own[0] {
		t.Error("the record was decoded")
	}
	if len(tenure.fresh) > 0 {
		t.Error("the works are remembered for ever")
	}
}

func TestAppendsWithoutAnAnswer(t *testing.T) {
	tenure, s := alone(t)
	lost := errors.New("no answer")
	read := tenure.appending(works("a"))
	tenure.take(1, record(t, read, "a"))
	if !tenure.appended(read, 0, lost) {
		t.Error("a record that was read is not in the log")
	}
	unread := tenure.appending(works("b"))
	if tenure.appended(unread, 0, lost) {
		t.Error("a record that was not read is in the log")
	}
	tenure.take(2, record(t, unread, "b"))
	s.awaitIDs(t, "a", "b")
}

func TestRewritesWithoutAnAnswer(t *testing.T) {
	tenure, s := alone(t)
	lost := errors.New("no answer")

	answered := tenure.rewriting()
	if seq := tenure.rewritten(answered, 1, nil); seq != 1 {
		t.Errorf("the record is %d", seq)
	}
	tenure.take(1, record(t, answered, "answered"))

	early := tenure.rewriting()
	tenure.take(2, record(t, early, "early"))
	if seq := tenure.rewritten(early, 2, nil); seq != 2 {
		t.Errorf("the record is %d", seq)
	}

	read := tenure.rewriting()
	tenure.take(3, record(t, read, "read"))
	if seq := tenure.rewritten(read, 0, lost); seq != 3 {
		t.Errorf("the record is %d", seq)
	}

	failed := tenure.rewriting()
	if seq := tenure.rewritten(failed, 0, lost); seq != 0 {
		t.Errorf("the record is %d", seq)
	}
	tenure.take(4, record(t, failed, "failed"))

	for seq := uint64(1); seq <= 4; seq++ {
		if got := tenure.isFinished(seq); got != (seq == 4) {
			t.Errorf("record %d is finished: %v", seq, got)
		}
	}
	if len(tenure.rewrites) > 0 {
		t.Error("rewrites are remembered for ever")
	}
	s.awaitIDs(t)
	// Another tenure hands them out.
	other, s := alone(t)
	other.take(1, record(t, answered, "answered"))
	s.awaitIDs(t, "answered")
}

func TestFinishedBeforeItWasRead(t *testing.T) {
	tenure, s := alone(t)
	o := tenure.rewriting()
	tenure.rewritten(o, 5, nil)
	tenure.p.log.Finish(&delivery.Record{Seq: 5})
	tenure.take(4, record(t, origin{}, "a"))
	tenure.take(5, record(t, o, "b"))
	tenure.take(6, record(t, origin{}, "c"))
	s.awaitIDs(t, "a", "c")
	tenure.p.log.Finish(s.records[0])
	if floor, below, due := tenure.p.finisher.due(true); floor != 6 || len(below) != 2 || len(due) > 0 {
		t.Errorf("the floor is %d, below it are %v, above %v", floor, below, due)
	}
}

func TestNothingIsHandedOutAfterTheEnd(t *testing.T) {
	tenure, s := alone(t)
	tenure.take(1, record(t, origin{}, "a"))
	tenure.p.stop()
	tenure.take(2, record(t, origin{}, "b"))
	tenure.catchUp(7)
	s.awaitIDs(t, "a")
	if s.caught[0] > 0 {
		t.Error("the end is taken for having caught up")
	}
	if o := tenure.appending(works("c")); tenure.appended(o, 0, errors.New("no answer")) {
		t.Error("a record that was not read is in the log")
	}
}

// TestWorksThatDoNotComeAreReleased has appended works not be handed out, for every reason there is.
func TestWorksThatDoNotComeAreReleased(t *testing.T) {
	tenure, s := alone(t)
	write := func(id string, seq uint64) (own []*delivery.Work, o origin) {
		own = works(id)
		if o = tenure.appending(own); !tenure.appended(o, seq, nil) {
			t.Errorf("%s was written, and is not in the log", id)
		}
		return own, o
	}
	want := func(what string, works ...[]*delivery.Work) {
		t.Helper()
		if all := slices.Concat(works...); !slices.Equal(s.released, all) {
			ids := func(works []*delivery.Work) []string { return idsOf([]*delivery.Record{{Works: works}}) }
			t.Errorf("%s: released are the events %v, want %v", what, ids(s.released), ids(all))
		}
	}
	read, o := write("read", 1)
	tenure.take(1, record(t, o, "read"))
	want("read")
	finished, o := write("finished", 2)
	tenure.p.finisher.finish(2)
	tenure.take(2, record(t, o, "finished"))
	want("finished by somebody else", finished)
	removed, _ := write("removed", 3)
	later, o := write("later", 4)
	tenure.take(4, record(t, o, "later"))
	want("removed by somebody else", finished, removed)
	last, _ := write("last", 5)
	tenure.catchUp(5)
	want("removed when there was no other", finished, removed, last)
	unread, _ := write("unread", 6)
	under := works("under way")
	writing := tenure.appending(under)
	tenure.p.stop()
	if len(s.released) == 5 && s.released[3] == under[0] { // in any order
		s.released[3], s.released[4] = unread[0], under[0]
	}
	want("at the end", finished, removed, last, unread, under)
	tenure.appended(writing, 7, nil)
	late, _ := write("late", 8)
	want("after the end", finished, removed, last, unread, under, late)
	s.awaitIDs(t, "read", "later")
	if s.records[0].Works[0] != read[0] || s.records[1].Works[0] != later[0] {
		t.Error("records were decoded")
	}
	if len(tenure.fresh)+len(tenure.answered) > 0 {
		t.Error("something is remembered for ever")
	}
}

func TestEmptyRecordsAreForgotten(t *testing.T) {
	tenure, s := alone(t)
	tenure.take(1, appendRecordHeader(nil, origin{}))
	s.awaitIDs(t)
	if !tenure.isFinished(1) {
		t.Error("a record without works stays")
	}
}

func TestReadersPace(t *testing.T) {
	tenure, _ := alone(t)
	changes := 0
	read := func(n, size int) {
		for range n {
			if tenure.pace(size) != nil {
				changes++
			}
		}
	}
	for _, test := range []struct{ n, size, ahead, changes int }{
		{5000, 100, readAhead, 0},
		{1, largeRecord + 1, readAheadLarge, 1},
		{5, largeRecord + 1, readAheadLarge, 1},
		{smallRecords - 1, 100, readAheadLarge, 1},
		{1, largeRecord + 1, readAheadLarge, 1},
		{smallRecords, 100, readAhead, 2},
		{smallRecords, 100, readAhead, 2},
	} {
		if read(test.n, test.size); tenure.ahead != test.ahead || changes != test.changes {
			t.Errorf("after %d records of %d bytes %d are read ahead, %d changes", test.n, test.size, tenure.ahead, changes)
		}
	}
}
