package awsstepfunctions

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/awsaccount"
	"github.com/eventgateway/eventgateway/providers/internal/awsmessage"
)

// invoker starts executions of one state machine and does not wait for them.
type invoker struct {
	arn string
	// identity is the space and id of the function, executions what the ARNs of its executions begin with.
	identity    []string
	executions  string
	service     awsaccount.Service
	account     *awsaccount.Client
	client      *sfn.Client
	maxResponse int64
}

// Close implements io.Closer.
func (f *invoker) Close() error {
	f.account.Release()
	return nil
}

// started is what Step Functions says of an execution it has started.
type started struct {
	ExecutionARN string     `json:"executionArn"`
	StartDate    *time.Time `json:"startDate,omitempty"`
}

// Invoke implements providers.Invoker.
func (f *invoker) Invoke(ctx context.Context, call *providers.Call) (*providers.Result, error) {
	name := executionName(f.identity, call)
	var answer started
	out, err := f.client.StartExecution(ctx, &sfn.StartExecutionInput{
		StateMachineArn: &f.arn, Name: &name, Input: input(call),
	})
	var exists *types.ExecutionAlreadyExists
	switch {
	case errors.As(err, &exists): // an attempt before this one started it
		answer.ExecutionARN = f.executions + ":" + name
	case err != nil:
		return nil, f.account.Failure(ctx, &f.service, err)
	case out.ExecutionArn == nil:
		return nil, providers.Errorf(providers.BadAnswer, "AWS Step Functions did not say which execution it started")
	default:
		answer = started{*out.ExecutionArn, out.StartDate}
	}
	body, err := json.Marshal(answer)
	return &providers.Result{ContentType: "application/json", Body: body}, err
}

// input returns the execution's input; nil, for which Step Functions takes {}, when there is none.
func input(call *providers.Call) *string {
	if len(call.Payload) == 0 {
		return nil
	}
	return aws.String(string(call.Payload))
}

// executionName is the same for all attempts of one delivery to the function. It begins with the event's id, for people to find,
// as far as a name may hold it.
func executionName(identity []string, call *providers.Call) string {
	const most, hash = 80, 32 // characters, those of the hash among them
	id := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || r == '-' || r == '_' {
			return r
		}
		return '_'
	}, call.Event.ID)
	id = id[:min(len(id), most-hash-1)]
	return id + "-" + awsmessage.Digest(append(identity[:2:2], awsmessage.DeduplicationID(call))...)[:hash]
}

// syncInvoker runs executions of one express state machine.
type syncInvoker struct{ *invoker }

// Invoke implements providers.Invoker.
func (f *syncInvoker) Invoke(ctx context.Context, call *providers.Call) (*providers.Result, error) {
	out, err := f.client.StartSyncExecution(ctx, &sfn.StartSyncExecutionInput{
		StateMachineArn: &f.arn, Input: input(call),
	})
	if err != nil {
		return nil, f.account.Failure(ctx, &f.service, err)
	}
	if out.Status != types.SyncExecutionStatusSucceeded {
		return nil, executionError(out)
	}
	output := aws.ToString(out.Output)
	if int64(len(output)) > f.maxResponse {
		return nil, providers.TooLarge(f.maxResponse)
	}
	return &providers.Result{ContentType: "application/json", Body: []byte(output)}, nil
}
