// Package awsstepfunctions starts executions of AWS Step Functions. It is the Caddy module
// event_gateway.providers.awsstepfunctions.
//
// The payload is the execution's input. In mode async the answer is that it was started, and the execution's name is made of the
// event, so that of several attempts at one delivery no second execution comes; in mode sync the execution's output is the answer.
package awsstepfunctions

import (
	"context"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/caddyserver/caddy/v2"
	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/awsaccount"
)

func init() {
	caddy.RegisterModule(new(Provider))
}

// Provider is a state machine of AWS Step Functions.
type Provider struct {
	// StateMachineARN names the state machine, with an optional version or alias at its end:
	// arn:aws:states:us-east-1:123456789012:stateMachine:orders:live. Required.
	StateMachineARN string `json:"stateMachineArn"`
	// Account says as whom it is started. Its region is the one in the ARN.
	awsaccount.Account
	// Mode is async, which only starts an execution, or sync, which waits for its output and is for express workflows alone.
	// Default: async.
	Mode string `json:"mode,omitempty"`
}

// CaddyModule implements caddy.Module.
func (*Provider) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: providers.Namespace + ".awsstepfunctions", New: func() caddy.Module { return new(Provider) }}
}

var stateMachineARN = regexp.MustCompile(`^arn:aws[a-z-]*:states:([a-z0-9-]+):\d{12}:stateMachine:([a-zA-Z0-9_-]{1,80})` +
	`(:[a-zA-Z0-9_.-]{1,80})?$`)

// Validate implements providers.Provider.
func (p *Provider) Validate() error {
	parts := stateMachineARN.FindStringSubmatch(p.StateMachineARN)
	switch {
	case p.StateMachineARN == "":
		return awsaccount.Missing("stateMachineArn", "the ARN of a Step Functions state machine")
	case parts == nil:
		return eventgateway.InvalidField("stateMachineArn", p.StateMachineARN, "the ARN of a Step Functions state machine, such as "+
			"arn:aws:states:us-east-1:123456789012:stateMachine:orders, with an optional :version or :alias")
	case p.Mode != "" && p.Mode != "sync" && p.Mode != "async":
		return eventgateway.InvalidField("mode", p.Mode, "sync or async")
	}
	if err := p.Account.Validate(); err != nil {
		return err
	}
	if parts[1] != p.Region {
		return eventgateway.InvalidField("region", p.Region, "the region in provider.stateMachineArn, "+parts[1])
	}
	return nil
}

// maxAnswer bounds what Step Functions answers. An output has at most 256 KiB, and comes escaped and with the input.
const maxAnswer = 4 << 20

// Open implements providers.Provider. Credentials are looked for at the first call.
func (p *Provider) Open(env providers.Env) (providers.Invoker, error) {
	parts := stateMachineARN.FindStringSubmatch(p.StateMachineARN)
	if parts == nil {
		return nil, p.Validate()
	}
	machine, maxResponse := parts[2]+parts[3], env.MaxResponse
	env.MaxResponse = maxAnswer
	account := p.Account.Open(env)
	f := &invoker{
		arn: p.StateMachineARN, identity: []string{env.Space, env.FunctionID}, account: account,
		client: awsaccount.ServiceClient(account, newClient), maxResponse: maxResponse,
	}
	if p.Mode == "sync" {
		f.service = service(machine, "states:StartSyncExecution")
		return &syncInvoker{f}, nil
	}
	f.service = service(machine, "states:StartExecution")
	f.executions = strings.TrimSuffix(strings.Replace(p.StateMachineARN, ":stateMachine:", ":execution:", 1), parts[3])
	return f, nil
}

// newClient returns the SDK's client. It puts sync- before the host for synchronous executions, but not before that of an
// endpoint that was configured: that is called as it stands there.
func newClient(c aws.Config) *sfn.Client {
	c.HTTPClient = awsaccount.Whole(c.HTTPClient)
	return sfn.NewFromConfig(c, func(o *sfn.Options) {
		if c.BaseEndpoint != nil {
			o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
				return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("PlainHost", plainHost), middleware.Before)
			})
		}
	})
}

func plainHost(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (
	middleware.InitializeOutput, middleware.Metadata, error,
) {
	return next.HandleInitialize(smithyhttp.DisableEndpointHostPrefix(ctx, true), in)
}
