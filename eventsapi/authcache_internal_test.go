package eventsapi

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// keyed returns a key that differs by name.
func keyed(name string) authKey { return authKey{space: "s", eventType: name} }

func TestAuthCacheForgets(t *testing.T) {
	now := time.Unix(1000, 0)
	c := &authCache{now: func() time.Time { return now }}
	asked := 0
	get := func(ttl time.Duration) {
		c.get(t.Context(), keyed("e"), func(context.Context) *authAnswer {
			asked++
			return &authAnswer{outcome: authGranted, ttl: ttl}
		})
	}
	for _, step := range []struct {
		after, ttl time.Duration
		asked      int
	}{
		{0, time.Minute, 1},
		{time.Minute - 1, time.Minute, 1},
		{1, time.Minute, 2},
		{time.Hour, 0, 3},
		{1, 0, 4},
		{1, time.Minute, 5},
		{1, 0, 5},
	} {
		now = now.Add(step.after)
		if get(step.ttl); asked != step.asked {
			t.Errorf("%+v: asked %d times", step, asked)
		}
	}
}

func TestAuthCacheKeepsNoFailure(t *testing.T) {
	var c authCache
	for _, outcome := range []authOutcome{authFailed, authTimedOut, authUnreadable, authClosed} {
		for range 2 {
			asked := false
			c.get(t.Context(), keyed("e"), func(context.Context) *authAnswer {
				asked = true
				return &authAnswer{outcome: outcome, ttl: time.Hour}
			})
			if !asked || len(c.answers) != 0 {
				t.Errorf("outcome %d is kept", outcome)
			}
		}
	}
}

// TestAuthCacheIsBounded fills the cache: it stays within its bounds, and what was used last is in it.
func TestAuthCacheIsBounded(t *testing.T) {
	for name, reason := range map[string]string{"many": "", "large": strings.Repeat("x", 8<<10)} {
		t.Run(name, func(t *testing.T) {
			var c authCache
			answer := &authAnswer{outcome: authGranted, granted: []byte(reason), ttl: time.Hour}
			ask := func(context.Context) *authAnswer { return answer }
			const n = maxAnswers + 500
			for i := range n {
				c.get(t.Context(), keyed(fmt.Sprint(i)), ask)
				c.get(t.Context(), keyed("0"), ask)
			}
			size := 0
			for _, element := range c.answers {
				size += element.Value.(*cachedAnswer).size()
			}
			if len(c.answers) > maxAnswers || size > maxAnswersSize || size != c.size || c.recent.Len() != len(c.answers) || len(c.answers) < 1000 {
				t.Errorf("%d answers of %d bytes, counted %d", len(c.answers), size, c.size)
			}
			for _, key := range []string{"0", fmt.Sprint(n - 1)} {
				if c.answers[keyed(key)] == nil {
					t.Errorf("%s is gone", key)
				}
			}
		})
	}
}

// TestAuthCacheWaits has many ask at once: with a lifetime one asks for all, without one each asks in the end, and none waits for
// another once that is known.
func TestAuthCacheWaits(t *testing.T) {
	for _, test := range []struct {
		name   string
		answer authAnswer
		asked  int64
	}{
		{"lifetime", authAnswer{outcome: authGranted, ttl: time.Hour}, 1},
		{"no lifetime", authAnswer{outcome: authGranted}, 10},
	} {
		t.Run(test.name, func(t *testing.T) {
			var c authCache
			var asked atomic.Int64
			began, release := make(chan struct{}), make(chan struct{})
			var running sync.WaitGroup
			get := func() {
				running.Go(func() {
					a := c.get(t.Context(), keyed("e"), func(context.Context) *authAnswer {
						if asked.Add(1) == 1 {
							close(began)
							<-release
						}
						return &test.answer
					})
					if a != &test.answer {
						t.Errorf("got %+v", a)
					}
				})
			}
			get()
			<-began
			for range 9 {
				get()
			}
			close(release)
			running.Wait()
			if asked.Load() != test.asked {
				t.Errorf("asked %d times, want %d", asked.Load(), test.asked)
			}
			if len(c.flights) != 0 {
				t.Errorf("%d flights are left", len(c.flights))
			}
		})
	}
}

// TestAuthCacheSenderGoesAway ends the wait of one whose sender goes away, and not the question that others wait for.
func TestAuthCacheSenderGoesAway(t *testing.T) {
	var c authCache
	began, release, done := make(chan struct{}), make(chan struct{}), make(chan *authAnswer)
	first, cancelFirst := context.WithCancel(t.Context())
	go func() {
		done <- c.get(first, keyed("e"), func(ctx context.Context) *authAnswer {
			close(began)
			<-release
			if ctx.Err() != nil {
				return &authAnswer{outcome: authFailed}
			}
			return &authAnswer{outcome: authGranted, ttl: time.Hour}
		})
	}()
	<-began
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	never := func(context.Context) *authAnswer { panic("asked") }
	if a := c.get(gone, keyed("e"), never); a.outcome != authFailed {
		t.Errorf("got %+v", a)
	}
	cancelFirst()
	close(release)
	if a := <-done; a.outcome != authGranted {
		t.Errorf("got %+v", a)
	}
	if a := c.get(t.Context(), keyed("e"), never); a.outcome != authGranted {
		t.Errorf("got %+v", a)
	}
}

func FuzzParseAuthorization(f *testing.F) {
	for _, seed := range []string{
		`{"authorization":{"principalId":"x","context":{"a":[1]},"ttl":60}}`, `{"error":{"message":"no","ttl":"5m"}}`,
		`{"authorization":{"principalId":"x","ttl":1e400}}`, `{"authorization":{"principalId":"x","ttl":"-1s"}}`, `[]`, ``, `{"error":null}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		a := parseAuthorization(payload)
		if (a.outcome == authGranted) != (a.granted != nil) || a.ttl < 0 || a.ttl > maxAuthorizationTTL || len(a.granted) > maxAuthorization ||
			a.outcome == authFailed || a.outcome == authClosed {
			t.Errorf("%q: %+v", payload, a)
		}
	})
}
