package azureaccount

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/internal/tokens"
)

// giving gives tokens of an hour, one after the other, and then the last again.
func giving(texts ...string) func(context.Context) (tokens.Token, error) {
	return func(context.Context) (tokens.Token, error) {
		text := texts[0]
		if len(texts) > 1 {
			texts = texts[1:]
		}
		return tokens.Token{Text: text, Expires: time.Now().Add(time.Hour)}, nil
	}
}

// A request goes on when those who waited have given up, and is ended when it takes too long or nobody needs it any more.
func TestGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := newCache(func(ctx context.Context) (tokens.Token, error) {
			time.Sleep(time.Second)
			return giving("1")(ctx)
		})
		for range 2 {
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			_, err := slow.Authorization(ctx)
			if providers.FailureOf(err) != providers.TimedOut || err.Error() != "no whole answer from the token service in time" {
				t.Errorf("got error %v, want a timeout", err)
			}
			cancel()
		}
		if got, err := slow.Authorization(t.Context()); err != nil || got[0] != "Bearer 1" {
			t.Errorf("got %q, error %v", got, err)
		}

		hanging := newCache(func(ctx context.Context) (tokens.Token, error) {
			<-ctx.Done()
			return tokens.Token{}, noToken(ctx, "host", ctx.Err())
		})
		start := time.Now()
		_, err := hanging.Authorization(t.Context())
		if took := time.Since(start); providers.FailureOf(err) != providers.Unreachable || took != fetchTimeout {
			t.Errorf("after %s got error %v", took, err)
		}
		time.AfterFunc(time.Second, hanging.Close)
		_, err = hanging.Authorization(t.Context())
		if took := time.Since(start); providers.FailureOf(err) != providers.Unreachable || took != fetchTimeout+time.Second {
			t.Errorf("after %s got error %v", took, err)
		}
	})
}

// A token that came too late to be used is told apart from one that did not come.
func TestEnded(t *testing.T) {
	c := newCache(func(context.Context) (tokens.Token, error) {
		return tokens.Token{Text: "x", Expires: time.Unix(1, 0)}, nil
	})
	_, err := c.Authorization(t.Context())
	const want = "the token of Azure has ended before it came: check the server's clock"
	if providers.FailureOf(err) != providers.Unreachable || err.Error() != want {
		t.Errorf("got error %v, want %q", err, want)
	}
}

func TestShared(t *testing.T) {
	a := Account{TenantID: id, ClientID: id, ClientSecret: "shared"}
	other := a
	other.ClientSecret = "other"
	one, releaseOne := a.open(providers.Env{}, "api://a")
	two, releaseTwo := a.open(providers.Env{Space: "another"}, "api://a")
	resource, releaseResource := a.open(providers.Env{}, "api://b")
	secret, releaseSecret := other.open(providers.Env{}, "api://a")
	defer releaseResource()
	defer releaseSecret()
	if one != two || one == resource || one == secret {
		t.Error("functions share tokens if, and only if, their settings are equal")
	}
	releaseOne()
	again, release := a.open(providers.Env{}, "api://a")
	if again != two {
		t.Error("tokens in use were let go")
	}
	release()
	releaseTwo()
	again, release = a.open(providers.Env{}, "api://a")
	defer release()
	if again == two {
		t.Error("tokens that nobody uses were kept")
	}
}
