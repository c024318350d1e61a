package awseventbridge

import (
	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/awsaccount"
)

// service names the bus in messages.
func service(bus string) awsaccount.Service {
	s := awsaccount.Service{
		Name: "Amazon EventBridge", Permission: "events:PutEvents", Resource: "event bus " + bus,
		Field: "eventBusName", Action: "take the event",
	}
	s.Explain = func(code string, e *providers.Error) bool { return explain(bus, code, e) }
	return s
}

// explain tells what the documented error codes of PutEvents and its entries mean.
func explain(bus, code string, e *providers.Error) bool {
	switch code {
	case "NotAuthorizedForSourceException":
		e.Message = "event bus " + bus + " does not take events of this source from these credentials: set provider.source, or let " +
			"the bus' policy allow the event's"
	case "NotAuthorizedForDetailTypeException":
		e.Message = "event bus " + bus + " does not take events of this type from these credentials: let its policy allow them"
	case "InvalidAccountIdException":
		e.Message = "Amazon EventBridge does not know the account of event bus " + bus + ": check provider.eventBusName"
	case "MalformedDetail":
		e.Failure, e.Permanent = providers.FunctionFailed, true
		e.Message = "Amazon EventBridge takes no detail but a JSON object: use format event or cloudevents"
	case "InvalidArgument", "ValidationException", "SerializationException", "RequestEntityTooLargeException":
		e.Failure, e.Permanent = providers.FunctionFailed, true
		e.Message = "Amazon EventBridge does not take the event, by its size, or the length of its type or source: " + code
	default:
		return false
	}
	return true
}
