package eventsapi

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/delivery"
)

// The reasons for which a request is refused, as an Observer gets them.
const (
	// ReasonMalformed means that the request breaks a rule of its form.
	ReasonMalformed = "malformed"
	// ReasonTooLarge means that the body is over the limit, or an event larger than the queue can take.
	ReasonTooLarge = "too_large"
	// ReasonSlow means that the body did not arrive in time.
	ReasonSlow = "slow"
	// ReasonMediaType means that the body's encoding or CloudEvents format is not supported.
	ReasonMediaType = "media_type"
	// ReasonNotFound means that nothing is subscribed to a request that needs a subscription.
	ReasonNotFound = "not_found"
	// ReasonNotLoaded means that nothing matched while the configuration was not loaded yet.
	ReasonNotLoaded = "not_loaded"
	// ReasonQueueFull means that the queue had no room.
	ReasonQueueFull = "queue_full"
	// ReasonDraining means that the gateway is shutting down.
	ReasonDraining = "draining"
	// ReasonQueueUnavailable means that the queue's log is out of reach or refuses to write.
	ReasonQueueUnavailable = "queue_unavailable"
	// ReasonQueueFailed means that the queue failed in another way.
	ReasonQueueFailed = "queue_failed"
	// ReasonCrowded means that an ordering key is costly, and too many expressions of its space are.
	ReasonCrowded = "crowded"
	// ReasonSchema means that the data violates the schema of its event type.
	ReasonSchema = "schema"
	// ReasonNotRegistered means that the event type is not registered in a space that accepts only registered ones.
	ReasonNotRegistered = "not_registered"
	// ReasonTypeUnusable means what is stored for the event type is not valid.
	ReasonTypeUnusable = "type_unusable"
	// ReasonForbidden means that the authorizer of the event type refused.
	ReasonForbidden = "forbidden"
	// ReasonAuthorizerFailed means that it did not decide: it failed, was too late, or answered what cannot be read.
	ReasonAuthorizerFailed = "authorizer_failed"
	// ReasonLoop means that more deliveries led to the event, one after the other, than may.
	ReasonLoop = delivery.ReasonLoop
	// ReasonStopped means that a plugin stopped the event.
	ReasonStopped = delivery.ReasonStopped
	// ReasonCanceled means that the sender went away before its request was read, or queued.
	ReasonCanceled = "canceled"
)

// refused is why a request is not accepted, and the status that says so.
type refused struct {
	status  int
	reason  string
	message string
	// counted tells that the observer knows.
	counted bool
}

func (e *refused) Error() string { return e.message }

func refusal(status int, reason, message string) error {
	return &refused{status: status, reason: reason, message: message}
}

func unavailable(reason, message string) *refused {
	return &refused{status: http.StatusServiceUnavailable, reason: reason, message: message}
}

var errNotLoaded = unavailable(ReasonNotLoaded, "the gateway has not loaded its configuration yet; try again later")

// statusClientClosed is what access logs show for a request whose sender went away; nobody receives it.
const statusClientClosed = 499

// linger bounds how long the server reads on in a body that is too large.
const linger = time.Second

// refuse answers with the error: a refused, or an *eventgateway.Error, which stands for a bad request.
func (x *exchange) refuse(err error) {
	var r *refused
	if !errors.As(err, &r) {
		r = &refused{status: http.StatusBadRequest, reason: ReasonMalformed, message: "the request is not accepted"}
		var e *eventgateway.Error
		if errors.As(err, &e) {
			r.message = e.Message
		}
	}
	if !r.counted {
		x.h.Observer.Refused(x.seenIn(), x.event, r.reason)
	}
	if !x.deadline {
		x.setReadDeadline() // the server reads what is left of the body, and must not wait for a slow sender
	}
	switch r.status {
	case statusClientClosed:
		x.w.WriteHeader(statusClientClosed)
		return
	case http.StatusServiceUnavailable:
		x.w.Header().Set("Retry-After", "1")
	case http.StatusRequestTimeout:
		if x.r.ProtoMajor == 1 {
			x.w.Header().Set("Connection", "close") // what is left of the body is not worth waiting for
		}
	case http.StatusRequestEntityTooLarge:
		// The server reads on a little, and closes in a way that lets a sender still at work see the answer: a connection
		// closed at once would be reset, and the answer lost. It does so only where it is left to decide that itself.
		_ = http.NewResponseController(x.w).SetReadDeadline(time.Now().Add(linger))
	}
	writeError(x.w, r.status, r.message)
}

// writeError answers with an error as both APIs have it.
func writeError(w http.ResponseWriter, status int, message string) {
	body := append(make([]byte, 0, 64+len(message)), `{"errors":[{"message":`...)
	body = eventgateway.AppendJSONString(body, message)
	body = append(body, "}]}\n"...)
	header := w.Header()
	header["Content-Type"] = []string{eventgateway.TypeJSON}
	header["X-Content-Type-Options"] = []string{"nosniff"}
	header["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(status)
	_, _ = w.Write(body) // a sender that went away is no concern of ours
}
