// Package awskinesis puts events into streams of Amazon Kinesis Data Streams. It is the Caddy module
// event_gateway.providers.awskinesis.
//
// Concurrent deliveries share PutRecords requests, and each gets the outcome of its own record.
package awskinesis

import (
	"regexp"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/caddyserver/caddy/v2"
	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/awsaccount"
)

func init() {
	caddy.RegisterModule(new(Provider))
}

// Provider is a stream of Amazon Kinesis Data Streams.
type Provider struct {
	// StreamName is the stream's name. Required.
	StreamName string `json:"streamName"`
	// Account says where the stream is and as whom it is written to.
	awsaccount.Account
	// PartitionKey is a CEL expression or field path, such as data.customerId, that makes the key by which Kinesis chooses the
	// shard. One of more than 256 characters is replaced by its SHA-256. Default: the event's id, which spreads events over all
	// shards.
	PartitionKey string `json:"partitionKey,omitempty"`
}

// CaddyModule implements caddy.Module.
func (*Provider) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: providers.Namespace + ".awskinesis", New: func() caddy.Module { return new(Provider) }}
}

var streamName = regexp.MustCompile(`^[a-zA-Z0-9_.-]{1,128}$`)

// Validate implements providers.Provider.
func (p *Provider) Validate() error {
	switch {
	case p.StreamName == "":
		return awsaccount.Missing("streamName", "the name of a Kinesis stream")
	case !streamName.MatchString(p.StreamName):
		return eventgateway.InvalidField("streamName", p.StreamName, "the name of a Kinesis stream, not its ARN: 1 to 128 letters, "+
			"digits or any of _.-")
	}
	return p.Account.Validate()
}

// KeyExpression implements providers.Keyed.
func (p *Provider) KeyExpression() (field, source string) { return "partitionKey", p.PartitionKey }

// maxAnswer bounds what Kinesis answers for a whole request.
const maxAnswer = 1 << 20

// Open implements providers.Provider. Credentials are looked for at the first call.
func (p *Provider) Open(env providers.Env) (providers.Invoker, error) {
	env.MaxResponse = maxAnswer
	account := p.Account.Open(env)
	client := awsaccount.ServiceClient(account, func(c aws.Config) *kinesis.Client { return kinesis.NewFromConfig(c) })
	return newInvoker(p.StreamName, account, client), nil
}
