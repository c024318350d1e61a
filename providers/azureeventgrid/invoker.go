package azureeventgrid

import (
	"context"
	"net/http"
	"net/url"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/azureaccount"
	"github.com/eventgateway/eventgateway/providers/httpcall"
)

// resource is what tokens for all topics are for, in every cloud of Microsoft's.
const resource = "https://eventgrid.azure.net"

// domains are those of Event Grid's own endpoints, in Microsoft's public cloud and its national ones. Nobody else gets to see
// what is sent there.
var domains = []string{"eventgrid.azure.net", "eventgrid.azure.us", "eventgrid.azure.cn"}

// invoker publishes to one topic.
type invoker struct {
	caller *httpcall.Caller
	// bearer is nil when an access key is sent.
	bearer *azureaccount.Bearer
}

func newInvoker(p *Provider, target *url.URL, env providers.Env) *invoker {
	f := &invoker{bearer: p.Account.Bearer(env, resource, target, domains...)}
	config := httpcall.Config{
		URL: target, Header: http.Header{"User-Agent": {"event-gateway"}},
		MaxResponse: env.MaxResponse, Transport: httpcall.Transport(env.Egress),
		Explain: f.explain,
	}
	if f.bearer != nil {
		config.Authorize = f.bearer.Authorize
	} else {
		config.Header["Aeg-Sas-Key"] = []string{p.AccessKey}
	}
	f.caller = httpcall.New(config)
	return f
}

// Invoke implements providers.Invoker. Event Grid says nothing where it took an event; the answer is an empty object then.
func (f *invoker) Invoke(ctx context.Context, call *providers.Call) (*providers.Result, error) {
	result, err := f.caller.Invoke(ctx, &providers.Call{
		Payload: document(call), ContentType: eventgateway.TypeCloudEvent + "; charset=utf-8",
	})
	if err == nil && len(result.Body) == 0 {
		result = &providers.Result{ContentType: eventgateway.TypeJSON, Body: []byte("{}")}
	}
	return result, err
}

// Close implements io.Closer.
func (f *invoker) Close() error {
	f.bearer.Close()
	return nil
}
