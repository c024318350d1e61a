package awssqs

import (
	"strings"

	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/awsaccount"
)

// service names the queue in messages.
func service(queue string) awsaccount.Service {
	s := awsaccount.Service{
		Name: "Amazon SQS", Permission: "sqs:SendMessage", Resource: "queue " + queue, Field: "queueUrl", Action: "take the event",
	}
	s.Explain = func(code string, e *providers.Error) bool { return explain(queue, code, e) }
	return s
}

// explain tells what the documented error codes of SendMessageBatch mean. SQS has two names for most of them: that of its old
// protocol, which the SDK shows where the service tells it, and that of its present one.
func explain(queue, code string, e *providers.Error) bool {
	switch strings.TrimPrefix(code, "AWS.SimpleQueueService.") {
	case "OverLimit", "KmsThrottled", "KMS.ThrottlingException":
		e.Failure, e.Message = providers.Throttled, "AWS throttles calls to queue "+queue
	case "NonExistentQueue", "QueueDoesNotExist", "QueueDeletedRecently":
		e.Message = "there is no queue " + queue + ": check provider.queueUrl and provider.region"
	case "InvalidAddress", "InvalidSecurity":
		e.Message = "Amazon SQS does not take the queue's address: check provider.queueUrl and provider.endpoint"
	case "KmsAccessDenied", "KMS.AccessDeniedException":
		e.Message = "AWS KMS refuses the use of the queue's key: the credentials need the permissions kms:GenerateDataKey and " +
			"kms:Decrypt on it"
	case "BatchRequestTooLong", "InvalidMessageContents", "InvalidAttributeValue", "InvalidParameterValue",
		"MissingParameter", "SerializationException":
		e.Failure, e.Permanent = providers.FunctionFailed, true
		e.Message = "Amazon SQS does not take the event, by its size, its characters, or its group: " + code
	default:
		return false
	}
	return true
}
