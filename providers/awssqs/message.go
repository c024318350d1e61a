package awssqs

import (
	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/internal/awsmessage"
)

// checkBody refuses what SQS takes in no message, before it takes others of a request with it.
func checkBody(body string) error {
	switch {
	case body == "":
		return refused("Amazon SQS takes no empty message: use format event or cloudevents")
	case len(body) > maxBytes:
		return refused("the event is larger than the 1 MiB that Amazon SQS takes")
	case !awsmessage.IsText(body):
		return refused("Amazon SQS takes no message but text: use format event or cloudevents")
	}
	return nil
}

func refused(message string) *providers.Error {
	return &providers.Error{Failure: providers.FunctionFailed, Permanent: true, Message: message}
}
