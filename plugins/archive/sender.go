package archive

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/fileutil"
)

// uploads is the name of the lock that is held by whoever uploads: one archive at a time for each directory.
const uploads = "uploads"

// lookEvery is how often the directory is looked through for files that another archive has put there.
const lookEvery = 15 * time.Second

// firstBackoff is how long to wait after a failure; after each further one twice as long, up to lastBackoff. A variable
// for tests.
var firstBackoff = time.Second

const lastBackoff = 5 * time.Minute

// store is where files are uploaded to.
type store interface {
	// put stores a file under a key; what is there already is replaced. The error holds no credential.
	put(ctx context.Context, key string, body *os.File, size int64) error
}

// sender uploads what waits in the spool, one file at a time, until it is there.
type sender struct {
	*Archive
	store    store
	wake     chan struct{} // holds one
	quit     chan struct{} // closed to have it end with a last pass
	done     chan struct{}
	backoff  time.Duration  // the first
	attempts map[string]int // failed ones, by file
}

func newSender(a *Archive, to store) *sender {
	return &sender{
		Archive: a, store: to, backoff: firstBackoff, attempts: make(map[string]int),
		wake: make(chan struct{}, 1), quit: make(chan struct{}), done: make(chan struct{}),
	}
}

// run ends when quit is closed and a last pass is over, or with ctx.
func (s *sender) run(ctx context.Context) {
	defer close(s.done)
	lock := s.lock(ctx)
	if lock == nil {
		return
	}
	defer lock.Close()
	failures := 0
	for {
		last := s.quitting()
		more, err := s.next(ctx)
		if ctx.Err() != nil || last && (err != nil || !more) {
			return
		}
		switch {
		case err != nil:
			failures++
			s.pause(ctx, s.delay(failures), nil)
		case more:
			failures = 0
		case !last:
			s.pause(ctx, lookEvery, s.wake)
		}
	}
}

// lock waits until no other archive uploads from the directory; nil means that there is nothing more to do.
func (s *sender) lock(ctx context.Context) *fileutil.LockedFile {
	path := filepath.Join(s.session.root, hidden, uploads+lockSuffix)
	for {
		lock, err := fileutil.TryLockFile(path, os.O_CREATE|os.O_RDWR, fileMode)
		if err == nil {
			return lock
		}
		if ctx.Err() != nil || s.quitting() {
			return nil
		}
		if !errors.Is(err, fileutil.ErrLocked) {
			s.troubles.warn("the archive cannot lock its directory", "error", err)
		}
		s.pause(ctx, time.Second, nil)
	}
}

// next uploads one file, if there is one.
func (s *sender) next(ctx context.Context) (more bool, err error) {
	list := s.look()
	if len(list) == 0 {
		clear(s.attempts)
		return false, nil
	}
	// Whichever failed least comes first, so that one file that the store does not take keeps no other waiting.
	slices.SortStableFunc(list, func(a, b spooled) int { return s.attempts[a.rel] - s.attempts[b.rel] })
	f := list[0]
	if !s.spool.take(f.rel) {
		return true, nil
	}
	defer s.spool.take("")
	if err := s.send(ctx, f); err != nil {
		if ctx.Err() == nil {
			s.attempts[f.rel]++
			s.counts.uploadFailures.Add(1)
			s.log.Warn("the archive cannot upload a file: it will try again", "file", f.rel, "bucket", s.S3.Bucket,
				"attempts", s.attempts[f.rel], "error", err)
		}
		return true, err
	}
	delete(s.attempts, f.rel)
	s.counts.uploads.Add(1)
	s.look()
	return true, nil
}

func (s *sender) send(ctx context.Context, f spooled) error {
	body, err := os.Open(s.spool.path(f.rel))
	if err != nil {
		return err
	}
	defer body.Close()
	// As slow as 64 KiB/s is still progress.
	ctx, cancel := context.WithTimeout(ctx, time.Minute+time.Duration(f.size/(64<<10))*time.Second)
	defer cancel()
	if err := s.store.put(ctx, f.rel, body, f.size); err != nil {
		return err
	}
	body.Close() // some systems do not remove an open file
	return s.spool.uploaded(f.rel)
}

// pause waits for d, for early, or until the sender is to end.
func (s *sender) pause(ctx context.Context, d time.Duration, early <-chan struct{}) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-early:
	case <-s.quit:
	case <-ctx.Done():
	}
}

func (s *sender) quitting() bool {
	select {
	case <-s.quit:
		return true
	default:
		return false
	}
}

// delay is how long to wait after so many failures in a row, with jitter.
func (s *sender) delay(failures int) time.Duration {
	d := s.backoff << min(failures-1, 16)
	if d > lastBackoff {
		d = lastBackoff
	}
	return d/2 + rand.N(d/2+1)
}
