package azureaccount

import (
	"context"
	"time"

	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/egress"
	"github.com/eventgateway/eventgateway/providers/internal/tokens"
)

const (
	// fetchTimeout bounds one request for a token.
	fetchTimeout = 10 * time.Second
	// unsaid is how long a token is taken to live that does not say; every real one does.
	unsaid = 5 * time.Minute
)

// settings are all that a token depends on.
type settings struct {
	account  Account
	resource string
	egress   *egress.Guard
}

// shared has the tokens of all functions.
var shared tokens.Shared[settings]

// open returns the tokens of an account for a resource. It does no I/O. They are to be released.
func (a *Account) open(env providers.Env, resource string) (cache *tokens.Cache, release func()) {
	s := settings{*a, resource, env.Egress}
	return shared.Open(s, func() *tokens.Cache { return newCache(s.source()) })
}

func newCache(fetch func(ctx context.Context) (tokens.Token, error)) *tokens.Cache {
	return tokens.New(tokens.Config{Fetch: fetch, Service: "the token service", Kind: "token of Azure", Timeout: fetchTimeout})
}

// source returns where the tokens come from.
func (s settings) source() func(ctx context.Context) (tokens.Token, error) {
	switch {
	case s.account.ManagedIdentity:
		return s.fromMachine
	case s.account.WorkloadIdentity:
		return s.fromFile
	default:
		return s.fromSecret
	}
}
