package delivery

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/expression"
	"github.com/eventgateway/eventgateway/providers"
)

// Call calls a function now: it writes the event of in as the function gets it through a subscription with those
// transforms, which may be nil, calls, observes and tells stages, which may be nil.
// When ctx was canceled, which means that the sender gave up, a failure is one of kind providers.Canceled, unless the
// function's host had the last word. An *expression.TransformError means that the function was not called, a *StoppedError
// that stages stopped the event, before the call or after. Where others answer for the function, they are what is written for,
// called and told of.
func Call(
	ctx context.Context, h *providers.Handle, in *expression.Input, route eventgateway.Route,
	transforms *eventgateway.Transforms, obs Observer, stages Stages,
) (*providers.Result, error) {
	in.SetSpace(h.Function.Space)
	if h.Router() != nil {
		return callRouted(ctx, h, in, route, transforms, obs, stages)
	}
	result, _, err := callFunction(ctx, h, in, route, transforms, obs, stages)
	return result, err
}

// callFunction is Call for a function that answers itself, and returns how long that took.
func callFunction(
	ctx context.Context, h *providers.Handle, in *expression.Input, route eventgateway.Route,
	transforms *eventgateway.Transforms, obs Observer, stages Stages,
) (*providers.Result, time.Duration, error) {
	encoded, err := expression.Encode(in, h.Function.Format, route, transforms)
	if err != nil {
		return nil, 0, err
	}
	key, err := keyOf(h, in)
	if err != nil {
		return nil, 0, err
	}
	call := Invocation{h.Function.Key(), in.Event(), route.Params}
	setCallHeaders(&encoded, call.Event)
	if stages = stagesOf(call.Event, stages); stages != nil {
		if err := stages.Invoking(ctx, call); err != nil {
			return nil, 0, &StoppedError{err}
		}
	}
	start := time.Now()
	res, err := invoke(ctx, h, &encoded, call.Event, key)
	took := time.Since(start)
	obs.Invoked(call.Function, failureOf(err), took)
	switch {
	case stages == nil, errors.Is(err, providers.ErrClosed): // it was not called; the caller looks for what it is now
	case err != nil:
		stages.InvocationFailed(ctx, call, err)
	default:
		if err := stages.Invoked(ctx, call, res); err != nil {
			return nil, took, &StoppedError{err}
		}
	}
	return res, took, err
}

func invoke(
	ctx context.Context, h *providers.Handle, encoded *eventgateway.Encoded, ev *eventgateway.Event, key string,
) (*providers.Result, error) {
	return h.Invoke(ctx, &providers.Call{
		Payload:     encoded.Payload,
		ContentType: encoded.ContentType,
		Header:      encoded.Header,
		Event:       ev,
		Key:         key,
	})
}

// keyOf returns what the function's key expression makes of an event; empty when it has none. An error is an
// *expression.TransformError.
func keyOf(h *providers.Handle, in *expression.Input) (string, error) {
	field, source := h.KeyExpression()
	if source == "" {
		return "", nil
	}
	key, err := expression.Text(field, source, in)
	return strings.Clone(key), err // it shares memory with the event, and providers may keep it
}

// keyOfEvent is keyOf for an event that nothing was evaluated over yet.
func keyOfEvent(h *providers.Handle, ev *eventgateway.Event, params eventgateway.PathParams) (string, error) {
	if _, source := h.KeyExpression(); source == "" {
		return "", nil
	}
	in := patientInput(h, ev)
	in.SetParams(params)
	return keyOf(h, in)
}

// patientInput returns the input for the expressions of a delivery to a function, which wait for their turn: it is one of few
// at a time, and must not fail because others wait.
func patientInput(h *providers.Handle, ev *eventgateway.Event) *expression.Input {
	in := expression.NewInput(ev)
	in.SetSpace(h.Function.Space)
	in.SetPatient()
	return in
}

// isCallError reports whether an error is one of a call that was made or could not be made, and not of what comes before it.
func isCallError(err error) bool { return errors.As(err, new(*providers.Error)) }

// failureOf returns why a call failed; empty when it did not.
func failureOf(err error) providers.Failure {
	if err == nil {
		return ""
	}
	return providers.FailureOf(err)
}
