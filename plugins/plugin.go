// Package plugins runs plugins: Caddy guest modules that react to system events, and may stop the event they are about.
package plugins

import (
	"context"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/eventgateway/eventgateway"
)

// Namespace is where Caddy finds plugins; the last label of a plugin's module ID is its name.
const Namespace = "event_gateway.plugins"

// Plugin reacts to system events. It is a Caddy guest module in Namespace and may implement caddy.Provisioner,
// caddy.Validator and caddy.CleanerUpper, in which nothing is dialed or started; what has to run implements Starter. To be
// usable in a Caddyfile it also implements caddyfile.Unmarshaler.
type Plugin interface {
	caddy.Module

	// Subscriptions tells which system events it reacts to. It is asked once, after Start.
	Subscriptions() []Subscription
	// React is called for every system event subscribed to, by several goroutines at a time. ev is not to be changed, but may
	// be kept. The error of a sync subscription stops the event that ev is about; a *Refusal says with which status.
	React(ctx context.Context, ev *eventgateway.Event) error
}

// Subscription is one system event a plugin reacts to.
type Subscription struct {
	// Event is the system event's type, such as eventgateway.EventReceived; the prefix "eventgateway." is read as "gateway.".
	Event string
	// Type is Sync where the event waits for the plugin, Async where it does not.
	Type eventgateway.SubscriptionType
}

// Starter is implemented by plugins that run something of their own.
type Starter interface {
	// Start is called once, before the first React. An error keeps the configuration from starting.
	Start(ctx context.Context) error
	// Stop is called once, after the last React. It returns when what runs has ended, or ctx is done.
	Stop(ctx context.Context) error
}

// Tuned is implemented by plugins that want other limits than the host's own.
type Tuned interface {
	// Tuning is asked once, after Start.
	Tuning() Tuning
}

// Labeled is implemented by plugins of which there may be several in one configuration.
type Labeled interface {
	// Label is the name by which logs and metrics know this one.
	Label() string
}

// NameOf returns the name by which logs and metrics know a plugin: its label, or that of its module.
func NameOf(p Plugin) string {
	if labeled, ok := p.(Labeled); ok {
		return labeled.Label()
	}
	return p.CaddyModule().ID.Name()
}

// Tuning is how the host runs one plugin.
type Tuning struct {
	// Timeout is how long a reaction may take. Default: DefaultTimeout.
	Timeout time.Duration
	// FailOpen lets an event go on where a sync reaction to it failed or took too long. A *Refusal stops it all the same.
	// Default: the event is stopped.
	FailOpen bool
	// Workers is how many async reactions run at a time. With 1 the events come in their order. Default: DefaultWorkers.
	Workers int
}

// The defaults of Tuning.
const (
	// DefaultTimeout is how long a reaction may take.
	DefaultTimeout = 5 * time.Second
	// DefaultWorkers is how many async reactions of one plugin run at a time.
	DefaultWorkers = 8
)

// Refusal is the error by which a plugin stops an event, and tells the sender so.
type Refusal struct {
	// Status is the HTTP status of the answer, 400 to 599. Default: 403.
	Status int
	// Message is what the sender is told. Default: the status' text.
	Message string
}

// Error implements error.
func (r *Refusal) Error() string {
	if r.Message != "" {
		return r.Message
	}
	return http.StatusText(r.StatusCode())
}

// StatusCode returns the status of the answer.
func (r *Refusal) StatusCode() int {
	if r.Status < 400 || r.Status > 599 {
		return http.StatusForbidden
	}
	return r.Status
}
