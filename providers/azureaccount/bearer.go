package azureaccount

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/internal/tokens"
)

// Bearer puts an account's tokens into requests to one URL. A nil Bearer is that of no account: Refused and Close do nothing.
type Bearer struct {
	tokens  *tokens.Cache
	release func()
	// denied says why a token must not go there now; it is asked before every call, since the answer may change.
	denied func() *providers.Error
}

// Bearer returns the tokens of the account for a resource, for requests to target; nil when no account is set. It does no I/O.
//
// Who may write functions says where a token goes and what it is good for. Of the server's own identity that would be a way to
// have a token for anything the server may do, so it goes only where the server's configuration says (providers.Env's
// ServerIdentity), or to a host of Microsoft's own: below one of hosts, where nobody else can read it.
func (a *Account) Bearer(env providers.Env, resource string, target *url.URL, hosts ...string) *Bearer {
	if !a.IsSet() {
		return nil
	}
	b := &Bearer{denied: func() *providers.Error { return nil }}
	b.tokens, b.release = a.open(env, resource)
	host := strings.ToLower(target.Hostname())
	if !a.IsServers() || isBelow(host, hosts) {
		return b
	}
	b.denied = func() *providers.Error {
		if target.Scheme == "https" && env.ServerIdentity != nil && env.ServerIdentity(resource, host) {
			return nil
		}
		return providers.Errorf(providers.Unreachable, "the gateway does not show its own identity to %s: its configuration has to allow it, "+
			"with server_identity %s %s for the space %s in its Caddyfile", host, resource, host, env.Space)
	}
	return b
}

func isBelow(host string, domains []string) bool {
	for _, domain := range domains {
		if strings.HasSuffix(host, "."+domain) {
			return true
		}
	}
	return false
}

// Authorize adds a token to the headers of a call, as httpcall.Config wants it. A failure is a *providers.Error.
func (b *Bearer) Authorize(ctx context.Context, header http.Header, _ *providers.Call) error {
	if err := b.denied(); err != nil {
		return err
	}
	authorization, err := b.tokens.Authorization(ctx)
	if err != nil {
		return err
	}
	header["Authorization"] = authorization
	return nil
}

// Refused says that the answer to a request refused its token: the next call asks for another, unless one was exchanged so
// within the last half minute.
func (b *Bearer) Refused(resp *http.Response) {
	if b == nil || resp.Request == nil {
		return
	}
	b.tokens.Refused(resp.Request.Header.Get("Authorization"))
}

// Close lets go of the tokens.
func (b *Bearer) Close() {
	if b != nil {
		b.release()
	}
}
