package awsstepfunctions

import (
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/awsaccount"
)

// service names the state machine in messages.
func service(machine, permission string) awsaccount.Service {
	s := awsaccount.Service{
		Name: "AWS Step Functions", Permission: permission, Resource: "state machine " + machine,
		Field: "stateMachineArn with its version or alias", Action: "start the execution",
	}
	s.Explain = func(code string, e *providers.Error) bool { return explain(machine, code, e) }
	return s
}

// explain tells what the documented error codes of StartExecution and StartSyncExecution mean.
func explain(machine, code string, e *providers.Error) bool {
	switch code {
	case "ExecutionLimitExceeded", "KmsThrottlingException":
		e.Failure = providers.Throttled
		e.Message = "AWS Step Functions starts no more executions for now: " + code
	case "StateMachineDoesNotExist", "StateMachineDeleting":
		e.Message = "there is no state machine " + machine + ", or it is being deleted: check provider.stateMachineArn with its " +
			"version or alias, and provider.region"
	case "StateMachineTypeNotSupported":
		e.Message = "provider.mode sync is for express workflows, which state machine " + machine + " is not: use async"
	case "KmsAccessDeniedException":
		e.Message = "AWS KMS refuses the use of the state machine's key: the credentials need the permissions kms:GenerateDataKey " +
			"and kms:Decrypt on it"
	case "InvalidExecutionInput", "ValidationException", "SerializationException":
		e.Failure, e.Permanent = providers.FunctionFailed, true
		e.Message = "AWS Step Functions takes no input but JSON of at most 256 KiB: use format event or cloudevents"
	default:
		return false
	}
	return true
}

// executionError tells how an execution ended that did not succeed. Of what it says only the error's name is shown; its cause
// may hold anything.
func executionError(out *sfn.StartSyncExecutionOutput) *providers.Error {
	e := &providers.Error{Failure: providers.FunctionFailed, Status: http.StatusOK}
	switch out.Status {
	case types.SyncExecutionStatusTimedOut:
		e.Failure, e.Message = providers.TimedOut, "the execution ran longer than its state machine lets it"
	case types.SyncExecutionStatusFailed:
		e.Message = "the execution failed"
	default:
		return providers.Errorf(providers.BadAnswer, "AWS Step Functions did not say how the execution ended")
	}
	if name := aws.ToString(out.Error); awsaccount.IsName(name) {
		e.Message += ": " + name
	}
	return e
}
