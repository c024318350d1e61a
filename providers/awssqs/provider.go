// Package awssqs sends events to queues of Amazon SQS, standard and FIFO. It is the Caddy module
// event_gateway.providers.awssqs.
//
// Concurrent deliveries share SendMessageBatch requests, and each gets the outcome of its own message. In a FIFO queue no
// message of a group is sent before what became of the one before it is known.
package awssqs

import (
	"net/url"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/caddyserver/caddy/v2"
	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/awsaccount"
)

func init() {
	caddy.RegisterModule(new(Provider))
}

// Provider is a queue of Amazon SQS.
type Provider struct {
	// QueueURL is the queue's URL; one that ends in .fifo is of a FIFO queue. Required.
	QueueURL string `json:"queueUrl"`
	// Account says as whom messages are sent. Its region is the one in the queue's URL.
	awsaccount.Account
	// MessageGroupID is a CEL expression or field path, such as data.customerId, that makes the message's group: a FIFO queue
	// keeps the order within a group, a standard queue is fair among them. What SQS does not take as a group (more than 128
	// characters, or others than letters, digits and punctuation) is replaced by its SHA-256. Default: for a FIFO queue the
	// event's id, so that every message is a group of its own; for a standard queue none.
	MessageGroupID string `json:"messageGroupId,omitempty"`
}

// CaddyModule implements caddy.Module.
func (*Provider) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: providers.Namespace + ".awssqs", New: func() caddy.Module { return new(Provider) }}
}

var (
	awsHost   = regexp.MustCompile(`^(?:sqs\.([a-z0-9-]+)\.amazonaws\.(?:com|com\.cn|eu)|([a-z0-9-]+)\.queue\.amazonaws\.(?:com|com\.cn))$`)
	queuePath = regexp.MustCompile(`^(/[a-zA-Z0-9_-]+)*/[a-zA-Z0-9_-]{1,80}(\.fifo)?$`)
)

// Validate implements providers.Provider.
func (p *Provider) Validate() error {
	const accepted = "a queue's URL such as https://sqs.us-east-1.amazonaws.com/123456789012/orders"
	if p.QueueURL == "" {
		return awsaccount.Missing("queueUrl", accepted)
	}
	u, err := url.Parse(p.QueueURL)
	if err != nil || strings.ContainsAny(p.QueueURL, "@?#") { // there may be a credential in it
		return eventgateway.Errorf(eventgateway.Invalid, "queueUrl: not accepted: want %s", accepted)
	}
	if u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || len(p.QueueURL) > 2048 || !queuePath.MatchString(u.EscapedPath()) {
		return eventgateway.InvalidField("queueUrl", p.QueueURL, accepted)
	}
	host := awsHost.FindStringSubmatch(u.Host)
	if host == nil && p.Endpoint == "" {
		return eventgateway.InvalidField("queueUrl", p.QueueURL, accepted+", or beside it provider.endpoint, which says where it is")
	}
	if err := p.Account.Validate(); err != nil {
		return err
	}
	if host != nil && host[1]+host[2] != p.Region {
		return eventgateway.InvalidField("region", p.Region, "the region in provider.queueUrl, "+host[1]+host[2])
	}
	return nil
}

// KeyExpression implements providers.Keyed.
func (p *Provider) KeyExpression() (field, source string) { return "messageGroupId", p.MessageGroupID }

// maxAnswer bounds what SQS answers for a whole request.
const maxAnswer = 1 << 20

// Open implements providers.Provider. Credentials are looked for at the first call.
func (p *Provider) Open(env providers.Env) (providers.Invoker, error) {
	env.MaxResponse = maxAnswer
	account := p.Account.Open(env)
	client := awsaccount.ServiceClient(account, func(c aws.Config) *sqs.Client { return sqs.NewFromConfig(c) })
	return newInvoker(p.QueueURL, account, client), nil
}
