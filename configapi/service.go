package configapi

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
)

// service holds the rules between resources. A write is decided on what the mirror shows at one version of its space and
// committed only if that version still stands, so however many instances write at once, no rule is broken.
type service struct {
	view   *View
	mirror *Mirror
	store  Store
	// strict is Handler.Strict.
	strict func(space string) bool
	// secrets is Handler.Secrets.
	secrets providers.Secrets
}

const (
	// writeTimeout bounds one write with all its attempts.
	writeTimeout = 10 * time.Second
	// maxAttempts bounds how often a write is decided anew because another instance was faster.
	maxAttempts = 30
	// maxPause is the longest wait before an attempt.
	maxPause = 50 * time.Millisecond
)

// errNotLoaded refuses what would be decided without knowing what there is.
var errNotLoaded = eventgateway.Errorf(eventgateway.Unavailable,
	"the configuration has not been loaded from the store yet: try again later")

// load returns what there is now.
func (s service) load() (*merged, error) {
	now := s.view.current.Load()
	if !now.state.loaded {
		return nil, errNotLoaded
	}
	return now, nil
}

// write commits what decide wants changed in a space and returns the revision, after the mirror has it. When the space
// was changed meanwhile it decides again.
func (s service) write(ctx context.Context, space string, decide func(*merged) (Write, error)) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	unlock, err := s.mirror.writers.lock(ctx, space)
	if err != nil {
		return 0, busy(space, err)
	}
	defer unlock()
	for attempt := range maxAttempts {
		now, err := s.load()
		if err != nil {
			return 0, err
		}
		w, err := decide(now)
		if err != nil {
			return 0, err
		}
		w.Space, w.Version = space, now.state.space(space).version
		revision, err := s.store.Commit(ctx, w)
		if err == nil {
			return revision, s.await(ctx, revision)
		}
		if !errors.Is(err, ErrVersion) {
			return 0, err
		}
		if err := s.mirror.WaitRevision(ctx, revision); err != nil {
			return 0, busy(space, err)
		}
		if err := pause(ctx, attempt); err != nil {
			return 0, busy(space, err)
		}
	}
	return 0, busy(space, ErrVersion)
}

// await returns once the mirror has a revision that was just written.
func (s service) await(ctx context.Context, revision int64) error {
	if err := s.mirror.WaitRevision(ctx, revision); err != nil {
		message := fmt.Sprintf("the change was made, at revision %d, but this instance has not seen it yet: "+
			"read before writing again", revision)
		return &eventgateway.Error{Kind: eventgateway.Unavailable, Message: message, Err: err}
	}
	return nil
}

func busy(space string, cause error) error {
	message := fmt.Sprintf("nothing was changed: others are changing space %q, or the store does not tell of its changes: "+
		"try again later", space)
	return &eventgateway.Error{Kind: eventgateway.Unavailable, Message: message, Err: cause}
}

// pause waits a random time that grows with the attempts, so that instances that collided do not collide again.
func pause(ctx context.Context, attempt int) error {
	longest := min(time.Millisecond<<min(attempt, 10), maxPause)
	timer := time.NewTimer(rand.N(longest))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// spaceLocks let one writer at a time into a space, so that writers of this instance do not overtake each other.
type spaceLocks struct {
	mu    sync.Mutex
	known map[string]*spaceLock
}

type spaceLock struct {
	holder chan struct{}
	// users are the holder and those who wait; the last one removes the lock.
	users int
}

// lock waits for its turn in a space, or until ctx is done.
func (l *spaceLocks) lock(ctx context.Context, space string) (unlock func(), err error) {
	l.mu.Lock()
	lock := l.known[space]
	if lock == nil {
		if l.known == nil {
			l.known = map[string]*spaceLock{}
		}
		lock = &spaceLock{holder: make(chan struct{}, 1)}
		l.known[space] = lock
	}
	lock.users++
	l.mu.Unlock()

	leave := func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if lock.users--; lock.users == 0 {
			delete(l.known, space)
		}
	}
	select {
	case lock.holder <- struct{}{}:
		return func() { <-lock.holder; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, ctx.Err()
	}
}
