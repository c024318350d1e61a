package awslambda

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/awsaccount"
)

// invoker calls one Lambda function.
type invoker struct {
	arn       string
	qualifier *string
	typ       types.InvocationType
	service   awsaccount.Service
	account   *awsaccount.Client
	client    *lambda.Client
}

// Close implements io.Closer.
func (f *invoker) Close() error {
	f.account.Release()
	return nil
}

// accepted is the answer where Lambda only took the payload: for an http event, an empty response of that status.
var accepted = []byte(`{"statusCode":202}`)

// Invoke implements providers.Invoker.
func (f *invoker) Invoke(ctx context.Context, call *providers.Call) (*providers.Result, error) {
	input := &lambda.InvokeInput{FunctionName: &f.arn, Qualifier: f.qualifier, InvocationType: f.typ, Payload: call.Payload}
	if len(call.Header) > 0 {
		beside, err := clientContext(call.Header)
		if err != nil {
			return nil, err
		}
		input.ClientContext = &beside
	}
	out, err := f.client.Invoke(awsaccount.WithPayload(ctx, call.Payload), input)
	switch {
	case err != nil:
		return nil, f.account.Failure(ctx, &f.service, err)
	case out.FunctionError != nil:
		return nil, functionError(*out.FunctionError, int(out.StatusCode), out.Payload)
	case f.typ == types.InvocationTypeEvent:
		return &providers.Result{ContentType: "application/json", Body: accepted}, nil
	}
	return &providers.Result{ContentType: "application/json", Body: out.Payload}, nil
}
