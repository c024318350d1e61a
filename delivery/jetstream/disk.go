package jetstream

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/eventgateway/eventgateway/delivery"
)

// spaceInterval is how old what is known of the free space may be.
const spaceInterval = 100 * time.Millisecond

var errNoRoom = errors.New("the disk has less free space than the queue's reserve")

// disk watches the free space of a directory's file system. A nil disk, that of a log which keeps nothing on disks of
// this machine, has room for everything.
type disk struct {
	dir string
	// reserve is how much stays free: what is needed to forget records, and by others on the same disk.
	reserve atomic.Int64
	// measured is when, in nanoseconds; free is what was free then, less what was written since.
	measured, free atomic.Int64
}

// room reports whether size bytes may be written: the error wraps delivery.ErrFull.
func (d *disk) room(size int) error {
	if d == nil {
		return nil
	}
	d.measure()
	d.free.Add(-int64(size))
	if err := d.full(); err != nil {
		return fmt.Errorf("%w: %w", delivery.ErrFull, err)
	}
	return nil
}

// full returns why nothing is accepted now; nil when it is.
func (d *disk) full() error {
	if d == nil || d.measured.Load() == 0 || d.free.Load() >= d.reserve.Load() {
		return nil
	}
	return errNoRoom
}

// canPurge reports whether there is room enough for what removing many records as one may write. A server in this process that
// finds the disk full while it does so waits for itself, and never answers again; when it removes them one by one, it does not.
func (d *disk) canPurge() bool {
	if d == nil {
		return true
	}
	free, err := freeSpace(d.dir)
	return err != nil || free >= d.reserve.Load()/2
}

// measure asks the file system, unless it was asked just now. What cannot be told is taken for free.
func (d *disk) measure() {
	now, last := time.Now().UnixNano(), d.measured.Load()
	if now-last < int64(spaceInterval) || !d.measured.CompareAndSwap(last, now) {
		return
	}
	if free, err := freeSpace(d.dir); err == nil {
		d.free.Store(free)
	}
}
