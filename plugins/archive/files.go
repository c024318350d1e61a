package archive

import (
	"fmt"
	"time"
)

// maxOpen is how many files are written to at once, one for each space.
const maxOpen = 64

// keepBuffer is the largest buffer that is kept for the next batch.
const keepBuffer = 1 << 20

// files are what the writer writes to, by space. Only its goroutine uses them.
type files struct {
	*Archive
	open     map[string]*file
	number   int
	maxSize  int64
	maxAge   time.Duration
	interval time.Duration // 0: every batch is flushed
}

// write runs until the writer is stopped, and completes the files then.
func (fs *files) write(w *writer) {
	defer close(w.done)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	var buf []byte
	for stopping := false; !stopping; {
		select {
		case <-w.wake:
		case <-timer.C:
		case <-w.quit:
			stopping = true
		}
		// What is put from here on wakes this loop again.
		if b := w.take(buf); b != nil {
			fs.add(b)
			if buf = nil; cap(b.text) <= keepBuffer {
				buf = b.text[:0]
			}
		}
		timer.Reset(fs.tend(stopping))
	}
}

// add writes a batch, and says so to who waits for it.
func (fs *files) add(b *batch) {
	start, now := 0, fs.time()
	for _, s := range b.parts {
		if err := fs.append(s, b.text[start:s.end], now); err != nil {
			b.err = err
		}
		start = s.end
	}
	if fs.interval == 0 {
		for space, f := range fs.open {
			if err := f.flushCounted(fs, now); err != nil {
				b.err = err
				fs.abandon(space, f, err)
			}
		}
	}
	close(b.done)
}

// append adds lines to the file of their space.
func (fs *files) append(s span, text []byte, now time.Time) error {
	f, err := fs.of(s.space, now)
	if err != nil {
		fs.lost(s.lines)
		fs.counts.failures.Add(1)
		fs.troubles.warn("the archive cannot make a file", "error", err)
		return err
	}
	if err := f.write(text, s.lines, now); err != nil {
		fs.abandon(s.space, f, err)
		return err
	}
	if f.size.n >= fs.maxSize {
		return fs.finish(s.space, f, now)
	}
	return nil
}

// of returns the file of a space, a new one if need be.
func (fs *files) of(space string, now time.Time) (*file, error) {
	folder := fs.writer.prefix.folder(space, now)
	if f := fs.open[space]; f != nil {
		if f.folder == folder {
			return f, nil
		}
		if err := fs.finish(space, f, now); err != nil {
			return nil, err
		}
	}
	if len(fs.open) >= maxOpen {
		if err := fs.finishIdlest(now); err != nil {
			return nil, err
		}
	}
	fs.number++
	compression := orDefault(fs.Compression, CompressionGzip)
	name := fmt.Sprintf("%s-%s-%06d%s", now.UTC().Format("20060102T150405.000Z"), fs.session.id, fs.number, suffixes[compression])
	create := fs.create
	if create == nil {
		create = createOnDisk
	}
	f, err := newFile(create, fs.session.dir, folder+name, compression, now)
	if err != nil {
		return nil, err
	}
	f.folder = folder
	fs.open[space] = f
	return f, nil
}

func (fs *files) finishIdlest(now time.Time) error {
	var idlest string
	var found *file
	for space, f := range fs.open {
		if found == nil || f.written.Before(found.written) {
			idlest, found = space, f
		}
	}
	return fs.finish(idlest, found, now)
}

// tend flushes and completes the files for which it is time, or all of them, and returns how long nothing is to be done.
func (fs *files) tend(all bool) time.Duration {
	now, wait := fs.time(), time.Hour
	for space, f := range fs.open {
		age := now.Sub(f.opened)
		switch {
		case all || age >= fs.maxAge || f.folder != fs.writer.prefix.folder(space, now):
			_ = fs.finish(space, f, now) // counted and logged
			continue
		case f.loose > 0 && now.Sub(f.flushed) >= fs.interval:
			if err := f.flushCounted(fs, now); err != nil {
				fs.abandon(space, f, err)
				continue
			}
		}
		wait = min(wait, fs.maxAge-age, now.Truncate(time.Hour).Add(time.Hour).Sub(now))
		if f.loose > 0 {
			wait = min(wait, fs.interval-now.Sub(f.flushed))
		}
	}
	return max(wait, time.Millisecond)
}

// finish completes the file of a space.
func (fs *files) finish(space string, f *file, now time.Time) error {
	if err := f.flushCounted(fs, now); err != nil {
		fs.abandon(space, f, err)
		return err
	}
	delete(fs.open, space)
	if err := f.finish(fs.session.dir, fs.session.root); err != nil {
		// All lines are flushed: mending completes it.
		fs.trouble(f, err)
		return nil
	}
	fs.counts.files.Add(1)
	fs.completed()
	return nil
}

// flushCounted flushes a file and counts the lines that it then holds.
func (f *file) flushCounted(fs *files, now time.Time) error {
	lines, bytes := f.loose, f.looseBytes
	if err := f.flush(fs.Fsync, now); err != nil {
		return err
	}
	fs.counts.lines.Add(uint64(lines))
	fs.counts.bytes.Add(uint64(bytes))
	return nil
}

// abandon gives up a file that cannot be written. What was flushed is saved by mending.
func (fs *files) abandon(space string, f *file, err error) {
	delete(fs.open, space)
	fs.lost(f.loose)
	if f.abandon() {
		fs.trouble(f, err)
		return
	}
	fs.counts.failures.Add(1)
	fs.troubles.warn("the archive cannot write a file", "file", f.rel, "error", err)
}

func (fs *files) trouble(f *file, err error) {
	fs.counts.failures.Add(1)
	fs.troubles.warn("the archive cannot write a file: what is in it will be saved", "file", f.rel, "error", err)
	fs.mender.add(f.path, f.rel)
}

// lost counts lines for which nobody waits; the others are refused instead.
func (fs *files) lost(lines int) {
	if !fs.Sync {
		fs.counts.lost.Add(uint64(lines))
	}
}
