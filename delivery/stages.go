package delivery

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
)

// Invocation is one call of a function.
type Invocation struct {
	// Function is the function called.
	Function eventgateway.FunctionKey
	// Event is what it is called for. Not to be changed.
	Event *eventgateway.Event
	// Params are the path parameters that were matched.
	Params eventgateway.PathParams
}

// Stages is told of the stages of an event's way through a function, by which system events come about. It is not told of
// system events themselves. Its methods are called on the data path, by the goroutine that makes the call.
type Stages interface {
	// Invoking is called before a function is called, at every attempt. An error stops the event there: it is not delivered to
	// the function, and not tried again. One that has a method StatusCode() int says what the sender of an event that is
	// delivered while they wait is answered with; any other means 500.
	Invoking(ctx context.Context, call Invocation) error
	// Invoked is called when a function has answered. An error stops a synchronous event, as that of Invoking does; of an
	// asynchronous one it is logged.
	Invoked(ctx context.Context, call Invocation, result *providers.Result) error
	// InvocationFailed is called when a call has failed. err is an *providers.Error.
	InvocationFailed(ctx context.Context, call Invocation, err error)
}

// StoppedError is the error of a call whose event was stopped by Stages.
type StoppedError struct {
	// Err is what Stages returned.
	Err error
}

// Error implements error.
func (e *StoppedError) Error() string { return "the event was stopped: " + e.Err.Error() }

// Unwrap returns Err.
func (e *StoppedError) Unwrap() error { return e.Err }

// stagesOf returns who is told of the calls that an event brings: nobody where it is a system event.
func stagesOf(ev *eventgateway.Event, stages Stages) Stages {
	if stages == nil || eventgateway.IsSystemEvent(ev.Type) {
		return nil
	}
	return stages
}

// stagesOf returns who is told of the deliveries of an event; nil when nobody is.
func (d *Dispatcher) stagesOf(ev *eventgateway.Event) Stages {
	if stages := d.stages.Load(); stages != nil {
		return stagesOf(ev, *stages)
	}
	return nil
}

// setStages has s told of deliveries from now on, nobody if it is nil.
func (d *Dispatcher) setStages(s Stages) {
	if s == nil {
		d.stages.Store(nil)
		return
	}
	d.stages.Store(&s)
}

// tellStages tells how a call ended. Neither an error nor a panic of those who are told takes back that it was made.
func (d *Dispatcher) tellStages(stages Stages, call Invocation, result *providers.Result, err error) {
	defer func() {
		if r := recover(); r != nil {
			d.logPanic(r, "telling of a call panicked")
		}
	}()
	key, ev := call.Function, call.Event
	switch {
	case errors.Is(err, providers.ErrClosed): // it was not called
	case err != nil:
		stages.InvocationFailed(d.ctx, call, err)
	default:
		stop := stages.Invoked(d.ctx, call, result)
		if stop == nil {
			return
		}
		if suppressed, ok := d.objections.admit(key, time.Now()); ok {
			d.logger.Warn("a plugin objected to an event that was delivered already", slog.String("space", key.Space),
				slog.String("function", key.ID), slog.String("event", ev.Type), slog.String("event_id", ev.ID),
				slog.Any("error", stop), slog.Int("suppressed", suppressed))
		}
	}
}
