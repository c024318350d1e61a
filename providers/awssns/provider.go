// Package awssns publishes events to topics of Amazon SNS, standard and FIFO. It is the Caddy module
// event_gateway.providers.awssns.
//
// The payload is the message. Concurrent deliveries share PublishBatch requests, and each gets the outcome of its own message. In
// a FIFO topic no message of a group is sent before what became of the one before it is known.
package awssns

import (
	"regexp"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/caddyserver/caddy/v2"
	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/awsaccount"
)

func init() {
	caddy.RegisterModule(new(Provider))
}

// Provider is a topic of Amazon SNS.
type Provider struct {
	// TopicARN names the topic; one that ends in .fifo is a FIFO topic. Required.
	TopicARN string `json:"topicArn"`
	// Account says as whom messages are published. Its region is the one in the ARN.
	awsaccount.Account
	// MessageGroupID is a CEL expression or field path, such as data.customerId, that makes the message's group: a FIFO topic
	// keeps the order within a group. What SNS does not take as a group (more than 128 characters, or others than letters,
	// digits and punctuation) is replaced by its SHA-256. Default: for a FIFO topic the event's id, so that every message is a
	// group of its own; for a standard topic none.
	MessageGroupID string `json:"messageGroupId,omitempty"`
	// Subject is that of messages that go out as email. Default: none.
	Subject string `json:"subject,omitempty"`
}

// CaddyModule implements caddy.Module.
func (*Provider) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: providers.Namespace + ".awssns", New: func() caddy.Module { return new(Provider) }}
}

var (
	topicARN = regexp.MustCompile(`^arn:aws[a-z-]*:sns:([a-z0-9-]+):\d{12}:([a-zA-Z0-9_-]{1,256}(?:\.fifo)?)$`)
	subject  = regexp.MustCompile(`^[!-~][ -~]{0,99}$`)
)

// Validate implements providers.Provider.
func (p *Provider) Validate() error {
	parts := topicARN.FindStringSubmatch(p.TopicARN)
	switch {
	case p.TopicARN == "":
		return awsaccount.Missing("topicArn", "the ARN of an SNS topic")
	case parts == nil:
		return eventgateway.InvalidField("topicArn", p.TopicARN,
			"the ARN of an SNS topic, such as arn:aws:sns:us-east-1:123456789012:orders")
	case p.Subject != "" && !subject.MatchString(p.Subject):
		return eventgateway.InvalidField("subject", p.Subject, "at most 100 ASCII characters, the first no space")
	}
	if err := p.Account.Validate(); err != nil {
		return err
	}
	if parts[1] != p.Region {
		return eventgateway.InvalidField("region", p.Region, "the region in provider.topicArn, "+parts[1])
	}
	return nil
}

// KeyExpression implements providers.Keyed.
func (p *Provider) KeyExpression() (field, source string) { return "messageGroupId", p.MessageGroupID }

// maxAnswer bounds what SNS answers for a whole request.
const maxAnswer = 1 << 20

// Open implements providers.Provider. Credentials are looked for at the first call.
func (p *Provider) Open(env providers.Env) (providers.Invoker, error) {
	env.MaxResponse = maxAnswer
	account := p.Account.Open(env)
	client := awsaccount.ServiceClient(account, func(c aws.Config) *sns.Client {
		c.HTTPClient = awsaccount.Whole(c.HTTPClient)
		return sns.NewFromConfig(c)
	})
	return newInvoker(p, account, client), nil
}
