// Package eventsapi is the data path: an HTTP request becomes an event, finds its subscribers, and is answered.
package eventsapi

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/delivery"
	"github.com/eventgateway/eventgateway/snapshot"
)

// Observer is told what the Events API does. Its methods do not block.
type Observer interface {
	delivery.Observer
	// Received is called once for every event read from a request. space is that of its subscribers, here and below; empty
	// when there are none.
	Received(space, eventType string)
	// Processed is called when a function has answered the sender of an event.
	Processed(space, eventType string)
	// Refused is called for a request or event that was not accepted; reason is one of the Reason constants. eventType
	// is empty when it is not known.
	Refused(space, eventType, reason string)
	// FilterFailed is called when the filter of a subscription could not be evaluated for an event, which it therefore did
	// not match.
	FilterFailed(space, subscriptionID string)
	// OrderingKeyFailed is called when the ordering key of a subscription could not be evaluated for an event, which it
	// therefore gets without order.
	OrderingKeyFailed(space, subscriptionID string)
	// SchemaViolated is called for an event that goes on although its data violates the schema of its type.
	SchemaViolated(space, eventType string)
}

// Handler serves the Events API.
type Handler struct {
	// Snapshot gives the configuration. Required.
	Snapshot snapshot.Source
	// Queue takes what is delivered asynchronously. Required.
	Queue delivery.Queue
	// Observer is told what happens. Required.
	Observer Observer
	// Journal is told what custom events and CloudEvents match, and what becomes of them; http events and invocations it is
	// not told of. Default: none.
	Journal *delivery.Journal
	// Logger gets failures, without payloads. Required.
	Logger *slog.Logger
	// Stages is told of the stages of an event's way, and may stop it. Default: nobody is told.
	Stages Stages
	// Strict reports whether a space accepts only events of registered types; the built-in ones count as registered.
	// Default: none does.
	Strict func(space string) bool
	// Client returns the address of the client, without a port, and whether the request comes from a proxy that is trusted to
	// tell the truth about it. Default: the address that the connection is from, which is not trusted.
	Client func(r *http.Request) (ip string, trusted bool)
	// AuthorizerTimeout bounds how long an authorizer may take, beside its function's own timeout. Default: 10s.
	AuthorizerTimeout time.Duration
	// MaxDepth is how many deliveries may lead to an event, one after the other. Default: eventgateway.MaxDepth.
	MaxDepth int
	// MaxBody bounds a request's body in bytes. Default: 1 MiB.
	MaxBody int64
	// ReadTimeout bounds how long a body may take to arrive. Default: 30s.
	ReadTimeout time.Duration

	answers authCache
	loops   loopWarning
}

const (
	// DefaultMaxBody bounds the body of a handler that sets no bound.
	DefaultMaxBody = 1 << 20
	// DefaultReadTimeout bounds how long a body may take where a handler does not say.
	DefaultReadTimeout = 30 * time.Second
)

// Serve answers r, and reports whether it did: a plain HTTP request that no subscription wants is left to the next
// handler, untouched. space is the only space the request can reach; empty means that the Space header chooses, and
// without it all spaces take part.
func (h *Handler) Serve(w http.ResponseWriter, r *http.Request, space string) (handled bool) {
	x := newExchange(h, w, r)
	defer x.free()
	form := formOf(r.Header)
	if form == formHTTP {
		if isPreflight(r) {
			return x.servePreflight(space)
		}
		return x.serveHTTP(space)
	}
	x.allowAnyOrigin()
	if err := x.serveEvent(form, space); err != nil {
		x.refuse(err)
	}
	return true
}

// serveEvent serves every form but formHTTP. An error is a refusal.
func (x *exchange) serveEvent(form form, space string) error {
	if err := x.chooseSpace(space); err != nil {
		return err
	}
	switch form {
	case formInvoke:
		return x.serveInvoke()
	case formBatch:
		return x.serveBatch()
	case formUnknown:
		return refusal(http.StatusUnsupportedMediaType, ReasonMediaType,
			"Content-Type: this format of CloudEvents is not accepted: want "+eventgateway.TypeCloudEvent+" or "+
				eventgateway.TypeCloudEventBatch)
	default:
		return x.serveOne(form)
	}
}

// NotFound answers a request that neither Serve nor any next handler wanted.
func (h *Handler) NotFound(w http.ResponseWriter, r *http.Request) {
	if allowsStructured(r) {
		answerAnyPreflight(w, r)
		return
	}
	writeError(w, http.StatusNotFound, "no http subscription wants "+describe(r))
}
