package archive

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// mendedSuffix is the end of the name of the copy that mend makes.
const mendedSuffix = ".mended"

// mend completes a file whose writing broke off: it moves it to final, with the lines that are whole. It may break off
// itself at any point, and be called again. A file without a whole line is removed; saved tells whether there was one.
func mend(ctx context.Context, path, final string) (saved bool, err error) {
	compression, _ := compressionOf(path)
	copied := path + mendedSuffix
	if err := os.Remove(copied); err != nil && !errors.Is(err, os.ErrNotExist) {
		return false, err
	}
	if _, err := os.Stat(final); err == nil {
		// Only the removal was missing.
		return true, os.Remove(path)
	}
	lines, whole, err := copyLines(ctx, path, compression, io.Discard)
	if err != nil {
		return false, err
	}
	if lines == 0 {
		return false, os.Remove(path)
	}
	if whole {
		return true, place(path, final)
	}
	if err := rewrite(ctx, path, copied, compression); err != nil {
		os.Remove(copied)
		return false, err
	}
	if err := place(copied, final); err != nil {
		return false, err
	}
	return true, os.Remove(path)
}

// rewrite copies the whole lines of a file to another, on the disk.
func rewrite(ctx context.Context, from, to, compression string) error {
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, fileMode)
	if err != nil {
		return err
	}
	defer out.Close()
	enc, err := newEncoder(compression, out)
	if err != nil {
		return err
	}
	if _, _, err := copyLines(ctx, from, compression, enc); err != nil {
		return err
	}
	if err := enc.Close(); err != nil {
		return err
	}
	return out.Sync()
}

// copyLines copies the lines of a file up to the first that is not whole, and tells how many these are and whether the file
// is in order to its end. An error means that it could not be read or written; one that is not in order is no error.
func copyLines(ctx context.Context, path, compression string, to io.Writer) (lines int, whole bool, err error) {
	in, err := os.Open(path)
	if err != nil {
		return 0, false, err
	}
	defer in.Close()
	source := &patient{ctx: ctx, from: in}
	decoder, done, err := newDecoder(compression, bufio.NewReaderSize(source, 256<<10))
	if err != nil {
		return 0, false, source.err // not even a header
	}
	defer done()
	from := bufio.NewReaderSize(decoder, 256<<10)
	for {
		line, err := from.ReadBytes('\n')
		if source.err != nil {
			return lines, false, source.err
		}
		if err != nil {
			return lines, errors.Is(err, io.EOF) && len(line) == 0, nil
		}
		// After a loss of power there may be anything behind what was on the disk.
		if !json.Valid(line) {
			return lines, false, nil
		}
		if _, err := to.Write(line); err != nil {
			return lines, false, err
		}
		lines++
	}
}

// patient remembers why reading failed, which decoders do not tell apart from a file that is not in order.
type patient struct {
	ctx  context.Context
	from io.Reader
	err  error
}

func (p *patient) Read(buf []byte) (int, error) {
	if p.err = p.ctx.Err(); p.err != nil {
		return 0, p.err
	}
	n, err := p.from.Read(buf)
	if err != nil && !errors.Is(err, io.EOF) {
		p.err = err
	}
	return n, err
}

// mendSession completes the files of a session that has died, and returns how many had something in them. An error is
// that of the first file that could not be; the others are completed all the same.
func mendSession(ctx context.Context, s *session) (saved int, err error) {
	names, err := regularFiles(s.dir)
	for _, rel := range names {
		if strings.HasSuffix(rel, mendedSuffix) {
			_ = os.Remove(filepath.Join(s.dir, filepath.FromSlash(rel)))
			continue
		}
		if _, ours := compressionOf(rel); !ours {
			continue
		}
		path, final := filepath.Join(s.dir, filepath.FromSlash(rel)), filepath.Join(s.root, filepath.FromSlash(rel))
		ok, mendErr := mend(ctx, path, final)
		if mendErr != nil && err == nil {
			err = mendErr
		}
		if ok && mendErr == nil {
			saved++
		}
	}
	return saved, err
}
