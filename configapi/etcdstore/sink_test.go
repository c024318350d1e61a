package etcdstore_test

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway/configapi"
)

// sink keeps what a store tells, and checks that it tells it in order.
type sink struct {
	mu       sync.Mutex
	revision int64
	entries  map[configapi.Key]configapi.Entry
	versions map[string]configapi.Entry
	loads    int
	wrong    []string
	changed  chan struct{}
	// onAdd is called when a list hands over its n-th entry.
	onAdd func(n int)
}

func newSink() *sink {
	return &sink{
		entries: map[configapi.Key]configapi.Entry{}, versions: map[string]configapi.Entry{}, changed: make(chan struct{}),
	}
}

type loader struct {
	sink     *sink
	entries  map[configapi.Key]configapi.Entry
	versions map[string]configapi.Entry
}

func (s *sink) Load() configapi.Loader {
	return &loader{s, map[configapi.Key]configapi.Entry{}, map[string]configapi.Entry{}}
}

func (l *loader) Add(c configapi.Change) {
	if l.sink.onAdd != nil {
		l.sink.onAdd(len(l.entries))
	}
	if c.SpaceVersion {
		l.versions[c.Entry.Key.Space] = c.Entry
	} else {
		l.entries[c.Entry.Key] = c.Entry
	}
}

func (l *loader) Commit(revision int64) {
	s := l.sink
	s.mu.Lock()
	defer s.mu.Unlock()
	s.revision, s.entries, s.versions = revision, l.entries, l.versions
	s.loads++
	s.publish()
}

func (s *sink) Apply(revision int64, changes []configapi.Change) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if revision <= s.revision {
		s.wrong = append(s.wrong, fmt.Sprintf("revision %d applied after %d", revision, s.revision))
	}
	for _, c := range changes {
		e := c.Entry
		if e.ModRevision <= s.revision || e.ModRevision > revision {
			s.wrong = append(s.wrong,
				fmt.Sprintf("%v changed at %d in the step from %d to %d", e.Key, e.ModRevision, s.revision, revision))
		}
		switch {
		case c.SpaceVersion && c.Deleted:
			delete(s.versions, e.Key.Space)
		case c.SpaceVersion:
			s.versions[e.Key.Space] = e
		case c.Deleted:
			delete(s.entries, e.Key)
		default:
			s.entries[e.Key] = e
		}
	}
	s.revision = revision
	s.publish()
}

func (s *sink) publish() {
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *sink) Revision() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.revision
}

func (s *sink) Entries() (int64, func(yield func(configapi.Change) bool)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	entries, versions := slices.Collect(maps.Values(s.entries)), slices.Collect(maps.Values(s.versions))
	return s.revision, func(yield func(configapi.Change) bool) {
		for _, e := range versions {
			if !yield(configapi.Change{Entry: e, SpaceVersion: true}) {
				return
			}
		}
		for _, e := range entries {
			if !yield(configapi.Change{Entry: e}) {
				return
			}
		}
	}
}

// until waits until cond holds; it is called with the lock held, after every change.
func (s *sink) until(t testing.TB, what string, cond func() bool) {
	t.Helper()
	timeout := time.After(deadline)
	for {
		s.mu.Lock()
		ok, changed := cond(), s.changed
		s.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-timeout:
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func (s *sink) waitRevision(t testing.TB, revision int64) {
	t.Helper()
	s.until(t, fmt.Sprintf("revision %d", revision), func() bool { return s.revision >= revision })
}

// get returns a resource of space "default" and the version of that space, as of one moment.
func (s *sink) get(id string) (value string, found bool, version int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, found := s.entries[key(id)]
	return string(e.Value), found, s.versions["default"].ModRevision
}

func (s *sink) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.entries)
}

func (s *sink) version() int64 {
	_, _, version := s.get("")
	return version
}

// check fails the test when the store told something out of order.
func (s *sink) check(t testing.TB) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, wrong := range s.wrong {
		t.Error(wrong)
	}
}
