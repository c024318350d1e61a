// Package systemevents emits the gateway's own events, at each stage of an event's way, to the subscriptions in its space and
// to plugins.
package systemevents

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/delivery"
	"github.com/eventgateway/eventgateway/plugins"
	"github.com/eventgateway/eventgateway/providers"
	"github.com/eventgateway/eventgateway/snapshot"
)

// Emitter emits system events. It implements delivery.Stages and eventsapi.Stages. With nobody listening to a stage it does
// no more than look that up.
type Emitter struct {
	// Snapshot gives the configuration. Required.
	Snapshot snapshot.Source
	// Queue takes system events for subscriptions, on path / of their space. Required.
	Queue delivery.Queue
	// Plugins are told too. Default: none.
	Plugins *plugins.Host
	// Observer is told what becomes of system events. Required.
	Observer Observer
	// Logger gets failures, without payloads. Required.
	Logger *slog.Logger
	// MaxDepth is how many deliveries may lead to an event, one after the other. Default: eventgateway.MaxDepth.
	MaxDepth int

	// dropped bounds what is logged of system events that get nowhere.
	dropped limiter
}

// Observer is told what becomes of system events. Its methods do not block.
type Observer interface {
	// Emitted is called for every system event that has subscribers or plugins.
	Emitted(space, eventType string)
	// Dropped is called when a system event does not reach its subscribers; reason is one of the Reason constants.
	Dropped(space, eventType, reason string)
	// FilterFailed is called when the filter of a subscription could not be evaluated for a system event, which it therefore
	// did not match.
	FilterFailed(space, subscriptionID string)
	// OrderingKeyFailed is called when the ordering key of a subscription could not be evaluated for a system event, which it
	// therefore gets without order.
	OrderingKeyFailed(space, subscriptionID string)
}

// The reasons of Dropped.
const (
	// ReasonQueueFull means the queue had no room. A system event holds up nothing and is not tried again.
	ReasonQueueFull = "queue_full"
	// ReasonQueueUnavailable means the queue's log was out of reach.
	ReasonQueueUnavailable = "queue_unavailable"
	// ReasonTooLarge means the system event is larger than the queue can take.
	ReasonTooLarge = "too_large"
	// ReasonDraining means the gateway was shutting down.
	ReasonDraining = "draining"
	// ReasonQueueFailed means anything else the queue said.
	ReasonQueueFailed = "queue_failed"
	// ReasonLoop means that the event it is about was as deep as an event may be.
	ReasonLoop = delivery.ReasonLoop
)

// Interface guard
var _ delivery.Stages = (*Emitter)(nil)

// listens reports whether anybody may want to be told of a stage of ev.
func (e *Emitter) listens(stage string, ev *eventgateway.Event) bool {
	return (e.Snapshot().Table.Listens(stage) || e.Plugins.Listens(stage)) && !eventgateway.IsSystemEvent(ev.Type)
}

// Received implements eventsapi.Stages.
func (e *Emitter) Received(ctx context.Context, space string, ev *eventgateway.Event, path string, header http.Header) error {
	if !e.listens(eventgateway.EventReceived, ev) {
		return nil
	}
	return e.emit(ctx, &emission{
		stage: eventgateway.EventReceived, space: space, about: ev, stops: true,
		data: func(buf []byte) []byte { return appendReceived(buf, ev, path, header) },
	})
}

// Invoking implements delivery.Stages.
func (e *Emitter) Invoking(ctx context.Context, call delivery.Invocation) error {
	if !e.listens(eventgateway.FunctionInvoking, call.Event) {
		return nil
	}
	return e.emit(ctx, &emission{
		stage: eventgateway.FunctionInvoking, space: call.Function.Space, about: call.Event, stops: true,
		data: func(buf []byte) []byte { return append(appendCall(buf, call), '}') },
	})
}

// Invoked implements delivery.Stages.
func (e *Emitter) Invoked(ctx context.Context, call delivery.Invocation, result *providers.Result) error {
	if !e.listens(eventgateway.FunctionInvoked, call.Event) {
		return nil
	}
	// The call was made, even if its sender has gone meanwhile.
	return e.emit(context.WithoutCancel(ctx), &emission{
		stage: eventgateway.FunctionInvoked, space: call.Function.Space, about: call.Event,
		data: func(buf []byte) []byte { return append(appendResult(appendCall(buf, call), result), '}') },
	})
}

// InvocationFailed implements delivery.Stages.
func (e *Emitter) InvocationFailed(ctx context.Context, call delivery.Invocation, err error) {
	if !e.listens(eventgateway.FunctionInvocationFailed, call.Event) {
		return
	}
	// What plugins object to has failed already: there is nothing left to stop.
	_ = e.emit(context.WithoutCancel(ctx), &emission{
		stage: eventgateway.FunctionInvocationFailed, space: call.Function.Space, about: call.Event,
		data: func(buf []byte) []byte { return append(appendError(appendCall(buf, call), err), '}') },
	})
}

// Retreated tells that a weighted function went back to earlier weights.
func (e *Emitter) Retreated(ctx context.Context, r *eventgateway.Retreat) {
	if !e.Snapshot().Table.Listens(eventgateway.FunctionRetreated) && !e.Plugins.Listens(eventgateway.FunctionRetreated) {
		return
	}
	// A plugin that objects comes too late: the calls go elsewhere already.
	_ = e.emit(ctx, &emission{
		stage: eventgateway.FunctionRetreated, space: r.Space,
		data: func(buf []byte) []byte { return appendRetreat(buf, r) },
	})
}

// reasonOf returns why the queue did not take a system event.
func reasonOf(err error) string {
	switch {
	case errors.Is(err, delivery.ErrFull):
		return ReasonQueueFull
	case errors.Is(err, delivery.ErrDraining):
		return ReasonDraining
	case errors.Is(err, delivery.ErrTooLarge):
		return ReasonTooLarge
	case errors.Is(err, delivery.ErrUnavailable):
		return ReasonQueueUnavailable
	}
	return ReasonQueueFailed
}
