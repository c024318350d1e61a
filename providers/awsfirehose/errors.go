package awsfirehose

import (
	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/awsaccount"
)

// service names the stream in messages.
func service(stream string) awsaccount.Service {
	return awsaccount.Service{
		Name: "Amazon Data Firehose", Permission: "firehose:PutRecordBatch", Resource: "delivery stream " + stream,
		Field: "deliveryStreamName", Action: "take the event", Explain: explain,
	}
}

// explain tells what the documented error codes of PutRecordBatch mean. ServiceUnavailableException is how Firehose says, of a
// request and of a record, that the stream's throughput is used up.
func explain(code string, e *providers.Error) bool {
	switch code {
	case "ServiceUnavailableException":
		e.Failure, e.Message = providers.Throttled, "Amazon Data Firehose takes no more at the moment: the stream's throughput is used up"
	case "InvalidKMSResourceException":
		e.Message = "Amazon Data Firehose cannot use the stream's KMS key: check that it is enabled and that the stream may use it"
	case "InvalidSourceException":
		e.Message = "the delivery stream takes its records from elsewhere: only one with the source Direct PUT takes events"
	case "InvalidArgumentException", "ValidationException", "SerializationException":
		large := tooLarge()
		e.Failure, e.Permanent, e.Message = large.Failure, large.Permanent, large.Message
	default:
		return false
	}
	return true
}

// tooLarge is the error for what Firehose takes in no request.
func tooLarge() *providers.Error {
	return &providers.Error{
		Failure: providers.FunctionFailed, Permanent: true,
		Message: "Amazon Data Firehose does not take the event, most often because it is larger than 1,000 KiB",
	}
}
