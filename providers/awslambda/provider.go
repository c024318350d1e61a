// Package awslambda calls AWS Lambda functions. It is the Caddy module event_gateway.providers.awslambda.
//
// A call is one Invoke of type RequestResponse, without the function's log, or of type Event, for which Lambda puts the payload
// in a queue of its own and answers at once. Retries are off; see package awsaccount.
//
// The tests run against an HTTP edge that checks the Signature Version 4 of every request and speaks the Invoke protocol.
// What it cannot show is what only AWS itself decides: whether a policy grants a call, which errors its services choose in
// a given state, how it throttles, and how long it keeps idle connections.
package awslambda

import (
	"regexp"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/caddyserver/caddy/v2"
	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/awsaccount"
)

func init() {
	caddy.RegisterModule(new(Provider))
}

// Provider is a function on AWS Lambda.
type Provider struct {
	// ARN names the function, with an optional version or alias at its end:
	// arn:aws:lambda:us-east-1:123456789012:function:hello:live. Required.
	ARN string `json:"arn"`
	// Account says as whom it is called. Its region is the one in the ARN.
	awsaccount.Account
	// Qualifier is a version or an alias, where none is in the ARN. Default: none, which is $LATEST.
	Qualifier string `json:"qualifier,omitempty"`
	// InvocationType is RequestResponse, which waits for the function's answer, or Event, which only has Lambda take the payload
	// into its own queue: the answer is {"statusCode":202}, and retries and dead letters after that are Lambda's. Default:
	// RequestResponse.
	InvocationType string `json:"invocationType,omitempty"`
}

// CaddyModule implements caddy.Module.
func (*Provider) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: providers.Namespace + ".awslambda", New: func() caddy.Module { return new(Provider) }}
}

var (
	functionARN = regexp.MustCompile(`^arn:aws[a-z-]*:lambda:([a-z0-9-]+):\d{12}:function:([a-zA-Z0-9_-]{1,64})` +
		`(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9_-]{1,128}))?$`)
	qualifier = regexp.MustCompile(`^(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9_-]{1,128})$`)
)

// Validate implements providers.Provider.
func (p *Provider) Validate() error {
	parts := functionARN.FindStringSubmatch(p.ARN)
	switch {
	case p.ARN == "":
		return awsaccount.Missing("arn", "the ARN of a Lambda function")
	case parts == nil:
		return eventgateway.InvalidField("arn", p.ARN, "the ARN of a Lambda function, such as "+
			"arn:aws:lambda:us-east-1:123456789012:function:hello, with an optional :version or :alias")
	case p.Qualifier != "" && parts[3] != "":
		return eventgateway.InvalidField("qualifier", p.Qualifier, "none beside the version or alias in provider.arn, "+parts[4])
	case p.Qualifier != "" && !qualifier.MatchString(p.Qualifier):
		return eventgateway.InvalidField("qualifier", p.Qualifier, "a version such as 7, an alias such as live, or $LATEST")
	case p.InvocationType != "" && p.invocationType() == "":
		return eventgateway.InvalidField("invocationType", p.InvocationType, "RequestResponse or Event")
	}
	if err := p.Account.Validate(); err != nil {
		return err
	}
	if parts[1] != p.Region {
		return eventgateway.InvalidField("region", p.Region, "the region in provider.arn, "+parts[1])
	}
	return nil
}

// invocationType returns the SDK's constant; empty when the field holds none that is taken.
func (p *Provider) invocationType() types.InvocationType {
	switch typ := types.InvocationType(p.InvocationType); typ {
	case "":
		return types.InvocationTypeRequestResponse
	case types.InvocationTypeRequestResponse, types.InvocationTypeEvent:
		return typ
	default:
		return ""
	}
}

// Open implements providers.Provider. Credentials are looked for at the first call.
func (p *Provider) Open(env providers.Env) (providers.Invoker, error) {
	parts := functionARN.FindStringSubmatch(p.ARN)
	if parts == nil {
		return nil, p.Validate()
	}
	f := &invoker{
		arn: p.ARN, typ: p.invocationType(), account: p.Account.Open(env),
		service: service("function " + parts[2] + parts[3]),
	}
	if p.Qualifier != "" {
		f.qualifier = &p.Qualifier
		f.service.Resource += ":" + p.Qualifier
	}
	f.client = awsaccount.ServiceClient(f.account, func(c aws.Config) *lambda.Client { return lambda.NewFromConfig(c) })
	return f, nil
}
