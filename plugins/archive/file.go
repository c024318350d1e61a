package archive

import (
	"bufio"
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"
)

const (
	fileMode = 0o640
	dirMode  = 0o750
)

// disk is what a file of the archive needs of an *os.File.
type disk interface {
	io.WriteCloser
	Sync() error
	Truncate(size int64) error
}

func createOnDisk(path string) (disk, error) {
	return os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, fileMode)
}

// file is one file that is being written. It is used by one goroutine.
type file struct {
	// rel is the file's path once it is complete, below the archive's directory.
	rel    string
	path   string // while it is not
	folder string
	disk   disk
	out    *bufio.Writer
	enc    encoder
	opened time.Time
	// flushed is when all lines were last given to the operating system, and good how many bytes those make.
	flushed, written time.Time
	good             int64
	size             counter
	// lines are in the file; loose of them only since flushed, with their bytes before compression.
	lines, loose, looseBytes int
}

// counter counts what is written through it.
type counter struct {
	to io.Writer
	n  int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.to.Write(p)
	c.n += int64(n)
	return n, err
}

// newFile creates the file that will be rel below the archive's directory, for now below temporary.
func newFile(create func(string) (disk, error), temporary, rel, compression string, now time.Time) (*file, error) {
	path := filepath.Join(temporary, filepath.FromSlash(rel))
	if err := os.MkdirAll(filepath.Dir(path), dirMode); err != nil {
		return nil, err
	}
	d, err := create(path)
	if err != nil {
		return nil, err
	}
	f := &file{rel: rel, path: path, disk: d, opened: now, flushed: now, written: now}
	f.size.to = d
	f.out = bufio.NewWriterSize(&f.size, 64<<10)
	if f.enc, err = newEncoder(compression, f.out); err != nil {
		d.Close()
		os.Remove(path)
		return nil, err
	}
	return f, nil
}

// write adds whole lines.
func (f *file) write(text []byte, lines int, now time.Time) error {
	f.written = now
	if f.loose == 0 {
		f.flushed = now
	}
	f.lines += lines
	f.loose += lines
	f.looseBytes += len(text)
	_, err := f.enc.Write(text)
	return err
}

// flush gives all lines to the operating system, and with sync to the disk.
func (f *file) flush(sync bool, now time.Time) error {
	if f.loose == 0 {
		return nil
	}
	if err := f.enc.Flush(); err != nil {
		return err
	}
	if err := f.out.Flush(); err != nil {
		return err
	}
	if sync {
		if err := f.disk.Sync(); err != nil {
			return err
		}
	}
	f.loose, f.looseBytes, f.flushed, f.good = 0, 0, now, f.size.n
	return nil
}

// finish ends the stream and moves the file from temporary to its place below root. The lines are flushed before.
func (f *file) finish(temporary, root string) error {
	err := f.enc.Close()
	if err == nil {
		err = f.out.Flush()
	}
	if err == nil {
		err = f.disk.Sync()
	}
	if closeErr := f.disk.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	if err := place(f.path, filepath.Join(root, filepath.FromSlash(f.rel))); err != nil {
		return err
	}
	removeEmpty(filepath.Dir(f.path), temporary)
	return nil
}

// abandon closes a file that could not be written, without what was not flushed: those lines are not acknowledged.
// It reports whether lines are left in it, which mend can save.
func (f *file) abandon() bool {
	err := f.disk.Truncate(f.good)
	f.disk.Close()
	if err == nil && f.good == 0 {
		return os.Remove(f.path) != nil
	}
	return true
}

// place moves a complete file to where it belongs, so that it is there after a loss of power too.
func place(from, to string) error {
	const tries = 8 // a folder may be removed as empty just before it is used
	var err error
	for range tries {
		if err = os.MkdirAll(filepath.Dir(to), dirMode); err != nil {
			return err
		}
		if err = os.Rename(from, to); !errors.Is(err, os.ErrNotExist) {
			break
		}
	}
	if err != nil {
		return err
	}
	syncDir(filepath.Dir(to))
	return nil
}

// removeEmpty removes dir and those it is in, below root, as far as they are empty.
func removeEmpty(dir, root string) {
	for len(dir) > len(root) && os.Remove(dir) == nil {
		dir = filepath.Dir(dir)
	}
}

// syncDir puts a directory's names on the disk. Some systems cannot; the names are then as safe as the system makes them.
func syncDir(path string) {
	if d, err := os.Open(path); err == nil {
		_ = d.Sync()
		d.Close()
	}
}
