package tokens

import (
	"errors"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway/providers"
)

// TestThrottled holds that a service which asked to be left alone is not asked until then, however many calls there are.
func TestThrottled(t *testing.T) {
	for name, test := range map[string]struct{ after, quiet time.Duration }{
		"as it asked":           {20 * time.Second, 20 * time.Second},
		"half a minute at most": {time.Hour, 30 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, time.Hour, func(t *testing.T, i *issuer, c *Cache) {
				later := &providers.Error{Failure: providers.Throttled, Message: "later", RetryAfter: test.after}
				i.fail(later)
				wantLater := func(want time.Duration) {
					t.Helper()
					_, err := c.Authorization(t.Context())
					e, ok := errors.AsType[*providers.Error](err)
					if !ok || e.Failure != providers.Throttled || e.Message != "later" || e.RetryAfter != want {
						t.Errorf("got %+v, want it to say %s", err, want)
					}
				}
				wantLater(test.after)
				i.err.Store(nil)
				for left := test.quiet; left > 0; left -= time.Second {
					wantLater(left)
					time.Sleep(time.Second)
				}
				if n := i.asked.Load(); n != 1 || later.RetryAfter != test.after {
					t.Errorf("%d requests while the service wants none; the error was changed: %+v", n, later)
				}
				check(t, c, "Bearer 2")
			})
		})
	}
}

// TestThrottledRenewal holds that a token which still serves does so while its service is left alone, and that a refused one
// is not the way around.
func TestThrottledRenewal(t *testing.T) {
	bubble(t, time.Hour, func(t *testing.T, i *issuer, c *Cache) {
		check(t, c, "Bearer 1")
		i.fail(&providers.Error{Failure: providers.Throttled, RetryAfter: 20 * time.Second})
		time.Sleep(56 * time.Minute)
		for range 10 {
			check(t, c, "Bearer 1")
			time.Sleep(time.Second)
		}
		c.Refused("Bearer 1")
		if _, err := c.Authorization(t.Context()); providers.FailureOf(err) != providers.Throttled {
			t.Errorf("got %v", err)
		}
		if n := i.asked.Load(); n != 2 {
			t.Errorf("%d requests, want the first and one renewal", n)
		}
		i.err.Store(nil)
		time.Sleep(20 * time.Second)
		check(t, c, "Bearer 3")
	})
}
