package awssns

import (
	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/awsaccount"
)

// service names the topic in messages.
func service(topic string) awsaccount.Service {
	s := awsaccount.Service{
		Name: "Amazon SNS", Permission: "sns:Publish", Resource: "topic " + topic, Field: "topicArn", Action: "take the event",
	}
	s.Explain = func(code string, e *providers.Error) bool { return explain(topic, code, e) }
	return s
}

// explain tells what the documented error codes of PublishBatch and its messages mean.
func explain(topic, code string, e *providers.Error) bool {
	switch code {
	case "Throttled", "ThrottledException", "KMSThrottling", "KMSThrottlingException":
		e.Failure, e.Message = providers.Throttled, "AWS throttles calls to topic "+topic
	case "KMSAccessDenied", "KMSAccessDeniedException":
		e.Message = "AWS KMS refuses the use of the topic's key: the credentials need the permissions kms:GenerateDataKey and " +
			"kms:Decrypt on it"
	case "BatchRequestTooLong", "InvalidParameter", "InvalidParameterException", "InvalidParameterValue",
		"InvalidParameterValueException", "ParameterValueInvalid", "SerializationException":
		e.Failure, e.Permanent = providers.FunctionFailed, true
		e.Message = "Amazon SNS does not take the event, by its size, its characters, or its group: " + code
	default:
		return false
	}
	return true
}
