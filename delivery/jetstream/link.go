package jetstream

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

const (
	redialMin = 100 * time.Millisecond
	redialMax = 5 * time.Second
)

// link keeps a session up.
type link struct {
	dialer dialer
	logger *slog.Logger
	// prepare makes a session fit for use.
	prepare func(context.Context, *session) error

	mu      sync.Mutex
	session *session
	// changed is closed when session or err changes.
	changed chan struct{}
	// err is why there is no session.
	err error
}

var (
	errStarting = errors.New("it is starting")
	errClosed   = errors.New("it is closed")
)

func newLink(d dialer, logger *slog.Logger) *link {
	return &link{dialer: d, logger: logger, changed: make(chan struct{}), err: errStarting}
}

// now returns the session; nil, and why, while there is none or its connection is broken.
func (l *link) now() (*session, error) {
	s, _, err := l.look()
	return s, err
}

// look is now, and returns what is closed when the answer changes.
func (l *link) look() (s *session, changed <-chan struct{}, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.session != nil {
		if away := l.session.isAway(); away != nil {
			return nil, l.changed, away
		}
	}
	return l.session, l.changed, l.err
}

// present returns the session, also while its connection is broken; nil while there is none.
func (l *link) present() *session {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.session
}

// poke has those who wait look again.
func (l *link) poke() {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.changed)
	l.changed = make(chan struct{})
}

// wait returns the session once there is one.
func (l *link) wait(ctx context.Context) (*session, error) {
	for {
		s, changed, err := l.look()
		if s != nil || errors.Is(err, errClosed) {
			return s, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, err
		}
	}
}

func (l *link) set(s *session, err error) {
	l.mu.Lock()
	l.session, l.err = s, err
	l.mu.Unlock()
	if s != nil {
		s.onChange(l.poke)
	}
	l.poke()
}

// tried returns once there is a session, or it is known why there is none, or ctx is done.
func (l *link) tried(ctx context.Context) {
	for {
		s, changed, err := l.look()
		if s != nil || !errors.Is(err, errStarting) {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// run keeps a session up until ctx is done.
func (l *link) run(ctx context.Context) {
	defer l.set(nil, errClosed)
	for wait, first := redialMin, true; ctx.Err() == nil; {
		s, err := l.dial(ctx)
		if err != nil {
			if ctx.Err() == nil {
				l.failed(err)
			}
			first = false
			pause(ctx, wait)
			wait = min(2*wait, redialMax)
			continue
		}
		if !first {
			l.logger.Info("the queue's log is ready")
		}
		first = false
		began := time.Now()
		l.set(s, nil)
		select {
		case <-s.lost:
			l.failed(s.err)
		case <-ctx.Done():
			l.set(nil, errClosed)
		}
		l.dialer.hangUp(s)
		switch {
		case ctx.Err() != nil:
			return
		case time.Since(began) > redialMax:
			wait = redialMin
		case !errors.Is(s.err, errReconfigured):
			pause(ctx, wait)
			wait = min(2*wait, redialMax)
		}
	}
}

func (l *link) dial(ctx context.Context) (*session, error) {
	s, err := l.dialer.dial(ctx)
	if err != nil {
		return nil, err
	}
	if err = l.prepare(ctx, s); err != nil {
		l.dialer.hangUp(s)
		return nil, err
	}
	return s, nil
}

// failed notes why there is no session, and logs each reason once.
func (l *link) failed(err error) {
	l.mu.Lock()
	news := l.err == nil || l.err.Error() != err.Error()
	l.mu.Unlock()
	l.set(nil, err)
	if news && !errors.Is(err, errReconfigured) {
		l.logger.Error("the queue's log is out of order; trying again", slog.String("error", err.Error()))
	}
}

// pause waits, or returns false at once when ctx is done.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
