package jetstream

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway/delivery"
)

// smallDisk mounts a file system of so many bytes. Only root may; elsewhere, and this is said, a test that needs one does
// not run. Where CI is set it fails instead.
func smallDisk(t *testing.T, size int) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+strconv.Itoa(size)); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("mounting a small disk: %v", err)
		}
		t.Skipf("a full disk is tested on a small one, and mounting that needs root: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmounting the small disk: %v", err)
		}
	})
	return dir
}

func TestReserveIsKept(t *testing.T) {
	const size, reserve = 32 << 20, 8 << 20
	disk := smallDisk(t, size)
	dir := filepath.Join(disk, "data")
	q := &Queue{Reserve: reserve}
	l, s := started(t, q, dir)
	accepted, err := fill(t, l, "e")
	if !errors.Is(err, delivery.ErrFull) {
		t.Fatalf("a full disk is %v", err)
	}
	if free, _ := freeSpace(disk); free < reserve/2 || free > reserve+4<<20 {
		t.Errorf("%d bytes are free, with a reserve of %d", free, reserve)
	}
	eventually(t, "the status tells", func() bool { return l.Status().State == "unavailable" })
	s.awaitIDs(t, slices.Clone(accepted)...)
	// What is there already can be written anew, and what cannot be delivered kept.
	if s.records[0], err = l.Rewrite(t.Context(), s.records[0], s.records[0].Works); err != nil {
		t.Error(err)
	}
	mustAdd(t, l, newLetter("a", "dead"))
	// Finishing makes room, also through a new process.
	for _, r := range s.records[:len(s.records)/2] {
		l.Finish(r)
	}
	closeLog(t, l)
	l, s = started(t, q, dir)
	s.awaitIDs(t, accepted[len(accepted)/2:]...)
	for _, r := range s.records {
		l.Finish(r)
	}
	eventually(t, "events are accepted again", func() bool { return l.Append(t.Context(), works("again")) == nil })
	eventually(t, "the status tells", func() bool { return l.Status().State == "ready" })
}

func TestDiskFullOfOthers(t *testing.T) {
	const size = 32 << 20
	disk := smallDisk(t, size)
	dir := filepath.Join(disk, "data")
	l, s := started(t, new(Queue), dir)
	l.disk.reserve.Store(math.MinInt64) // so that the log runs into the full disk
	mustAppend(t, l, "first")
	accepted, err := fill(t, l, "e")
	if !errors.Is(err, delivery.ErrUnavailable) {
		t.Fatalf("a full disk is %v", err)
	}
	t.Logf("%d events fit, then: %v", len(accepted), err)
	accepted = append(accepted, "first")
	// What is delivered meanwhile is forgotten once that is possible again.
	s.await(t, "the first events are there", func() bool { return len(s.records) > 100 })
	early := slices.Clone(s.records[:100])
	for _, r := range early {
		l.Finish(r)
	}
	more, err := fill(t, l, "x")
	t.Logf("after the log started again %d more fit, then: %v", len(more), err)
	accepted = append(accepted, more...)
	if err := syscall.Mount("tmpfs", disk, "tmpfs", syscall.MS_REMOUNT, "size="+strconv.Itoa(2*size)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "events are accepted again", func() bool { return l.Append(t.Context(), works("again")) == nil })
	s.await(t, "the new event is there", func() bool { return slices.Contains(idsOf(s.records), "again") })
	got := slices.Sorted(slices.Values(s.ids()))
	if len(got) != len(slices.Compact(slices.Clone(got))) {
		t.Error("events were handed out twice")
	}
	for _, id := range accepted {
		if _, ok := slices.BinarySearch(got, id); !ok {
			t.Errorf("the accepted event %s is lost", id)
		}
	}
	for _, r := range s.records[len(early):] {
		l.Finish(r)
	}
	eventually(t, "all records are gone", func() bool { return l.measuredRecords(t) == 0 })
}

func TestStartOnAFullDisk(t *testing.T) {
	const size = 16 << 20
	disk := smallDisk(t, size)
	dir := filepath.Join(disk, "data")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	ballast := filepath.Join(disk, "ballast")
	if err := os.WriteFile(ballast, make([]byte, size-64<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	l, s := started(t, &Queue{Reserve: 1 << 20}, dir)
	if err := l.Append(t.Context(), works("a")); !errors.Is(err, delivery.ErrFull) {
		t.Errorf("a full disk is %v", err)
	}
	if status := l.Status(); status.State != "unavailable" || status.Error == "" {
		t.Errorf("the status is %+v", status)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	eventually(t, "events are accepted", func() bool { return l.Append(t.Context(), works("b")) == nil })
	t.Logf("accepting %s after there was room", time.Since(began))
	s.awaitIDs(t, "b")
}
