package jetstream

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/eventgateway/eventgateway"
)

func TestAppendHandsOutInOrder(t *testing.T) {
	l, s := started(t, new(Queue), t.TempDir())
	want := numbered("e", 200)
	for _, id := range want {
		mustAppend(t, l, id)
	}
	s.awaitIDs(t, slices.Clone(want)...)
	if got := s.ids(); !slices.Equal(got, want) {
		t.Errorf("out of order: %v", got)
	}
	var last uint64
	for _, r := range s.records {
		if r.Seq <= last || r.Size == 0 || r.Partition != 0 {
			t.Errorf("record %d after %d, size %d, partition %d", r.Seq, last, r.Size, r.Partition)
		}
		last = r.Seq
	}
}

func TestOneAppendIsOneRecord(t *testing.T) {
	l, s := started(t, new(Queue), t.TempDir())
	mustAppend(t, l, "a", "b", "c")
	s.awaitIDs(t, "a", "b", "c")
	if len(s.records) != 1 {
		t.Errorf("three works of one Append came in %d records", len(s.records))
	}
}

func TestWhatIsNotFinishedComesAgain(t *testing.T) {
	dir := t.TempDir()
	l, s := started(t, new(Queue), dir)
	s.awaitCaughtUp(t)
	for _, id := range numbered("e", 10) {
		mustAppend(t, l, id)
	}
	s.awaitIDs(t, numbered("e", 10)...)
	for _, id := range []string{"e0", "e1", "e5", "e9"} {
		l.Finish(s.record(t, id))
	}
	closeLog(t, l)

	l, s = started(t, new(Queue), dir)
	s.awaitCaughtUp(t)
	s.awaitIDs(t, "e2", "e3", "e4", "e6", "e7", "e8")
	for _, r := range s.records {
		l.Finish(r)
		l.Finish(r)
	}
	closeLog(t, l)

	_, s = started(t, new(Queue), dir)
	s.awaitCaughtUp(t)
	s.awaitIDs(t)
}

func TestFinishedRecordsLeaveTheDisk(t *testing.T) {
	l, s := started(t, new(Queue), t.TempDir())
	ids := numbered("e", 500)
	for _, id := range ids {
		mustAppend(t, l, id)
	}
	s.awaitIDs(t, slices.Clone(ids)...)
	for _, i := range []int{3, 2, 499, 7} {
		l.Finish(s.record(t, ids[i]))
	}
	eventually(t, "four records are gone", func() bool { return l.measuredRecords(t) == 496 })
	for _, r := range s.records {
		l.Finish(r)
	}
	eventually(t, "all records are gone", func() bool { return l.measuredRecords(t) == 0 })
}

func TestRewrite(t *testing.T) {
	dir := t.TempDir()
	l, s := started(t, new(Queue), dir)
	mustAppend(t, l, "a", "b")
	mustAppend(t, l, "c")
	s.awaitIDs(t, "a", "b", "c")
	left := works("b")
	left[0].Owed[0].Attempts = 3
	old := s.record(t, "a")
	r, err := l.Rewrite(t.Context(), old, left)
	if err != nil {
		t.Fatal(err)
	}
	if r.Seq <= old.Seq || len(r.Works) != 1 || r.Size == 0 {
		t.Errorf("got the record %+v", r)
	}
	mustAppend(t, l, "d")
	s.awaitIDs(t, "a", "b", "c", "d") // the rewritten one did not come again
	closeLog(t, l)

	l, s = started(t, new(Queue), dir)
	s.awaitCaughtUp(t)
	s.awaitIDs(t, "b", "c", "d")
	if got := s.record(t, "b").Works[0].Owed[0].Attempts; got != 3 {
		t.Errorf("the rewritten work has %d attempts", got)
	}
	r, err = l.Rewrite(t.Context(), s.record(t, "b"), left)
	if err != nil {
		t.Fatal(err)
	}
	l.Finish(r)
	l.Finish(s.record(t, "c"))
	l.Finish(s.record(t, "d"))
	eventually(t, "all records are gone", func() bool { return l.measuredRecords(t) == 0 })
}

func TestLoad(t *testing.T) {
	l, s := started(t, new(Queue), t.TempDir())
	mustAppend(t, l, "a", "b")
	s.awaitIDs(t, "a", "b")
	r := s.record(t, "a")
	for range 2 {
		works, err := l.Load(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		if len(works) != 2 || works[1].Event.ID != "b" || string(works[0].Event.Data) != `{"a":1}` {
			t.Errorf("loaded %+v", works)
		}
	}
	l.Finish(r)
	eventually(t, "the record is gone", func() bool { return l.measuredRecords(t) == 0 })
	if works, err := l.Load(t.Context(), r); err == nil {
		t.Errorf("loaded %+v of a finished record", works)
	}
}

func TestConcurrentAppends(t *testing.T) {
	for _, sync := range []string{"", SyncAlways} {
		t.Run("sync="+sync, func(t *testing.T) { testConcurrentAppends(t, sync) })
	}
}

func testConcurrentAppends(t *testing.T, mode string) {
	dir := t.TempDir()
	l, s := started(t, &Queue{Sync: mode}, dir)
	var group sync.WaitGroup
	var want []string
	for i := range 20 {
		ids := numbered(strings.Repeat("x", i)+"-", 50)
		want = append(want, ids...)
		group.Go(func() {
			for _, id := range ids {
				if err := l.Append(t.Context(), works(id)); err != nil {
					t.Errorf("Append: %v", err)
				}
			}
		})
	}
	group.Wait()
	s.awaitIDs(t, slices.Clone(want)...)
	if mode == SyncAlways && len(s.records) > len(want)/2 {
		t.Errorf("%d events took %d records: nothing was grouped", len(want), len(s.records))
	}
	closeLog(t, l)
	_, s = started(t, &Queue{Sync: mode}, dir)
	s.awaitCaughtUp(t)
	s.awaitIDs(t, want...)
}

func TestTwoLogsInOneDirectory(t *testing.T) {
	dir := t.TempDir()
	open(t, new(Queue), dir)
	_, err := new(Queue).Open(testEnv(t, dir))
	if eventgateway.KindOf(err) != eventgateway.Unavailable || !strings.Contains(err.Error(), "another process uses the queue") {
		t.Errorf("got %v", err)
	}
}
