package httpprovider

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/httpcall"
)

// Open implements providers.Provider.
func (p *Provider) Open(env providers.Env) (providers.Invoker, error) {
	if p.ClientCertificate == nil {
		return p.open(env, httpcall.Transport(env.Egress))
	}
	transport, release, err := p.ClientCertificate.transport(env.Egress)
	if err != nil {
		return nil, err
	}
	f, err := p.open(env, transport)
	if err != nil {
		release()
		return nil, err
	}
	return &invoker{f, release}, nil
}

// invoker is one that holds something which others may share.
type invoker struct {
	providers.Invoker
	release func()
}

// Close implements io.Closer.
func (f *invoker) Close() error {
	f.release()
	if inner, ok := f.Invoker.(*invoker); ok {
		return inner.Close()
	}
	return nil
}

func (p *Provider) open(env providers.Env, transport http.RoundTripper) (providers.Invoker, error) {
	target, err := httpcall.ParseURL("url", p.URL)
	if err != nil {
		return nil, err
	}
	config := httpcall.Config{
		URL: target, Method: p.Method, Header: http.Header{"User-Agent": {"event-gateway"}},
		MaxResponse: env.MaxResponse, Transport: transport,
	}
	switch user := target.User; {
	case p.Basic != nil:
		config.Header.Set("Authorization", basicAuthorization(p.Basic.Username, p.Basic.Password))
	case p.Bearer != "":
		config.Header.Set("Authorization", "Bearer "+p.Bearer)
	case user != nil:
		password, _ := user.Password()
		config.Header.Set("Authorization", basicAuthorization(user.Username(), password))
	}
	for name, value := range p.Headers {
		if strings.EqualFold(name, "Host") {
			config.Host = value
			continue
		}
		config.Header.Set(name, value)
	}
	var keys [][]byte
	if p.Signing != nil {
		if keys, err = p.Signing.keys(); err != nil {
			return nil, err
		}
		config.Authorize = func(_ context.Context, header http.Header, call *providers.Call) error {
			sign(keys, header, call, time.Now())
			return nil
		}
	}
	if p.OAuth2 == nil {
		return httpcall.New(config), nil
	}
	cache, release, err := p.OAuth2.open(env.Egress)
	if err != nil {
		return nil, err
	}
	config.Explain = func(resp *http.Response, e *providers.Error) {
		explainRefusal(cache, resp.Request.Header.Get("Authorization"), e)
	}
	config.Authorize = authorizeBy(cache, keys)
	return &invoker{httpcall.New(config), release}, nil
}
