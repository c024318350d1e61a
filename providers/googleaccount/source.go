package googleaccount

import (
	"context"
	"net/http"
	"time"

	"cloud.google.com/go/auth"
	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/egress"
	"github.com/eventgateway/eventgateway/providers/httpcall"
	"github.com/eventgateway/eventgateway/providers/internal/tokens"
)

// settings are what makes two functions need different tokens.
type settings struct {
	guard       *egress.Guard
	credentials string
	want        Want
}

// sources has the tokens of all functions.
var sources tokens.Shared[settings]

// Source has the tokens of one account for one purpose, shared by all functions that need the same. It is safe for concurrent
// use.
type Source struct {
	cache   *tokens.Cache
	release func()
}

// Open returns the tokens of a function's credentials, of the server's own where they are empty. It does no I/O. The source is
// to be released.
func Open(env providers.Env, credentials string, want Want) (*Source, error) {
	var from issuer = server{}
	transport := http.DefaultTransport
	if credentials != "" {
		own, err := parse(credentials, want.Audience != "")
		if err != nil {
			return nil, err
		}
		from, transport = own, httpcall.Transport(env.Egress)
	}
	cache, release := sources.Open(settings{env.Egress, credentials, want}, func() *tokens.Cache {
		return newCache(func(ctx context.Context) (*auth.Token, error) {
			return from.issue(ctx, &client{transport: transport}, want)
		})
	})
	return &Source{cache, release}, nil
}

func newCache(issue func(ctx context.Context) (*auth.Token, error)) *tokens.Cache {
	return tokens.New(tokens.Config{
		Service: "Google's token endpoint", Kind: "Google token",
		Fetch: func(ctx context.Context) (tokens.Token, error) {
			found, err := issue(ctx)
			switch {
			case err != nil:
				return tokens.Token{}, err
			case found == nil:
				return tokens.Token{}, nil
			case found.Expiry.IsZero():
				return tokens.Token{Text: found.Value, Expires: time.Now().Add(time.Minute)}, nil // it does not say
			}
			return tokens.Token{Text: found.Value, Expires: found.Expiry}, nil
		},
	})
}

// Release lets go of the source.
func (s *Source) Release() { s.release() }

// Authorization returns the value of the Authorization header, not to be changed. It waits only where there is no token that
// is good; one that ends soon is renewed beside the call. A failure is a *providers.Error.
func (s *Source) Authorization(ctx context.Context) ([]string, error) {
	return s.cache.Authorization(ctx)
}

// Refused tells that the other side did not accept a request with that header: the next call has a new token, unless one was
// exchanged so within the last half minute.
func (s *Source) Refused(header string) { s.cache.Refused(header) }
