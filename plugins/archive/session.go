package archive

import (
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/fileutil"
)

// hidden is the folder, in the archive's directory, of what is not complete yet: for each session a folder of its files,
// and a lock that is held for as long as the session lives.
const hidden = ".open"

const lockSuffix = ".lock"

// beginning is how long a session may take from its lock to its folder, generously.
const beginning = time.Minute

// session is one running archive, in whichever process: while a configuration is loaded two use one directory. Whose lock
// can be taken is dead, and its files are mended by who takes it.
type session struct {
	root, id, dir string
	lock          *fileutil.LockedFile
}

// openSession begins a session. The lock is taken before the folder is there, so no other takes it for dead.
func openSession(root string) (*session, error) {
	if err := os.MkdirAll(filepath.Join(root, hidden), dirMode); err != nil {
		return nil, err
	}
	id := strings.ToLower(rand.Text()[:12])
	dir := filepath.Join(root, hidden, id)
	lock, err := fileutil.TryLockFile(dir+lockSuffix, os.O_CREATE|os.O_RDWR, fileMode)
	if err != nil {
		return nil, err
	}
	if err := os.Mkdir(dir, dirMode); err != nil {
		lock.Close()
		os.Remove(lock.Name())
		return nil, err
	}
	return &session{root: root, id: id, dir: dir, lock: lock}, nil
}

// close ends the session. Files that are left in it are mended by another.
func (s *session) close() {
	left, err := regularFiles(s.dir)
	ended := err == nil && len(left) == 0 && os.RemoveAll(s.dir) == nil
	s.lock.Close()
	if ended {
		// Without the folder nobody has a use for the lock.
		os.Remove(s.lock.Name())
	}
}

// deadSessions takes over the sessions whose lock nobody holds. The caller closes them.
func deadSessions(root string) ([]*session, error) {
	entries, err := os.ReadDir(filepath.Join(root, hidden))
	if err != nil {
		return nil, err
	}
	var dead []*session
	for _, entry := range entries {
		id, isLock := strings.CutSuffix(entry.Name(), lockSuffix)
		if isLock == entry.IsDir() || id == uploads {
			continue
		}
		dir := filepath.Join(root, hidden, id)
		if isLock && !abandoned(entry, dir) {
			continue
		}
		lock, err := fileutil.TryLockFile(dir+lockSuffix, os.O_CREATE|os.O_RDWR, fileMode)
		if err != nil {
			continue // it lives
		}
		// A folder that has gone meanwhile was another's, who was faster.
		if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
			lock.Close()
			os.Remove(lock.Name())
			continue
		}
		dead = append(dead, &session{root: root, id: id, dir: dir, lock: lock})
	}
	return dead, nil
}

// abandoned reports whether a lock is of a session that has ended: it has no folder, and is not of one that just begins. Who
// took the lock of such a one, and removed it, would leave it with a lock that no other sees.
func abandoned(lock os.DirEntry, dir string) bool {
	if _, err := os.Stat(dir); err == nil {
		return false // its folder is in the list too
	}
	info, err := lock.Info()
	return err == nil && time.Since(info.ModTime()) > beginning
}

// regularFiles returns the paths of all files below dir, relative to it and with slashes.
func regularFiles(dir string) ([]string, error) {
	var found []string
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			if errors.Is(err, os.ErrNotExist) {
				return nil
			}
			return err
		}
		if entry.IsDir() && entry.Name() == hidden {
			return filepath.SkipDir
		}
		if entry.Type().IsRegular() {
			rel, err := filepath.Rel(dir, path)
			if err != nil {
				return err
			}
			found = append(found, filepath.ToSlash(rel))
		}
		return nil
	})
	return found, err
}
