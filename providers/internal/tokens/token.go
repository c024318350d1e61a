package tokens

import (
	"strings"
	"time"

	"github.com/eventgateway/eventgateway/providers"
)

const (
	// ahead is how long before its end a token is renewed; of a short-lived one the last quarter.
	ahead = 5 * time.Minute
	// margin is how long before its end a token is not used any more: clocks differ, and a call takes its time. Of a short-lived
	// one the last eighth.
	margin = 10 * time.Second
)

// Token is what a Cache keeps.
type Token struct {
	// Text is a bearer token, without that word.
	Text string
	// Expires is when it is no good any more; zero if nobody said, so that it is used until it is refused.
	Expires time.Time
}

// held is a token that serves, with the header that it goes out in.
type held struct {
	header []string
	// renew is when another is asked for, expires when this one is not used any more; zero for never.
	renew, expires time.Time
}

// hold says how long a token is used. Kind names it in messages.
func hold(token Token, kind string, now time.Time) (*held, error) {
	if token.Text == "" || strings.ContainsFunc(token.Text, func(r rune) bool { return r <= ' ' || r == '\x7f' }) {
		return nil, providers.Errorf(providers.Unreachable, "the answer to the request for a %s holds none", kind)
	}
	t := &held{header: []string{"Bearer " + token.Text}}
	if token.Expires.IsZero() {
		return t, nil
	}
	life := token.Expires.Sub(now)
	if life <= 0 {
		return nil, providers.Errorf(providers.Unreachable, "the %s has ended before it came: check the server's clock", kind)
	}
	t.renew = token.Expires.Add(-min(ahead, life/4))
	t.expires = token.Expires.Add(-min(margin, life/8))
	return t, nil
}

// serves reports whether calls go out with the token; not if it is nil.
func (t *held) serves(now time.Time) bool {
	return t != nil && (t.expires.IsZero() || now.Before(t.expires))
}

// due reports whether it is time to ask for another.
func (t *held) due(now time.Time) bool { return !t.renew.IsZero() && !now.Before(t.renew) }
