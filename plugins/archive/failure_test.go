package archive

import (
	"errors"
	"fmt"
	"sync"
	"testing"
)

var errDisk = errors.New("no space left on device")

// fullDisk is a file system of which only so many bytes are left, for all files together.
type fullDisk struct {
	mu   sync.Mutex
	left int
	// noTruncate makes files that cannot be cut either.
	noTruncate bool
}

func (d *fullDisk) free(bytes int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.left = bytes
}

func (d *fullDisk) create(path string) (disk, error) {
	f, err := createOnDisk(path)
	if err != nil {
		return nil, err
	}
	return &fullFile{disk: f, full: d}, nil
}

type fullFile struct {
	disk
	full *fullDisk
}

func (f *fullFile) Write(p []byte) (int, error) {
	f.full.mu.Lock()
	defer f.full.mu.Unlock()
	n := min(len(p), f.full.left)
	f.full.left -= n
	n, err := f.disk.Write(p[:n])
	if err == nil && n < len(p) {
		err = errDisk
	}
	return n, err
}

func (f *fullFile) Truncate(size int64) error {
	if f.full.noTruncate {
		return errDisk
	}
	return f.disk.Truncate(size)
}

// TestFullDisk lets the disk run full at every byte of some events, and have room again: what was acknowledged is there
// once, what was refused at most once.
func TestFullDisk(t *testing.T) {
	for _, compression := range compressions {
		for _, noTruncate := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s noTruncate=%v", compression, noTruncate), func(t *testing.T) {
				for left := 0; left < 700; left += 23 {
					d := &fullDisk{left: left, noTruncate: noTruncate}
					a := start(t, &Archive{Directory: t.TempDir(), Compression: compression, Sync: true, create: d.create})
					acknowledged := map[string]bool{}
					emit := func(ids ...string) (refused int) {
						for _, id := range ids {
							switch err := a.React(t.Context(), about(id)); {
							case err == nil:
								acknowledged[eventText(id)] = true
							default:
								checkRefusal(t, err, errDisk)
								refused++
							}
						}
						return refused
					}
					refused := emit(ids("before", 10)...)
					if refused == 0 && compression == CompressionNone {
						t.Fatalf("%d bytes were enough", left)
					}
					d.free(1 << 20)
					if again := emit(ids("after", 3)...); again > 0 {
						t.Fatalf("%d bytes left: %d refused though there was room again", left, again)
					}
					if s := a.Status(); s.Refused != uint64(refused) || s.Lost > 0 || (s.Failures > 0) != (refused > 0) {
						t.Fatalf("got the status %+v after %d refused", s, refused)
					}
					stop(t, a)
					next := start(t, &Archive{Directory: a.Directory})
					eventually(t, "all is mended", func() bool { return len(hiddenFiles(t, a.Directory)) == 1 })
					stop(t, next)
					found := map[string]int{}
					for _, line := range linesIn(t, a.Directory) {
						if found[line]++; found[line] > 1 {
							t.Fatalf("%d bytes left: twice: %s", left, line)
						}
					}
					for text := range acknowledged {
						if found[text] != 1 {
							t.Fatalf("%d bytes left: acknowledged and missing: %s", left, text)
						}
					}
				}
			})
		}
	}
}

// TestFullDiskIsMendedWhileRunning completes the file that broke without a restart.
func TestFullDiskIsMendedWhileRunning(t *testing.T) {
	d := &fullDisk{left: 700}
	a := start(t, &Archive{Directory: t.TempDir(), Compression: CompressionNone, Sync: true, create: d.create})
	var err error
	var done []string
	for i := 0; err == nil; i++ {
		if err = a.React(t.Context(), about(fmt.Sprint(i))); err == nil {
			done = append(done, fmt.Sprint(i))
		}
	}
	checkRefusal(t, err, errDisk)
	eventually(t, "the file is mended", func() bool { return a.Status().Mended == 1 })
	checkEvents(t, linesIn(t, a.Directory), done...)
}

// TestAsyncFullDisk counts what is lost where nobody waits.
func TestAsyncFullDisk(t *testing.T) {
	d := &fullDisk{}
	a := start(t, &Archive{Directory: t.TempDir(), create: d.create})
	react(t, a, about("1"), about("2"))
	stop(t, a)
	if s := a.Status(); s.Lost != 2 || s.Lines != 0 || s.Failures == 0 {
		t.Errorf("got the status %+v", s)
	}
	if got, left := complete(t, a.Directory), hiddenFiles(t, a.Directory); len(got)+len(left) > 0 {
		t.Errorf("left %q and %q", got, left)
	}
}

// TestNoFileCanBeMade goes on as soon as one can.
func TestNoFileCanBeMade(t *testing.T) {
	fail := true
	a := start(t, &Archive{
		Directory: t.TempDir(), Sync: true, Prefix: "{space}",
		create: func(path string) (disk, error) {
			if fail {
				return nil, errDisk
			}
			return createOnDisk(path)
		},
	})
	checkRefusal(t, a.React(t.Context(), inSpace("a", "1")), errDisk)
	fail = false // the writer reads it after the event below was put
	react(t, a, inSpace("a", "2"))
	stop(t, a)
	checkEvents(t, linesIn(t, a.Directory), "2")
}

// TestGroupCommit has many events share few flushes.
func TestGroupCommit(t *testing.T) {
	counting := &syncCounter{}
	a := start(t, &Archive{Directory: t.TempDir(), Sync: true, Fsync: true, create: counting.create})
	const senders, each = 64, 20
	var all sync.WaitGroup
	for i := range senders {
		all.Go(func() {
			for n := range each {
				if err := a.React(t.Context(), about(fmt.Sprintf("%d-%d", i, n))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if n := counting.count(); n >= senders*each/2 {
		t.Errorf("%d syncs for %d events", n, senders*each)
	}
	stop(t, a)
	if got := len(linesIn(t, a.Directory)); got != senders*each {
		t.Errorf("got %d lines, want %d", got, senders*each)
	}
}

// syncCounter counts what goes to the disk itself.
type syncCounter struct {
	mu sync.Mutex
	n  int
}

type countedFile struct {
	disk
	counter *syncCounter
}

func (c *syncCounter) create(path string) (disk, error) {
	f, err := createOnDisk(path)
	return &countedFile{f, c}, err
}

func (c *syncCounter) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n
}

func (f *countedFile) Sync() error {
	f.counter.mu.Lock()
	f.counter.n++
	f.counter.mu.Unlock()
	return f.disk.Sync()
}
