package archive

import (
	"context"
	"path/filepath"
	"sync"
	"time"
)

// mendEvery is how often the directory is looked through for sessions that have died meanwhile, and a file that could not
// be mended is tried again.
const mendEvery = 15 * time.Second

// mender completes what others, or this session, could not.
type mender struct {
	*Archive
	mu     sync.Mutex
	broken []brokenFile
	wake   chan struct{} // holds one
	cancel context.CancelFunc
	done   chan struct{}
}

// brokenFile is a file of this session whose writing failed.
type brokenFile struct{ path, rel string }

func newMender(a *Archive) *mender {
	return &mender{Archive: a, wake: make(chan struct{}, 1), done: make(chan struct{})}
}

// add hands over a file that nobody writes to any more.
func (m *mender) add(path, rel string) {
	m.mu.Lock()
	m.broken = append(m.broken, brokenFile{path, rel})
	m.mu.Unlock()
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// run ends with ctx. What is not mended then is at the next start.
func (m *mender) run(ctx context.Context) {
	defer close(m.done)
	ticker := time.NewTicker(mendEvery)
	defer ticker.Stop()
	for {
		m.mendDead(ctx)
		m.mendOwn(ctx)
		select {
		case <-ctx.Done():
			return
		case <-m.wake:
		case <-ticker.C:
		}
	}
}

func (m *mender) mendDead(ctx context.Context) {
	dead, err := deadSessions(m.session.root)
	if err != nil {
		m.troubles.warn("the archive cannot read its directory", "error", err)
		return
	}
	for _, s := range dead {
		saved, err := mendSession(ctx, s)
		s.close()
		m.saved(saved)
		if saved > 0 {
			m.log.Info("the archive has completed files that were left incomplete", "files", saved)
		}
		if err != nil && ctx.Err() == nil {
			m.counts.failures.Add(1)
			m.troubles.warn("the archive cannot complete what was left: it will try again", "error", err)
		}
	}
}

// mendOwn completes files of this session; with those that cannot be it goes on later.
func (m *mender) mendOwn(ctx context.Context) {
	m.mu.Lock()
	broken := m.broken
	m.broken = nil
	m.mu.Unlock()
	var left []brokenFile
	for _, b := range broken {
		ok, err := mend(ctx, b.path, filepath.Join(m.session.root, filepath.FromSlash(b.rel)))
		switch {
		case err != nil:
			left = append(left, b)
			if ctx.Err() == nil {
				m.troubles.warn("the archive cannot complete a file: it will try again", "file", b.rel, "error", err)
			}
		case ok:
			m.saved(1)
		}
	}
	m.mu.Lock()
	m.broken = append(left, m.broken...)
	m.mu.Unlock()
}

// saved counts completed files.
func (m *mender) saved(files int) {
	if files > 0 {
		m.counts.files.Add(uint64(files))
		m.counts.mended.Add(uint64(files))
		m.completed()
	}
}
