// Package tokens keeps access tokens: fetched once for all calls that wait, renewed before they end while the old one still
// serves, and exchanged once when they are refused.
package tokens

import (
	"context"
	"errors"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eventgateway/eventgateway/providers"
)

const (
	// patience bounds one request for a token, unless Config says otherwise.
	patience = 30 * time.Second
	// pause is between two attempts to renew a token that still serves, and between two exchanges of refused ones: where a token
	// is refused whatever it is, another one with every call would not help. It is also how long at most a token service is left
	// alone that asked for it.
	pause = 30 * time.Second
)

// Config is where the tokens of a Cache come from.
type Config struct {
	// Fetch asks for a token. Its error should be a *providers.Error; one with a RetryAfter has the service left alone until
	// then, for half a minute at most.
	Fetch func(ctx context.Context) (Token, error)
	// Service names the token service in messages, such as "Google's token endpoint"; Kind the tokens, such as "Google token".
	Service, Kind string
	// Timeout bounds one request, which outlives the call that began it, for others that wait and for the next. Default: 30
	// seconds.
	Timeout time.Duration
}

// Cache has the tokens of one identity for one purpose. It is safe for concurrent use.
type Cache struct {
	config Config
	made   time.Time
	life   context.Context
	end    context.CancelFunc

	current atomic.Pointer[held]
	// quiet is until when no renewal begins ahead of time, in nanoseconds since the cache was made: while one runs, and for a
	// pause after one in vain.
	quiet atomic.Int64

	mu sync.Mutex
	// running is the request under way; nil when there is none.
	running *renewal
	// throttled is the error of a service that asked to be left alone until then.
	throttled *providers.Error
	until     time.Time
	// exchanged is when a refused token was last dropped.
	exchanged time.Time
}

// renewal is one request for a token, which all who need one wait for. token and err are set when done is closed.
type renewal struct {
	done  chan struct{}
	token *held
	err   error
}

// New returns a cache. It does no I/O.
func New(config Config) *Cache {
	if config.Timeout <= 0 {
		config.Timeout = patience
	}
	life, end := context.WithCancel(context.Background())
	return &Cache{config: config, made: time.Now(), life: life, end: end}
}

// Close ends a request that is under way.
func (c *Cache) Close() { c.end() }

// Authorization returns the header of a token that is good for a while; it is not to be changed. It waits only where there is
// none. The error is that of Fetch, or a *providers.Error.
func (c *Cache) Authorization(ctx context.Context) ([]string, error) {
	now := time.Now()
	if t := c.current.Load(); t.serves(now) && (!t.due(now) || c.isQuiet(now)) {
		return t.header, nil
	}
	t, r, err := c.orRenewal(now)
	switch {
	case err != nil:
		return nil, err
	case t != nil:
		return t.header, nil
	}
	select {
	case <-r.done:
		if r.err != nil {
			return nil, r.err
		}
		return r.token.header, nil
	case <-ctx.Done():
		return nil, providers.NetworkError(ctx, c.config.Service, ctx.Err())
	}
}

func (c *Cache) isQuiet(now time.Time) bool { return now.Sub(c.made) < time.Duration(c.quiet.Load()) }

// orRenewal returns the token if it still serves, else the renewal to wait for, or the error of a service that is left alone.
func (c *Cache) orRenewal(now time.Time) (*held, *renewal, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.current.Load()
	serves := t.serves(now)
	if !serves && c.running == nil && now.Before(c.until) {
		e := *c.throttled
		e.RetryAfter = c.until.Sub(now)
		return nil, nil, &e
	}
	if c.running == nil && (!serves || t.due(now) && !c.isQuiet(now)) {
		c.start()
	}
	if serves {
		return t, nil, nil
	}
	return nil, c.running, nil
}

// start begins a renewal. It is called with mu held.
func (c *Cache) start() {
	r := &renewal{done: make(chan struct{})}
	c.running = r
	c.quiet.Store(math.MaxInt64)
	go func() {
		ctx, cancel := context.WithTimeout(c.life, c.config.Timeout)
		defer cancel()
		r.token, r.err = c.ask(ctx)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.finish(r, time.Now())
		close(r.done)
	}()
}

// finish notes how a renewal went. It is called with mu held.
func (c *Cache) finish(r *renewal, now time.Time) {
	c.running = nil
	if r.err == nil {
		c.current.Store(r.token)
		c.quiet.Store(0)
		return
	}
	c.quiet.Store(int64(now.Add(pause).Sub(c.made)))
	if e, ok := errors.AsType[*providers.Error](r.err); ok && e.RetryAfter > 0 {
		// Every event would else be one more request to a service that has too many of them.
		c.throttled, c.until = e, now.Add(min(e.RetryAfter, pause))
	}
}

// ask fetches a token. A panic is one failed request and not the end of the process.
func (c *Cache) ask(ctx context.Context) (t *held, err error) {
	defer func() {
		if recover() != nil {
			err = providers.Errorf(providers.Unreachable, "the provider panicked while it looked for a token")
		}
	}()
	token, err := c.config.Fetch(ctx)
	if err != nil {
		return nil, err
	}
	return hold(token, c.config.Kind, time.Now())
}

// Refused tells that a token, as Authorization gave it, was not accepted, and reports whether the next call gets another one. A
// refused token is dropped, but no other for half a minute from then.
func (c *Cache) Refused(authorization string) (another bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.current.Load()
	if t == nil || t.header[0] != authorization {
		return true
	}
	now := time.Now()
	if now.Sub(c.exchanged) < pause {
		return false
	}
	c.exchanged = now
	c.current.Store(nil)
	return true
}
