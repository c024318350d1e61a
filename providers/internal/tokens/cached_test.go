package tokens

import (
	"context"
	"sync/atomic"
	"testing"
	"time"
)

// TestCachedIsFree holds that a token at hand costs no allocation and no lock, also while it is about to be renewed.
func TestCachedIsFree(t *testing.T) {
	asked, release := make(chan struct{}), make(chan struct{})
	var calls atomic.Int64
	c := New(Config{Fetch: func(context.Context) (Token, error) {
		if calls.Add(1) > 1 {
			close(asked)
			<-release
		}
		return Token{"x", time.Now().Add(time.Hour)}, nil
	}})
	defer c.Close()
	free := func(when string) {
		c.mu.Lock()
		defer c.mu.Unlock()
		allocations := make(chan float64, 1)
		go func() { allocations <- testing.AllocsPerRun(100, func() { check(t, c, "Bearer x") }) }()
		select {
		case n := <-allocations:
			if n > 0 {
				t.Errorf("%v allocations %s", n, when)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("it waits for the lock %s", when)
		}
	}
	defer close(release)
	check(t, c, "Bearer x")
	free("for a new token")
	due := *c.current.Load()
	due.renew = time.Now()
	c.current.Store(&due)
	check(t, c, "Bearer x")
	<-asked
	free("while another is asked for")
}

// BenchmarkAuthorization is what a call pays for a token that is at hand.
func BenchmarkAuthorization(b *testing.B) {
	c := New(Config{Fetch: func(context.Context) (Token, error) { return Token{"x", time.Now().Add(time.Hour)}, nil }})
	defer c.Close()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := c.Authorization(context.Background()); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
