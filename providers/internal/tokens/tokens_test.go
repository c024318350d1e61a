package tokens

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventgateway/eventgateway/providers"
)

// issuer gives tokens that are numbered, each after a second.
type issuer struct {
	asked atomic.Int64
	life  time.Duration
	err   atomic.Pointer[error]
}

func (i *issuer) fetch(ctx context.Context) (Token, error) {
	n := i.asked.Add(1)
	select {
	case <-time.After(time.Second):
	case <-ctx.Done():
		return Token{}, ctx.Err()
	}
	if err := i.err.Load(); err != nil {
		return Token{}, *err
	}
	token := Token{Text: strconv.FormatInt(n, 10)}
	if i.life > 0 {
		token.Expires = time.Now().Add(i.life)
	}
	return token, nil
}

func (i *issuer) fail(err error) { i.err.Store(&err) }

// config is that of a cache with the issuer's tokens.
func (i *issuer) config() Config {
	return Config{Fetch: i.fetch, Service: "the tree", Kind: "wooden token"}
}

func check(t *testing.T, c *Cache, want string) {
	t.Helper()
	got, err := c.Authorization(t.Context())
	if err != nil || len(got) != 1 || got[0] != want {
		t.Errorf("got %q, error %v; want %q", got, err, want)
	}
}

// bubble runs a test in which time passes when everything waits.
func bubble(t *testing.T, life time.Duration, test func(*testing.T, *issuer, *Cache)) {
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{life: life}
		c := New(i.config())
		defer c.Close()
		test(t, i, c)
	})
}

func TestOneRequestForAll(t *testing.T) {
	bubble(t, time.Hour, func(t *testing.T, i *issuer, c *Cache) {
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() { check(t, c, "Bearer 1") })
		}
		all.Wait()
		time.Sleep(2 * time.Hour)
		for range 100 {
			all.Go(func() { check(t, c, "Bearer 2") })
		}
		all.Wait()
		if n := i.asked.Load(); n != 2 {
			t.Errorf("%d requests for two tokens", n)
		}
	})
}

func TestRenewedAhead(t *testing.T) {
	bubble(t, time.Hour, func(t *testing.T, i *issuer, c *Cache) {
		check(t, c, "Bearer 1")
		time.Sleep(54 * time.Minute)
		check(t, c, "Bearer 1")
		if n := i.asked.Load(); n != 1 {
			t.Fatalf("%d requests while the token is new", n)
		}
		time.Sleep(2 * time.Minute)
		before := time.Now()
		for range 10 {
			check(t, c, "Bearer 1")
		}
		if waited := time.Since(before); waited > 0 {
			t.Errorf("waited for %s although the old token serves", waited)
		}
		time.Sleep(2 * time.Second)
		check(t, c, "Bearer 2")
		if n := i.asked.Load(); n != 2 {
			t.Errorf("%d requests for two tokens", n)
		}
	})
}

func TestRenewedAheadInVain(t *testing.T) {
	bubble(t, time.Hour, func(t *testing.T, i *issuer, c *Cache) {
		check(t, c, "Bearer 1")
		sad := errors.New("sad")
		i.fail(sad)
		time.Sleep(56 * time.Minute)
		for range 60 { // one a second: all served by the old token, with an attempt every half minute
			check(t, c, "Bearer 1")
			time.Sleep(time.Second)
		}
		if n := i.asked.Load(); n < 2 || n > 4 {
			t.Errorf("%d requests", n)
		}
		time.Sleep(4 * time.Minute)
		if _, err := c.Authorization(t.Context()); !errors.Is(err, sad) {
			t.Errorf("got %v after the token's end", err)
		}
		i.err.Store(nil)
		if _, err := c.Authorization(t.Context()); err != nil {
			t.Errorf("got %v once there are tokens again", err)
		}
	})
}

func TestShortLived(t *testing.T) {
	bubble(t, 8*time.Second, func(t *testing.T, _ *issuer, c *Cache) {
		check(t, c, "Bearer 1")
		time.Sleep(6500 * time.Millisecond)
		check(t, c, "Bearer 1")
		time.Sleep(1100 * time.Millisecond)
		before := time.Now()
		check(t, c, "Bearer 2")
		if waited := time.Since(before); waited > 0 {
			t.Errorf("waited for %s: it was not renewed ahead", waited)
		}
		time.Sleep(time.Minute)
		check(t, c, "Bearer 3")
	})
}

func TestPanic(t *testing.T) {
	c := New(Config{Fetch: func(context.Context) (Token, error) { panic("s3cret") }})
	defer c.Close()
	for range 2 {
		_, err := c.Authorization(t.Context())
		if providers.FailureOf(err) != providers.Unreachable || err.Error() != "the provider panicked while it looked for a token" {
			t.Errorf("got %v", err)
		}
	}
}

func TestNoExpiry(t *testing.T) {
	bubble(t, 0, func(t *testing.T, _ *issuer, c *Cache) {
		check(t, c, "Bearer 1")
		time.Sleep(1000 * time.Hour)
		check(t, c, "Bearer 1")
	})
}

func TestCallGivesUp(t *testing.T) {
	bubble(t, time.Hour, func(t *testing.T, i *issuer, c *Cache) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, err := c.Authorization(ctx)
		if providers.FailureOf(err) != providers.TimedOut || err.Error() != "no whole answer from the tree in time" {
			t.Errorf("got %v", err)
		}
		check(t, c, "Bearer 1")
		if n := i.asked.Load(); n != 1 {
			t.Errorf("%d requests: that of the call that gave up is for the next", n)
		}
	})
}

func TestClose(t *testing.T) {
	bubble(t, time.Hour, func(t *testing.T, _ *issuer, c *Cache) {
		time.AfterFunc(time.Millisecond, c.Close)
		if _, err := c.Authorization(t.Context()); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}

// TestTimeout holds that a request which hangs is ended, and how long that takes.
func TestTimeout(t *testing.T) {
	for _, test := range []struct{ set, want time.Duration }{{0, 30 * time.Second}, {10 * time.Second, 10 * time.Second}} {
		synctest.Test(t, func(t *testing.T) {
			c := New(Config{Timeout: test.set, Fetch: func(ctx context.Context) (Token, error) {
				<-ctx.Done()
				return Token{}, ctx.Err()
			}})
			defer c.Close()
			start := time.Now()
			_, err := c.Authorization(t.Context())
			if took := time.Since(start); !errors.Is(err, context.DeadlineExceeded) || took != test.want {
				t.Errorf("after %s got %v, want %s", took, err, test.want)
			}
		})
	}
}

// TestRefused holds that a refused token is exchanged, and the one after it not at once: a function that refuses every token
// does not make the gateway ask for one at each call.
func TestRefused(t *testing.T) {
	bubble(t, time.Hour, func(t *testing.T, i *issuer, c *Cache) {
		check(t, c, "Bearer 1")
		c.Refused("Bearer another")
		check(t, c, "Bearer 1")
		if !c.Refused("Bearer 1") {
			t.Error("a refused token is not exchanged")
		}
		check(t, c, "Bearer 2")
		if !c.Refused("Bearer 1") {
			t.Error("a call that was late to be refused is told that the next has the same token")
		}
		check(t, c, "Bearer 2")
		if c.Refused("Bearer 2") {
			t.Error("a token that is refused at once is exchanged again and again")
		}
		check(t, c, "Bearer 2")
		time.Sleep(pause)
		if !c.Refused("Bearer 2") {
			t.Error("no further exchange after a while")
		}
		check(t, c, "Bearer 3")
		if n := i.asked.Load(); n != 3 {
			t.Errorf("%d requests", n)
		}
	})
}
