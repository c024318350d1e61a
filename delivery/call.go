package delivery

import (
	"context"
	"errors"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/expression"
	"github.com/eventgateway/eventgateway/providers"
)

// Call calls a function now: it writes the event of in as the function gets it through a subscription with those
// transforms, which may be nil, calls, observes and tells stages, which may be nil.
// When ctx was canceled, which means that the sender gave up, a failure is one of kind providers.Canceled, unless the
// function's host had the last word. An *expression.TransformError means that the function was not called, a *StoppedError
// that stages stopped the event, before the call or after.
func Call(
	ctx context.Context, h *providers.Handle, in *expression.Input, params eventgateway.PathParams,
	transforms *eventgateway.Transforms, obs Observer, stages Stages,
) (*providers.Result, error) {
	encoded, err := expression.Encode(in, h.Function.Format, params, transforms)
	if err != nil {
		return nil, err
	}
	call := Invocation{h.Function.Key(), in.Event(), params}
	setCallHeaders(&encoded, call.Event)
	if stages = stagesOf(call.Event, stages); stages != nil {
		if err := stages.Invoking(ctx, call); err != nil {
			return nil, &StoppedError{err}
		}
	}
	start := time.Now()
	res, err := invoke(ctx, h, &encoded)
	obs.Invoked(call.Function, failureOf(err), time.Since(start))
	switch {
	case stages == nil, errors.Is(err, providers.ErrClosed): // it was not called; the caller looks for what it is now
	case err != nil:
		stages.InvocationFailed(ctx, call, err)
	default:
		if err := stages.Invoked(ctx, call, res); err != nil {
			return nil, &StoppedError{err}
		}
	}
	return res, err
}

func invoke(ctx context.Context, h *providers.Handle, encoded *eventgateway.Encoded) (*providers.Result, error) {
	return h.Invoke(ctx, &providers.Call{
		Payload:     encoded.Payload,
		ContentType: encoded.ContentType,
		Header:      encoded.Header,
	})
}

// failureOf returns why a call failed; empty when it did not.
func failureOf(err error) providers.Failure {
	if err == nil {
		return ""
	}
	return providers.FailureOf(err)
}
