package configapi_test

import (
	"bytes"
	"context"
	"sync"
	"testing"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/configapi"
)

// store is a model of a store: a sequence of revisions, each with its changes, and a version per space. Whoever follows it
// gets everything at one revision and then every later one, in its own time.
type store struct {
	mu       sync.Mutex
	changed  sync.Cond
	entries  map[configapi.Key]configapi.Entry
	versions map[string]int64
	log      [][]configapi.Change // log[i] happened at revision i+1
	down     bool
	held     bool
	closed   bool
	commits  int
}

func newStore(t testing.TB) *store {
	s := &store{entries: map[configapi.Key]configapi.Entry{}, versions: map[string]int64{}}
	s.changed.L = &s.mu
	t.Cleanup(func() { s.set(func() { s.closed = true }) })
	return s
}

// set changes the model itself and wakes its followers.
func (s *store) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
	s.changed.Broadcast()
}

func (s *store) Commit(ctx context.Context, w configapi.Write) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.commits++
	if s.down || ctx.Err() != nil {
		return 0, eventgateway.Errorf(eventgateway.Unavailable, "the store is out of reach: nothing was changed")
	}
	if s.versions[w.Space] != w.Version {
		return s.versions[w.Space], configapi.ErrVersion
	}
	var changes []configapi.Change
	for _, p := range w.Puts {
		changes = append(changes, configapi.Change{Entry: configapi.Entry{Key: p.Key, Value: bytes.Clone(p.Value)}})
	}
	for _, key := range w.Deletes {
		if _, ok := s.entries[key]; ok {
			changes = append(changes, configapi.Change{Entry: configapi.Entry{Key: key}, Deleted: true})
		}
	}
	version := configapi.Change{Entry: configapi.Entry{Key: configapi.Key{Space: w.Space}}, SpaceVersion: true}
	return s.record(append(changes, version)), nil
}

// put changes an entry behind the gateway's back, as another version of it would.
func (s *store) put(key configapi.Key, value string) int64 {
	return s.happen([]configapi.Change{{Entry: configapi.Entry{Key: key, Value: []byte(value)}}})
}

// happen is put for any changes.
func (s *store) happen(changes []configapi.Change) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.record(changes)
}

func (s *store) record(changes []configapi.Change) int64 {
	revision := int64(len(s.log) + 1)
	for i := range changes {
		e := &changes[i].Entry
		e.ModRevision = revision
		switch {
		case changes[i].SpaceVersion:
			s.versions[e.Key.Space] = revision
		case changes[i].Deleted:
			delete(s.entries, e.Key)
		default:
			e.CreateRevision = revision
			if old, ok := s.entries[e.Key]; ok {
				e.CreateRevision = old.CreateRevision
			}
			s.entries[e.Key] = *e
		}
	}
	s.log = append(s.log, changes)
	s.changed.Broadcast()
	return revision
}

func (s *store) Status() configapi.StoreStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		return configapi.StoreStatus{State: "disconnected", Error: "out of reach"}
	}
	return configapi.StoreStatus{State: "connected"}
}

// list loads everything into sink, as the store does first.
func (s *store) list(sink configapi.Sink) {
	s.mu.Lock()
	loader := sink.Load()
	for _, e := range s.entries {
		loader.Add(configapi.Change{Entry: e})
	}
	for space, version := range s.versions {
		e := configapi.Entry{Key: configapi.Key{Space: space}, ModRevision: version}
		loader.Add(configapi.Change{Entry: e, SpaceVersion: true})
	}
	revision := int64(len(s.log))
	s.mu.Unlock()
	loader.Commit(revision)
}

// follow loads everything into sink and goes on to deliver changes, in a goroutine of its own, until the test ends.
func (s *store) follow(t testing.TB, sink configapi.Sink) {
	s.list(sink)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			s.mu.Lock()
			next := int(sink.Revision())
			for !s.closed && (s.held || len(s.log) <= next) {
				s.changed.Wait()
			}
			if s.closed {
				s.mu.Unlock()
				return
			}
			var changes []configapi.Change
			for _, happened := range s.log[next:] {
				changes = append(changes, happened...)
			}
			revision := int64(len(s.log))
			s.mu.Unlock()
			sink.Apply(revision, changes)
		}
	}()
	t.Cleanup(func() {
		s.set(func() { s.closed = true })
		<-done
	})
}
