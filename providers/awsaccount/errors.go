package awsaccount

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/egress"
)

// Service is what a call asked for, as the messages of its errors name it.
type Service struct {
	// Name is the service's, such as "AWS Lambda".
	Name string
	// Permission is what the call needs, such as "lambda:InvokeFunction".
	Permission string
	// Resource is what it needs it on, such as "function hello".
	Resource string
	// Field is the provider's field that names the resource, such as "arn".
	Field string
	// Action completes "AWS Lambda could not …", such as "call the function".
	Action string
	// Explain says what an error code that is the service's own means: it sets Message, and Failure and Permanent where they
	// are other than Unreachable and false. It reports whether it did. May be nil. It is asked after it is known that the
	// code is not one for throttling, and before the codes that services have in common.
	//
	// Permanent is only what lies in the event itself. What a person can put right, such as a permission, a credential or a
	// resource that is missing, and what passes by itself, is Unreachable: the same event may be delivered by a later
	// attempt, or be sent again from the dead letters.
	Explain func(code string, e *providers.Error) bool
}

// Failure tells why the SDK could not give an answer. The texts of AWS are left out: they quote payloads and, for a wrong
// signature, the whole request.
func (c *Client) Failure(ctx context.Context, service *Service, err error) *providers.Error {
	var (
		known   *providers.Error
		noCreds *credentialsError
		api     smithy.APIError
	)
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &noCreds):
		return c.credentialsFailure(ctx, noCreds)
	case errors.As(err, &api):
		var resp *smithyhttp.ResponseError
		if !errors.As(err, &resp) || resp.Response == nil || resp.Response.Response == nil {
			return c.CodeFailure(service, api.ErrorCode(), 0, nil)
		}
		return c.CodeFailure(service, api.ErrorCode(), resp.HTTPStatusCode(), resp.Response.Header)
	default:
		return providers.NetworkError(ctx, service.Name+" in "+c.Region(), err)
	}
}

// credentialsFailure tells why there were no credentials to call with.
func (c *Client) credentialsFailure(ctx context.Context, err *credentialsError) *providers.Error {
	if ctx.Err() != nil {
		return providers.NetworkError(ctx, "AWS", ctx.Err())
	}
	var (
		api     smithy.APIError
		refused *egress.Refused
	)
	switch {
	case errors.As(err.err, &refused):
		return providers.NetworkError(ctx, "AWS STS in "+c.Region(), err.err)
	case errors.As(err.err, &api) && throttles(api.ErrorCode()):
		return &providers.Error{
			Failure: providers.Throttled, Err: cause(api.ErrorCode()),
			Message: "AWS throttles the gateway's requests for credentials",
		}
	case err.role == "" && api != nil:
		return &providers.Error{
			Failure: providers.Unreachable, Err: cause(api.ErrorCode()),
			Message: "AWS does not accept the server's own identity: check the role and the web identity in its environment, " +
				"and that the role trusts them",
		}
	case err.role == "":
		return providers.Errorf(providers.Unreachable, "no AWS credentials: set provider.awsAccessKeyId and "+
			"provider.awsSecretAccessKey, or give the server some in its environment, AWS files or role")
	case api != nil:
		return &providers.Error{
			Failure: providers.Unreachable, Err: cause(api.ErrorCode()),
			Message: "AWS does not let the gateway assume provider.roleArn: its credentials need the permission sts:AssumeRole " +
				"on that role, and the role has to trust them (with provider.externalId, where it asks for one)",
		}
	}
	return providers.Errorf(providers.Unreachable, "provider.roleArn could not be assumed: "+
		"there are no credentials to do it with, or AWS STS in %s is out of reach", c.Region())
}

// CodeFailure tells what an error code of the service means: that of a whole answer with its status and header, or, with
// neither, that of one record among many.
func (c *Client) CodeFailure(service *Service, code string, status int, header http.Header) *providers.Error {
	e := &providers.Error{Failure: providers.Unreachable, Status: status, Err: cause(code)}
	switch {
	case status == http.StatusTooManyRequests || throttles(code):
		e.Failure, e.Message = providers.Throttled, "AWS throttles calls to "+service.Resource+" in "+c.Region()
	case service.Explain != nil && service.Explain(code, e):
	default:
		c.explain(service, code, e)
	}
	if seconds, err := strconv.ParseUint(header.Get("Retry-After"), 10, 16); err == nil && e.Failure == providers.Throttled {
		e.RetryAfter = time.Duration(seconds) * time.Second
	}
	return e
}

// explain says what the codes mean that services have in common.
func (c *Client) explain(service *Service, code string, e *providers.Error) {
	switch code {
	case "AccessDeniedException", "AccessDenied", "AuthorizationError", "AuthorizationErrorException":
		e.Message = "AWS refuses the call: the credentials need the permission " + service.Permission + " on " +
			service.Resource + " in " + c.Region()
	case "ExpiredTokenException", "ExpiredToken", "RequestExpired":
		c.renew()
		e.Message = "the AWS credentials have expired: set new ones"
	case "UnrecognizedClientException", "InvalidClientTokenId", "InvalidAccessKeyId", "MissingAuthenticationTokenException":
		c.renew()
		e.Message = "AWS does not know the credentials: check provider.awsAccessKeyId and provider.awsSessionToken"
	case "InvalidSignatureException", "SignatureDoesNotMatch", "IncompleteSignature", "IncompleteSignatureException":
		e.Message = "AWS does not accept the signature: check provider.awsSecretAccessKey and the server's clock"
	case "ResourceNotFoundException", "NotFoundException", "NotFound":
		e.Message = "there is no " + service.Resource + " in " + c.Region() +
			": check provider." + service.Field + " and provider.region"
	default:
		e.Message = service.Name + " in " + c.Region() + " could not " + service.Action
		if IsName(code) {
			e.Message += ": " + code
		}
	}
}

// renew makes the next call look for credentials again.
func (c *Client) renew() {
	if c.settings.account.AccessKeyID == "" {
		environment.forget()
	}
	c.credentials.Invalidate()
}

// throttles reports whether an error code of any AWS service means that too much was asked of it.
func throttles(code string) bool {
	_, ok := retry.DefaultThrottleErrorCodes[code]
	return ok
}

// cause names an error of AWS for logs by its code alone.
func cause(code string) error {
	if IsName(code) {
		return errors.New("aws: " + code)
	}
	return nil
}

// IsName reports whether s looks like the name of an error, and not like a sentence or data.
func IsName(s string) bool {
	const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._$"
	return s != "" && len(s) <= 64 && strings.Trim(s, allowed) == ""
}
