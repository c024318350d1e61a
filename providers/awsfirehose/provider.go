// Package awsfirehose puts events into streams of Amazon Data Firehose. It is the Caddy module
// event_gateway.providers.awsfirehose.
//
// Concurrent deliveries share PutRecordBatch requests, and each gets the outcome of its own record.
package awsfirehose

import (
	"regexp"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/firehose"
	"github.com/caddyserver/caddy/v2"
	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/awsaccount"
)

func init() {
	caddy.RegisterModule(new(Provider))
}

// Provider is a stream of Amazon Data Firehose.
type Provider struct {
	// DeliveryStreamName is the stream's name. Required.
	DeliveryStreamName string `json:"deliveryStreamName"`
	// Account says where the stream is and as whom it is written to.
	awsaccount.Account
}

// CaddyModule implements caddy.Module.
func (*Provider) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: providers.Namespace + ".awsfirehose", New: func() caddy.Module { return new(Provider) }}
}

var streamName = regexp.MustCompile(`^[a-zA-Z0-9_.-]{1,64}$`)

// Validate implements providers.Provider.
func (p *Provider) Validate() error {
	switch {
	case p.DeliveryStreamName == "":
		return awsaccount.Missing("deliveryStreamName", "the name of a Firehose stream")
	case !streamName.MatchString(p.DeliveryStreamName):
		return eventgateway.InvalidField("deliveryStreamName", p.DeliveryStreamName, "the name of a Firehose stream, not its ARN: "+
			"1 to 64 letters, digits or any of _.-")
	}
	return p.Account.Validate()
}

// maxAnswer bounds what Firehose answers for a whole request.
const maxAnswer = 1 << 20

// Open implements providers.Provider. Credentials are looked for at the first call.
func (p *Provider) Open(env providers.Env) (providers.Invoker, error) {
	env.MaxResponse = maxAnswer
	account := p.Account.Open(env)
	client := awsaccount.ServiceClient(account, func(c aws.Config) *firehose.Client { return firehose.NewFromConfig(c) })
	return newInvoker(p.DeliveryStreamName, account, client), nil
}
