package azureeventgrid

import (
	"net/http"

	"github.com/eventgateway/eventgateway/providers"
)

// explain tells what Event Grid's statuses mean. Permanent is only what lies in the event itself.
func (f *invoker) explain(resp *http.Response, e *providers.Error) {
	switch status := resp.StatusCode; {
	case status == http.StatusUnauthorized:
		f.bearer.Refused(resp)
		if f.bearer == nil {
			unreachable(e, "Event Grid refuses the key: check provider.accessKey, which is a key of this topic")
		} else {
			unreachable(e, "Event Grid refuses the token: check that the identity is in the directory of the topic's subscription, "+
				"and that provider.endpoint is a topic's")
		}
	case status == http.StatusForbidden && f.bearer != nil:
		unreachable(e, "Event Grid forbids the call: the identity needs the role EventGrid Data Sender on the topic, "+
			"and the topic's network rules have to let the gateway in")
	case status == http.StatusForbidden:
		unreachable(e, "Event Grid forbids the call: the topic has to allow access keys, and its network rules to let the gateway in")
	case status == http.StatusNotFound:
		unreachable(e, "there is no such topic: check provider.endpoint, with its region and its path /api/events")
	case status == http.StatusBadRequest:
		e.Message = "Event Grid does not accept the event: the topic's input schema has to be Cloud Event Schema v1.0"
	case status == http.StatusRequestEntityTooLarge:
		e.Message = "the event is larger than the 1 MB Event Grid takes"
	case status == http.StatusTooManyRequests:
		e.Message = "Event Grid throttles events for the topic"
	case status/100 == 5:
		e.Message = "Event Grid did not take the event: " + http.StatusText(status)
	}
}

func unreachable(e *providers.Error, message string) {
	e.Failure, e.Permanent, e.Message = providers.Unreachable, false, message
}
