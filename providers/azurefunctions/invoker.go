package azurefunctions

import (
	"net/http"
	"net/url"

	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/azureaccount"
	"github.com/eventgateway/eventgateway/providers/httpcall"
)

// keyHeader is where the Functions host looks for a key. A canonical name goes out over HTTP/2 in lower case, and the host
// does not tell case apart.
const keyHeader = "X-Functions-Key"

// invoker calls one function.
type invoker struct {
	*httpcall.Caller
	provider *Provider
	// bearer is nil when no token is sent.
	bearer *azureaccount.Bearer
}

func newInvoker(p *Provider, target *url.URL, env providers.Env) *invoker {
	f := &invoker{provider: p, bearer: p.Account.Bearer(env, p.Resource, target)}
	config := httpcall.Config{
		URL: target, Header: http.Header{"User-Agent": {"event-gateway"}},
		MaxResponse: env.MaxResponse, Transport: httpcall.Transport(env.Egress),
		Explain: f.explain,
	}
	if p.FunctionKey != "" {
		config.Header[keyHeader] = []string{p.FunctionKey}
	}
	if f.bearer != nil {
		config.Authorize = f.bearer.Authorize
	}
	f.Caller = httpcall.New(config)
	return f
}

// Close implements io.Closer.
func (f *invoker) Close() error {
	f.bearer.Close()
	return nil
}
