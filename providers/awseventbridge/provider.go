// Package awseventbridge puts events on buses of Amazon EventBridge. It is the Caddy module
// event_gateway.providers.awseventbridge.
//
// The payload is the event's detail. Concurrent deliveries share PutEvents requests, and each gets the outcome of its own entry.
package awseventbridge

import (
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/caddyserver/caddy/v2"
	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/awsaccount"
	"github.com/eventgateway/eventgateway/providers/internal/awsmessage"
)

func init() {
	caddy.RegisterModule(new(Provider))
}

// Provider is a bus of Amazon EventBridge.
type Provider struct {
	// EventBusName is the bus' name or its ARN; each account has one called default. Required.
	EventBusName string `json:"eventBusName"`
	// Account says where the bus is and as whom events are put on it.
	awsaccount.Account
	// Source is the source of all events. Default: that of the CloudEvent, and "event-gateway" for other events.
	Source string `json:"source,omitempty"`
}

// CaddyModule implements caddy.Module.
func (*Provider) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: providers.Namespace + ".awseventbridge", New: func() caddy.Module { return new(Provider) }}
}

var (
	busName = regexp.MustCompile(`^[/._A-Za-z0-9-]{1,256}$`)
	busARN  = regexp.MustCompile(`^arn:aws[a-z-]*:events:([a-z0-9-]+):\d{12}:event-bus/[/._A-Za-z0-9-]{1,256}$`)
)

// Validate implements providers.Provider.
func (p *Provider) Validate() error {
	arn := busARN.FindStringSubmatch(p.EventBusName)
	switch {
	case p.EventBusName == "":
		return awsaccount.Missing("eventBusName", "the name of an EventBridge bus, such as default")
	case arn == nil && !busName.MatchString(p.EventBusName):
		return eventgateway.InvalidField("eventBusName", p.EventBusName, "the name of an EventBridge bus, or its ARN")
	case len(p.Source) > 256 || !awsmessage.IsText(p.Source):
		return eventgateway.InvalidField("source", p.Source, "at most 256 bytes of text")
	case strings.HasPrefix(p.Source, "aws."):
		return eventgateway.InvalidField("source", p.Source, "one that does not begin with aws., which is for AWS itself")
	}
	if err := p.Account.Validate(); err != nil {
		return err
	}
	if arn != nil && arn[1] != p.Region {
		return eventgateway.InvalidField("region", p.Region, "the region in provider.eventBusName, "+arn[1])
	}
	return nil
}

// maxAnswer bounds what EventBridge answers for a whole request.
const maxAnswer = 1 << 20

// Open implements providers.Provider. Credentials are looked for at the first call.
func (p *Provider) Open(env providers.Env) (providers.Invoker, error) {
	env.MaxResponse = maxAnswer
	account := p.Account.Open(env)
	client := awsaccount.ServiceClient(account, func(c aws.Config) *eventbridge.Client { return eventbridge.NewFromConfig(c) })
	return newInvoker(p, account, client), nil
}
