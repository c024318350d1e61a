// Package kafka publishes events to a topic of Apache Kafka, or of what speaks its protocol. It is the Caddy module
// event_gateway.providers.kafka.
//
// A call is one record, written once: acknowledged by all replicas in sync, by an idempotent producer, so that what the client
// sends again over a new connection is in the log once. Functions on one cluster share a client and its connections.
package kafka

import (
	"regexp"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/providers/clienttls"
)

func init() {
	caddy.RegisterModule(new(Provider))
}

// Provider is a topic.
type Provider struct {
	// Brokers are where the client begins, as host:port; the cluster tells it about the others. Required.
	Brokers []string `json:"brokers"`
	// Topic is where records go. It is not created. Required.
	Topic string `json:"topic"`
	// Key is a CEL expression that makes a record's key; records of one key are in one partition, in the order in which they were
	// written. Default: no key, and any partition.
	Key string `json:"key,omitempty"`
	// ClientID names the gateway in the brokers' logs and quotas. Default: event-gateway.
	ClientID string `json:"clientId,omitempty"`
	// SASL is how the gateway says who it is. Default: not at all.
	SASL *SASL `json:"sasl,omitempty"`
	// TLS are the settings for connections. Default: no TLS.
	TLS *clienttls.Settings `json:"tls,omitempty"`
}

// SASL are a user's credentials.
type SASL struct {
	// Mechanism is PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512. Required.
	Mechanism string `json:"mechanism"`
	// Username and Password are the credentials. Required.
	Username string `json:"username"`
	Password string `json:"password"`
}

// CaddyModule implements caddy.Module.
func (*Provider) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: providers.Namespace + ".kafka", New: func() caddy.Module { return new(Provider) }}
}

// KeyExpression implements providers.Keyed.
func (p *Provider) KeyExpression() (field, source string) { return "key", p.Key }

// EachSecret implements providers.Secretive.
func (p *Provider) EachSecret(visit func(name, value string) string) {
	if p.SASL != nil && p.SASL.Password != "" {
		p.SASL.Password = visit("sasl.password", p.SASL.Password)
	}
	p.TLS.EachSecret("tls", visit)
}

var topicName = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,249}$`)

const maxBrokers = 64

// Validate implements providers.Provider.
func (p *Provider) Validate() error {
	switch {
	case len(p.Brokers) == 0:
		return missing("brokers", "a list of host:port, such as kafka-1.example.com:9092")
	case len(p.Brokers) > maxBrokers:
		return eventgateway.Errorf(eventgateway.Invalid, "brokers: %d are not accepted: want at most %d", len(p.Brokers), maxBrokers)
	}
	for _, broker := range p.Brokers {
		if !isAddress(broker) {
			return refuseAddress(broker)
		}
	}
	switch {
	case p.Topic == "":
		return missing("topic", "the name of a topic")
	case !topicName.MatchString(p.Topic) || p.Topic == "." || p.Topic == "..":
		return eventgateway.InvalidField("topic", p.Topic, "up to 249 letters, digits, dots, underscores or hyphens")
	case len(p.ClientID) > 128 || !printable(p.ClientID):
		return eventgateway.InvalidField("clientId", p.ClientID, "up to 128 printable ASCII characters")
	}
	if err := p.SASL.validate(); err != nil {
		return err
	}
	return p.TLS.Validate("tls")
}

func missing(field, accepted string) error {
	return eventgateway.Errorf(eventgateway.Invalid, "%s: missing: want %s", field, accepted)
}

const (
	plainText   = "PLAIN"
	scramSHA256 = "SCRAM-SHA-256"
	scramSHA512 = "SCRAM-SHA-512"
)

// validate shows nothing of names and passwords: people swap them.
func (s *SASL) validate() error {
	if s == nil {
		return nil
	}
	switch s.Mechanism {
	case plainText, scramSHA256, scramSHA512:
	case "":
		return missing("sasl.mechanism", "PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512")
	default:
		return eventgateway.InvalidField("sasl.mechanism", s.Mechanism, "PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512")
	}
	for _, field := range [...]struct{ name, value string }{{"sasl.username", s.Username}, {"sasl.password", s.Password}} {
		switch {
		case field.value == "":
			return missing(field.name, "it beside sasl.mechanism")
		case len(field.value) > 16<<10 || strings.Contains(field.value, "\x00"):
			return eventgateway.Errorf(eventgateway.Invalid, "%s: not accepted: want at most 16 KiB without NUL characters", field.name)
		}
	}
	return nil
}

// isAddress reports whether s is a host, a name or an IP address, with a port.
func isAddress(s string) bool {
	host, port, ok := splitAddress(s)
	return ok && host != "" && len(s) <= 261 && !strings.ContainsAny(host, "/@?#%\\ ") && printable(host) && port > 0
}

// refuseAddress does not show what may hold a password.
func refuseAddress(s string) error {
	const accepted = "host:port, such as kafka-1.example.com:9092"
	if strings.ContainsAny(s, "@?") {
		return eventgateway.Errorf(eventgateway.Invalid, "brokers: not accepted: want %s", accepted)
	}
	return eventgateway.InvalidField("brokers", s, accepted)
}

func printable(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
}
