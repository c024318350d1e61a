package openwhisk

import (
	"net/http"

	"github.com/eventgateway/eventgateway/providers"
)

// statusError tells what an answer of OpenWhisk itself means, which is none of the action's. Its texts are left out.
func (f *invoker) statusError(a *answer) *providers.Error {
	e := providers.StatusError(a.status, a.header)
	switch a.status {
	case http.StatusUnauthorized:
		unreachable(e, "OpenWhisk does not know the credentials: check provider.auth")
	case http.StatusForbidden:
		unreachable(e, "OpenWhisk forbids the call: the credentials of provider.auth need the right to activate action "+f.name+
			" in namespace "+f.namespace)
	case http.StatusNotFound:
		unreachable(e, "there is no action "+f.name+" in namespace "+f.namespace+
			": check provider.action, provider.package, provider.namespace and provider.apiHost")
	case http.StatusBadRequest:
		e.Message = "OpenWhisk does not accept the call: the payload is malformed, or sets parameters that the action has made final"
	case http.StatusRequestEntityTooLarge:
		e.Message = "the payload is larger than OpenWhisk takes"
	case http.StatusTooManyRequests:
		e.Message = "OpenWhisk throttles the namespace: it has too many calls in a minute, or too many at once"
	case http.StatusServiceUnavailable:
		e.Message = "OpenWhisk cannot take the call now"
		if e.Failure != providers.Throttled {
			e.Failure = providers.Unreachable
		}
	}
	return e
}

func unreachable(e *providers.Error, message string) {
	e.Failure, e.Permanent, e.Message = providers.Unreachable, false, message
}
