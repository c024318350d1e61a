// Package providers is how functions are called: one Provider per kind of function, each a Caddy guest module in the
// namespace event_gateway.providers, found by the function's type.
package providers

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/caddyserver/caddy/v2"
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

// Env is what the gateway lends to an Invoker.
type Env struct {
	// Space and FunctionID name the function, for logs and errors.
	Space, FunctionID string
	// Logger never gets payloads or credentials. Not nil.
	Logger *slog.Logger
	// MaxResponse bounds a function's answer in bytes. Always positive.
	MaxResponse int64
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
}

// Result is a function's answer.
type Result struct {
	// ContentType is the MIME type of Body; may be empty.
	ContentType string
	// Body is the answer's payload.
	Body []byte
}
