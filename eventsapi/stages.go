package eventsapi

import (
	"context"
	"errors"
	"net/http"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/delivery"
)

// Stages is told of the stages of an event's way through the gateway; see delivery.Stages.
type Stages interface {
	delivery.Stages
	// Received is called when an event was read and its subscribers are known, and before it is delivered to any. space is
	// that of its subscribers; empty when there are none. An error stops the event, as that of Invoking does.
	Received(ctx context.Context, space string, ev *eventgateway.Event, path string, header http.Header) error
}

// received tells that an event is about to go on in space, which may stop it. at is its place in a batch, or alone.
func (x *exchange) received(space string, ev *eventgateway.Event, at int) error {
	if x.h.Stages == nil {
		return nil
	}
	if err := x.h.Stages.Received(x.r.Context(), space, ev, x.r.URL.Path, x.r.Header); err != nil {
		return stoppedBy(err).at(at)
	}
	return nil
}

// receivedAlone is received for an event that came alone, whose subscribers are in x.match.
func (x *exchange) receivedAlone(ev *eventgateway.Event) error {
	if x.h.Stages == nil {
		return nil
	}
	space := x.seenIn()
	return x.received(space, x.eventIn(space, ev), alone)
}

// stoppedBy makes a refusal of the error of a stage: one that has a status is meant for the sender, any other is not.
func stoppedBy(err error) *refused {
	r := &refused{status: http.StatusInternalServerError, reason: ReasonStopped, message: "the event was stopped"}
	var told interface {
		error
		StatusCode() int
	}
	if errors.As(err, &told) {
		if status := told.StatusCode(); status >= 400 && status <= 599 {
			r.status, r.message = status, "the event was stopped: "+told.Error()
		}
	}
	return r
}
