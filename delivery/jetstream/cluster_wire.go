package jetstream

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// wire is a connection to a cluster that comes back by itself when it breaks. It tells the session when it does.
type wire struct {
	cluster *cluster
	// abandon ends the attempt to dial.
	abandon context.CancelCauseFunc

	mu      sync.Mutex
	session *session
	// returns counts how often the connection came back.
	returns int
	// last is what noted has logged.
	last string
	// broken is why the connection is broken for now.
	broken error
}

// resumePatience bounds one attempt to make a session fit for use again.
const resumePatience = time.Second

var errBroken = errors.New("the connection to NATS is broken")

// connect connects, or gives up when ctx is done.
func (w *wire) connect(ctx context.Context) (*nats.Conn, error) {
	now := func() access { return *w.cluster.access.Load() }
	a := now()
	options := nats.GetDefaultOptions()
	for _, opt := range append(a.options(now),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) { w.down(err) }),
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) { w.down(err) }),
		nats.ReconnectHandler(func(*nats.Conn) { w.up() }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { w.noted(err) }),
		nats.NoCallbacksAfterClientClose(),
	) {
		if err := opt(&options); err != nil {
			return nil, err
		}
	}
	type outcome struct {
		nc  *nats.Conn
		err error
	}
	connected := make(chan outcome, 1)
	go func() {
		nc, err := options.Connect()
		connected <- outcome{nc, err}
	}()
	select {
	case o := <-connected:
		return o.nc, o.err
	case <-ctx.Done():
		go func() {
			if o := <-connected; o.err == nil {
				o.nc.Close()
			}
		}()
		return nil, ctx.Err()
	}
}

// attend has s told from now on.
func (w *wire) attend(s *session) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.session = s
	s.setAway(w.broken)
}

// down notes that the connection is broken, and why as far as is known.
func (w *wire) down(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	news := w.broken == nil
	if err == nil {
		err = errBroken
	}
	w.broken = errors.New(plain(err))
	if w.session == nil {
		return
	}
	w.session.setAway(w.broken)
	if news {
		w.cluster.log.logger.Warn("the connection to NATS is broken; trying again", slog.String("error", w.broken.Error()))
	}
}

// up notes that the connection is back. The servers may have lost the end of what they kept.
func (w *wire) up() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.broken = nil
	w.returns++
	if s, turn := w.session, w.returns; s != nil {
		w.cluster.log.running.Go(func() { w.resume(s, turn) })
	}
}

// resume makes a session fit for use whose connection came back, unless it breaks again.
func (w *wire) resume(s *session, turn int) {
	l := w.cluster.log
	current := func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.broken == nil && w.returns == turn
	}
	// Right after a server went, requests may get no answer. So each is given up soon and made again.
	insist := func(what func(ctx context.Context) error) bool {
		for current() {
			ctx, cancel := context.WithTimeout(l.ctx, resumePatience)
			err := what(ctx)
			cancel()
			if err == nil {
				return true
			}
			if !pause(l.ctx, reconnectMin) {
				break
			}
		}
		return false
	}
	if !insist(func(ctx context.Context) error { return l.prepare(ctx, s) }) {
		return
	}
	w.mu.Lock()
	if w.broken == nil && w.returns == turn {
		s.setAway(nil)
		l.logger.Info("connected to NATS again")
	}
	w.mu.Unlock()
	// The settings may have changed meanwhile.
	insist(func(ctx context.Context) error { return s.follow(ctx, l.names, l.queue.Load()) })
}

// noted takes in what the server tells of by the way, such as that a permission is missing.
func (w *wire) noted(err error) {
	if refusesLogin(err) {
		w.down(err)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.session == nil && errors.Is(err, nats.ErrPermissionViolation) {
		w.abandon(err)
		return
	}
	if message := plain(err); message != w.last {
		w.last = message
		w.cluster.log.logger.Warn("NATS reports an error", slog.String("error", message))
	}
}

// try connects once, to see whether it works.
func (a access) try() error {
	options := nats.GetDefaultOptions()
	for _, opt := range append(a.options(func() access { return a }), nats.NoReconnect()) {
		if err := opt(&options); err != nil {
			return err
		}
	}
	nc, err := options.Connect()
	if err == nil {
		nc.Close()
	}
	return err
}

// redial has the connection made again, with the access there is now.
func (c *cluster) redial() {
	if s := c.log.link.present(); s != nil {
		_ = s.nc.ForceReconnect() // fails only if it is closed
	}
}
