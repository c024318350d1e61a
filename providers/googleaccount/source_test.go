package googleaccount

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"cloud.google.com/go/auth"
	"github.com/eventgateway/eventgateway/providers"
)

// A token is used for its time, and for a minute where it does not say.
func TestTimeOfAToken(t *testing.T) {
	for name, test := range map[string]struct{ life, want time.Duration }{
		"an hour":      {time.Hour, 59*time.Minute + 50*time.Second},
		"does not say": {0, 52*time.Second + 500*time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				issued := 0
				c := newCache(func(context.Context) (*auth.Token, error) {
					if issued++; issued > 1 {
						return nil, providers.Errorf(providers.Unreachable, "down")
					}
					token := &auth.Token{Value: "x"}
					if test.life > 0 {
						token.Expiry = time.Now().Add(test.life)
					}
					return token, nil
				})
				defer c.Close()
				for _, wait := range []time.Duration{0, test.want - 1} {
					time.Sleep(wait)
					if got, err := c.Authorization(t.Context()); err != nil || got[0] != "Bearer x" {
						t.Errorf("after %s: got %q, error %v", wait, got, err)
					}
				}
				time.Sleep(time.Nanosecond)
				if got, err := c.Authorization(t.Context()); err == nil || err.Error() != "down" {
					t.Errorf("at its end: got %q, error %v", got, err)
				}
			})
		})
	}
}

// What there is to say where no token comes in time, or what comes is none.
func TestNoToken(t *testing.T) {
	for name, test := range map[string]struct {
		token   *auth.Token
		takes   time.Duration
		failure providers.Failure
		want    string
	}{
		"late":    {nil, time.Minute, providers.TimedOut, "no whole answer from Google's token endpoint in time"},
		"nothing": {nil, 0, providers.Unreachable, "the answer to the request for a Google token holds none"},
		"empty":   {new(auth.Token), 0, providers.Unreachable, "the answer to the request for a Google token holds none"},
		"ended": {
			&auth.Token{Value: "x", Expiry: time.Unix(1, 0)}, 0, providers.Unreachable,
			"the Google token has ended before it came: check the server's clock",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCache(func(ctx context.Context) (*auth.Token, error) {
					select {
					case <-time.After(test.takes):
					case <-ctx.Done():
						return nil, ctx.Err()
					}
					return test.token, nil
				})
				defer c.Close()
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				_, err := c.Authorization(ctx)
				if providers.FailureOf(err) != test.failure || err.Error() != test.want {
					t.Errorf("got error %v, want %q", err, test.want)
				}
			})
		})
	}
}
