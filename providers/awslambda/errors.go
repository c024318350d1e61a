package awslambda

import (
	"encoding/json"

	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/awsaccount"
)

// service names the function in messages.
func service(function string) awsaccount.Service {
	return awsaccount.Service{
		Name: "AWS Lambda", Permission: "lambda:InvokeFunction", Resource: function,
		Field: "arn with its version or alias", Action: "call the function", Explain: explain,
	}
}

// explain tells what the documented error codes of Invoke mean.
func explain(code string, e *providers.Error) bool {
	switch code {
	case "ENILimitReachedException", "SubnetIPAddressLimitReachedException":
		e.Failure = providers.Throttled
		e.Message = "AWS Lambda finds no network interface or address for another instance of the function: " + code
	case "RequestTooLargeException", "RequestEntityTooLargeException":
		e.Failure, e.Permanent = providers.FunctionFailed, true
		e.Message = "the payload is larger than AWS Lambda takes"
	case "InvalidRequestContentException", "UnsupportedMediaTypeException", "SerializationException":
		e.Failure, e.Permanent = providers.FunctionFailed, true
		e.Message = "AWS Lambda takes no payload but JSON: use format event or cloudevents"
	case "RecursiveInvocationException":
		e.Failure, e.Permanent = providers.FunctionFailed, true
		e.Message = "AWS Lambda stopped a loop of calls that leads back to the function"
	default:
		return false
	}
	return true
}

// functionError tells what a function reported: Handled (it returned an error) or Unhandled (it crashed or timed out).
// Of the payload only the error's type is shown; its message and trace may hold anything.
func functionError(kind string, status int, payload []byte) *providers.Error {
	var report struct {
		ErrorType string `json:"errorType"`
	}
	_ = json.Unmarshal(payload, &report) // what cannot be read has no type
	e := &providers.Error{Failure: providers.FunctionFailed, Status: status, Message: "the function failed"}
	if kind == "Unhandled" {
		e.Message = "the function failed without handling it"
	}
	if typ := report.ErrorType; awsaccount.IsName(typ) {
		e.Message += ": " + typ
	}
	return e
}
