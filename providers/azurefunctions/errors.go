package azurefunctions

import (
	"net/http"

	"github.com/eventgateway/eventgateway/providers"
)

// explain tells what the statuses of Azure's own mean. A function may answer with them too, and then the advice misses; that a
// person can put them right, so that they are not permanent, holds in both cases.
func (f *invoker) explain(resp *http.Response, e *providers.Error) {
	switch resp.StatusCode {
	case http.StatusUnauthorized:
		f.bearer.Refused(resp)
		unreachable(e, "Azure Functions refuses the call: "+f.provider.unauthorized())
	case http.StatusForbidden:
		unreachable(e, "Azure Functions forbids the call: "+f.provider.forbidden())
	case http.StatusNotFound:
		unreachable(e, "there is no such function: check provider.url, with the app's route prefix (/api unless it says otherwise), "+
			"and that the function is enabled and takes POST")
	case http.StatusTooManyRequests:
		e.Message = "Azure Functions has too many calls in hand: the app is at its limits of scale or concurrency"
	case http.StatusServiceUnavailable:
		e.Message = "the function's app does not run: it is starting, stopped or out of its quota"
		if e.Failure != providers.Throttled {
			e.Failure = providers.Unreachable
		}
	case http.StatusBadGateway, http.StatusGatewayTimeout:
		e.Message += ": Azure ends calls that take longer than 230 seconds, whatever the function's timeout"
	}
}

func unreachable(e *providers.Error, message string) {
	e.Failure, e.Permanent, e.Message = providers.Unreachable, false, message
}

func (p *Provider) unauthorized() string {
	switch {
	case p.FunctionKey != "" && p.Account.IsSet():
		return "check provider.functionKey, and that the app's authentication accepts tokens for provider.resource"
	case p.FunctionKey != "":
		return "check provider.functionKey: want a key of the function, or a host key of its app"
	case p.Account.IsSet():
		return "check that the app's authentication accepts tokens for provider.resource from the identity's directory"
	}
	return "it wants credentials: set provider.functionKey, or an identity and provider.resource"
}

func (p *Provider) forbidden() string {
	const stopped = ", that the app is not stopped, and that its access restrictions let the gateway in"
	if p.Account.IsSet() {
		return "check that the app's authentication allows the identity's application" + stopped
	}
	return "check whether the app wants an identity" + stopped
}
