package awskinesis

import (
	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/awsaccount"
)

// service names the stream in messages.
func service(stream string) awsaccount.Service {
	return awsaccount.Service{
		Name: "Amazon Kinesis", Permission: "kinesis:PutRecords", Resource: "stream " + stream,
		Field: "streamName", Action: "take the event", Explain: explain,
	}
}

// explain tells what the documented error codes of PutRecords mean.
func explain(code string, e *providers.Error) bool {
	switch code {
	case "KMSThrottlingException":
		e.Failure, e.Message = providers.Throttled, "AWS KMS throttles the use of the stream's key"
	case "KMSAccessDeniedException":
		e.Message = "AWS KMS refuses the use of the stream's key: the credentials need the permission kms:GenerateDataKey on it"
	case "InvalidArgumentException", "ValidationException", "SerializationException":
		e.Failure, e.Permanent = providers.FunctionFailed, true
		e.Message = "Amazon Kinesis does not take the event, most often because it is too large"
	default:
		return false
	}
	return true
}
