package awslambda

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/eventgateway/eventgateway/providers"
)

// failure tells why the SDK could not give an answer. The texts of AWS are left out: they quote payloads and, for a wrong
// signature, the whole request.
func (f *invoker) failure(ctx context.Context, err error) *providers.Error {
	var (
		tooLarge *providers.Error
		noCreds  *credentialsError
		api      smithy.APIError
	)
	switch {
	case errors.As(err, &tooLarge):
		return tooLarge
	case errors.As(err, &noCreds):
		return f.credentialsFailure(ctx, noCreds)
	case errors.As(err, &api):
		return f.serviceError(api, err)
	default:
		return providers.NetworkError(ctx, f.service(), err)
	}
}

func (f *invoker) service() string { return "AWS Lambda in " + f.region }

// credentialsFailure tells why there were no credentials to call with.
func (f *invoker) credentialsFailure(ctx context.Context, err *credentialsError) *providers.Error {
	if ctx.Err() != nil {
		return providers.NetworkError(ctx, "AWS", ctx.Err())
	}
	var api smithy.APIError
	if errors.As(err.err, &api) && throttles(api.ErrorCode()) {
		return &providers.Error{
			Failure: providers.Throttled, Err: cause(api), Message: "AWS throttles the gateway's requests for credentials",
		}
	}
	if err.role == "" {
		return providers.Errorf(providers.Unreachable, "no AWS credentials: set provider.awsAccessKeyId and "+
			"provider.awsSecretAccessKey, or give the server some in its environment, AWS files or role")
	}
	if api != nil {
		return &providers.Error{
			Failure: providers.Unreachable, Err: cause(api),
			Message: "AWS does not let the gateway assume provider.roleArn: its credentials need the permission sts:AssumeRole " +
				"on that role, and the role has to trust them",
		}
	}
	return providers.Errorf(providers.Unreachable, "provider.roleArn could not be assumed: "+
		"there are no credentials to do it with, or AWS STS in %s is out of reach", f.region)
}

// serviceError tells what an answer of the Lambda service itself means, by its documented error codes.
//
// Permanent is only what lies in the event itself. What a person can put right, such as a permission, a credential or a
// function that is missing, and what passes by itself, such as a function that is being updated, is Unreachable: the same
// event may be delivered by a later attempt, or be sent again from the dead letters.
func (f *invoker) serviceError(api smithy.APIError, err error) *providers.Error {
	e := &providers.Error{Failure: providers.Unreachable, Err: cause(api)}
	var resp *smithyhttp.ResponseError
	if errors.As(err, &resp) {
		e.Status = resp.HTTPStatusCode()
	}
	code := api.ErrorCode()
	if e.Status == http.StatusTooManyRequests || throttles(code) {
		throttled(e, resp)
		return e
	}
	switch code {
	case "ENILimitReachedException", "SubnetIPAddressLimitReachedException":
		throttled(e, resp)
		e.Message = "AWS Lambda finds no network interface or address for another instance of the function: " + code
	case "AccessDeniedException", "AccessDenied":
		e.Message = "AWS refuses the call: the credentials need the permission lambda:InvokeFunction on function " +
			f.name + " in " + f.region
	case "ExpiredTokenException", "ExpiredToken", "RequestExpired":
		f.renew()
		e.Message = "the AWS credentials have expired: set new ones"
	case "UnrecognizedClientException", "InvalidClientTokenId", "InvalidAccessKeyId", "MissingAuthenticationTokenException":
		f.renew()
		e.Message = "AWS does not know the credentials: check provider.awsAccessKeyId and provider.awsSessionToken"
	case "InvalidSignatureException", "SignatureDoesNotMatch", "IncompleteSignature", "IncompleteSignatureException":
		e.Message = "AWS does not accept the signature: check provider.awsSecretAccessKey and the server's clock"
	case "ResourceNotFoundException":
		e.Message = "there is no function " + f.name + " in " + f.region +
			": check provider.arn with its version or alias, and provider.region"
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
		e.Message = f.service() + " could not call the function"
		if isName(code) {
			e.Message += ": " + code
		}
	}
	return e
}

// throttles reports whether an error code of any AWS service means that too much was asked of it.
func throttles(code string) bool {
	_, ok := retry.DefaultThrottleErrorCodes[code]
	return ok
}

// throttled marks e. resp may be nil.
func throttled(e *providers.Error, resp *smithyhttp.ResponseError) {
	e.Failure, e.Message = providers.Throttled, "AWS throttles calls of the function"
	if resp == nil || resp.Response == nil || resp.Response.Response == nil {
		return
	}
	if seconds, err := strconv.ParseUint(resp.Response.Header.Get("Retry-After"), 10, 16); err == nil {
		e.RetryAfter = time.Duration(seconds) * time.Second
	}
}

// renew makes the next call look for credentials again.
func (f *invoker) renew() {
	if f.client.settings.keyID == "" {
		environment.forget()
	}
	f.client.credentials.Invalidate()
}

// cause names an error of AWS for logs by its code alone.
func cause(api smithy.APIError) error {
	if code := api.ErrorCode(); isName(code) {
		return errors.New("aws: " + code)
	}
	return nil
}
