package tokens

import (
	"context"
	"testing"
	"time"

	"github.com/eventgateway/eventgateway/providers"
)

func TestHold(t *testing.T) {
	now := time.Now()
	const none, ended = "the answer to the request for a wooden token holds none", "the wooden token has ended before it came: check the server's clock"
	for name, test := range map[string]struct {
		token         Token
		renew, expire time.Duration
		err           string
	}{
		"an hour":          {Token{"x", now.Add(time.Hour)}, 55 * time.Minute, 59*time.Minute + 50*time.Second, ""},
		"a minute":         {Token{"x", now.Add(time.Minute)}, 45 * time.Second, 52*time.Second + 500*time.Millisecond, ""},
		"ended":            {Token{"x", now}, 0, 0, ended},
		"long ended":       {Token{"x", now.Add(-time.Hour)}, 0, 0, ended},
		"empty":            {Token{"", now.Add(time.Hour)}, 0, 0, none},
		"two words":        {Token{"x y", now.Add(time.Hour)}, 0, 0, none},
		"another header":   {Token{"x\r\nHost: y", now.Add(time.Hour)}, 0, 0, none},
		"a control":        {Token{"x\x7f", time.Time{}}, 0, 0, none},
		"empty, no expiry": {Token{}, 0, 0, none},
	} {
		got, err := hold(test.token, "wooden token", now)
		if test.err != "" {
			if providers.FailureOf(err) != providers.Unreachable || err.Error() != test.err {
				t.Errorf("%s: got %+v, error %v", name, got, err)
			}
			continue
		}
		if err != nil || got.renew.Sub(now) != test.renew || got.expires.Sub(now) != test.expire || got.header[0] != "Bearer x" {
			t.Errorf("%s: got %+v, error %v", name, got, err)
		}
	}
}

// TestUseless holds that a token which is none is the failure of those who wait, and kept from nobody after them.
func TestUseless(t *testing.T) {
	life := -time.Second
	c := New(Config{Kind: "wooden token", Fetch: func(context.Context) (Token, error) {
		return Token{"x", time.Now().Add(life)}, nil
	}})
	defer c.Close()
	if _, err := c.Authorization(t.Context()); err == nil || err.Error() != "the wooden token has ended before it came: check the server's clock" {
		t.Errorf("got %v", err)
	}
	life = time.Hour
	check(t, c, "Bearer x")
}
