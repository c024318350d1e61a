package etcdstore

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"
)

const (
	// savePause is the least time between two saves of a copy, and idleFactor how many times longer than a save took the
	// pause after it is at least: saving takes no more than a twentieth of the time however large the copy is.
	savePause  = time.Second
	idleFactor = 19
)

// saver saves copies of what the sink holds, some time after it changes.
type saver struct {
	identity string
	sink     Sink
	logger   *slog.Logger
	dirty    chan struct{}

	mu    sync.Mutex // held while saving
	file  string
	saved int64
}

func newSaver(cfg Config, sink Sink, logger *slog.Logger) *saver {
	return &saver{
		identity: cfg.Identity(), sink: sink, logger: logger, dirty: make(chan struct{}, 1), file: savedPath(cfg),
	}
}

// savedPath names the copy after the cluster and the prefix, so that gateways for several can share a directory.
func savedPath(cfg Config) string {
	sum := sha256.Sum256([]byte(cfg.Identity()))
	return filepath.Join(cfg.DataDir, "snapshot-"+hex.EncodeToString(sum[:8])+".jsonl")
}

func (s *saver) path() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.file
}

// move has copies saved to cfg's directory from now on.
func (s *saver) move(cfg Config) {
	s.mu.Lock()
	s.file, s.saved = savedPath(cfg), 0
	s.mu.Unlock()
	s.wake()
}

// load fills the sink with the copy saved last.
func (s *saver) load() (savedCopy, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	removeLeftovers(s.file)
	loaded, err := readSaved(s.file, s.identity, s.sink)
	if err == nil {
		s.saved = loaded.revision
	}
	return loaded, err
}

// removeLeftovers removes what processes that were killed while saving have left. Another process may share the directory
// and be saving now, so only old files go.
func removeLeftovers(file string) {
	left, _ := filepath.Glob(file + ".*.tmp")
	for _, name := range left {
		if info, err := os.Stat(name); err == nil && time.Since(info.ModTime()) > time.Hour {
			_ = os.Remove(name)
		}
	}
}

// wake tells that the sink has changed.
func (s *saver) wake() {
	select {
	case s.dirty <- struct{}{}:
	default:
	}
}

// run saves until ctx is done.
func (s *saver) run(ctx context.Context) {
	pause := savePause
	for {
		select {
		case <-s.dirty:
		case <-ctx.Done():
			return
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
		// What has changed until now is in this copy.
		select {
		case <-s.dirty:
		default:
		}
		start := time.Now()
		if err := s.save(); err != nil {
			s.logger.Warn("saving a copy of the configuration failed; the previous one stays", "file", s.path(), "error", err)
		}
		pause = max(savePause, idleFactor*time.Since(start))
	}
}

// save saves what the sink holds unless that is saved already.
func (s *saver) save() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := s.sink.Revision(); now == 0 || now == s.saved {
		return nil
	}
	revision, err := writeSaved(s.file, s.identity, s.sink)
	if err == nil {
		s.saved = revision
	}
	return err
}
