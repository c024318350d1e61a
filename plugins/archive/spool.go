package archive

import (
	"cmp"
	"errors"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
)

// spool are the complete files that wait to be uploaded. The directory itself is the list, so that files of a session
// before this one, or of another configuration that runs meanwhile, are found like this one's.
type spool struct {
	root string
	max  int64
	drop bool // rather than refuse more
	// full is set while more than max bytes wait, and are not to be dropped.
	full atomic.Bool

	mu sync.Mutex
	// busy is the file that is being uploaded, which is not dropped.
	busy string
}

// spooled is a file that waits.
type spooled struct {
	rel  string // its path below root, with slashes, which is its key too
	size int64
}

// waiting returns the files, oldest first: their names begin with a time.
func (s *spool) waiting() ([]spooled, error) {
	names, err := regularFiles(s.root)
	if err != nil {
		return nil, err
	}
	var list []spooled
	for _, rel := range names {
		if _, ours := compressionOf(rel); !ours {
			continue
		}
		if info, err := os.Stat(s.path(rel)); err == nil {
			list = append(list, spooled{rel, info.Size()})
		}
	}
	slices.SortFunc(list, func(a, b spooled) int {
		return cmp.Or(cmp.Compare(path.Base(a.rel), path.Base(b.rel)), cmp.Compare(a.rel, b.rel))
	})
	return list, nil
}

// look counts what waits, drops the oldest files where that is too much and wanted, and returns the rest.
func (s *spool) look(c *counts) (list, dropped []spooled, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list, err = s.waiting()
	if err != nil {
		return nil, nil, err
	}
	total := int64(0)
	for _, f := range list {
		total += f.size
	}
	if s.drop {
		list = slices.DeleteFunc(list, func(f spooled) bool {
			if total <= s.max || f.rel == s.busy || os.Remove(s.path(f.rel)) != nil {
				return false
			}
			total -= f.size
			dropped = append(dropped, f)
			return true
		})
	}
	s.full.Store(!s.drop && total > s.max)
	c.waitingFiles.Store(int64(len(list)))
	c.waitingBytes.Store(total)
	return list, dropped, nil
}

// take keeps a file from being dropped, until the next take. It reports whether the file is still there.
func (s *spool) take(rel string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy = rel
	if rel == "" {
		return false
	}
	_, err := os.Stat(s.path(rel))
	return err == nil
}

// uploaded removes a file that the store has, and the folders that it leaves empty.
func (s *spool) uploaded(rel string) error {
	path := s.path(rel)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	removeEmpty(filepath.Dir(path), s.root)
	return nil
}

func (s *spool) path(rel string) string { return filepath.Join(s.root, filepath.FromSlash(rel)) }
