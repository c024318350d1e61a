// Package providers is how functions are called: one Provider per kind of function, each a Caddy guest module in the
// namespace event_gateway.providers, found by the function's type.
package providers

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers/egress"
)

// Namespace is where Caddy finds providers; the last label of a provider's module ID is the function type.
const Namespace = "event_gateway.providers"

// Provider is the configuration of one function. Its exported JSON fields are the fields of "provider" in the
// Configuration API, and unknown ones are refused. To be usable in a Caddyfile it also implements caddyfile.Unmarshaler.
type Provider interface {
	caddy.Module

	// Validate reports the first field that is wrong as an *eventgateway.Error. It does no I/O and starts nothing.
	Validate() error

	// Open makes the function callable. It does no network I/O: an unreachable function is an error of Invoke.
	Open(env Env) (Invoker, error)
}

// Secretive is implemented by providers that hold credentials.
type Secretive interface {
	// EachSecret calls visit for every credential set among the fields, with a stable name such as
	// "awsSecretAccessKey" or "headers.Authorization", and stores what visit returns in its place.
	EachSecret(visit func(name, value string) string)
}

// Keyed is implemented by providers that want a text made of each event, such as a partition key.
type Keyed interface {
	// KeyExpression returns the CEL expression that makes Call.Key, most often a field path such as data.customerId, and the
	// name of the field it stands in; empty when none is set.
	KeyExpression() (field, source string)
}

// Env is what the gateway lends to an Invoker.
type Env struct {
	// Space and FunctionID name the function, for logs and errors.
	Space, FunctionID string
	// Logger never gets payloads or credentials. Not nil.
	Logger *slog.Logger
	// MaxResponse bounds a function's answer in bytes. Always positive.
	MaxResponse int64
	// Secrets is what the function's fields may refer to.
	Secrets Secrets
	// Egress makes the connections to the function. Nil is a guard with the default policy.
	Egress *egress.Guard
	// Route returns a named route of this server, nil when there is none. Nil means that there are no routes.
	Route func(name string) http.Handler
	// Function returns another function of the space, nil when there is none. Nil means that there are none.
	Function func(id string) *Handle
	// Retreated is told that the function, a Router, went back to earlier weights. It does not block. Nil means that nobody is told.
	Retreated func(*eventgateway.Retreat)
	// Retreat is what the function went back from before, here and since it was written; nil when it did not. It counts as
	// long as the function has the weights it went back from.
	Retreat *eventgateway.Retreat
	// ServerIdentity reports whether a function at host, in lower case and without a port, may get tokens of the server's own
	// identity that are good for resource: whoever gets one can use it there. Nil means that none may.
	ServerIdentity func(resource, host string) bool
}

// Invoker calls one function. It is safe for concurrent use. One that holds resources of its own implements io.Closer;
// Close is called once, when no call is in flight.
type Invoker interface {
	// Invoke calls the function and returns its answer. It stops when ctx is done. A failure is an *Error.
	Invoke(ctx context.Context, call *Call) (*Result, error)
}

// Call is one invocation.
type Call struct {
	// Payload is the event as the function's format writes it. It is not to be changed, but may be kept.
	Payload []byte
	// ContentType is the MIME type of Payload. Never empty.
	ContentType string
	// Header holds what goes beside the payload where the provider has a place for it: CloudEvents attributes in binary
	// mode, delivery metadata. May be nil; not to be changed.
	Header http.Header
	// Event is what Payload was made of; not to be changed. Never nil.
	Event *eventgateway.Event
	// Key is what the provider's key expression made of the event; empty when there is none.
	Key string
}

// Result is a function's answer.
type Result struct {
	// ContentType is the MIME type of Body; may be empty.
	ContentType string
	// Body is the answer's payload.
	Body []byte
	// Format is that of the function whose answer it is, where another answered for the one that was called; else empty. Providers
	// leave it empty.
	Format eventgateway.Format
}
