package delivery

import (
	"context"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
)

// Call calls a function now: it writes ev in the function's format, calls and observes. When ctx was canceled, which
// means that the sender gave up, a failure is one of kind providers.Canceled, unless the function's host had the last word.
func Call(
	ctx context.Context, h *providers.Handle, ev *eventgateway.Event, params eventgateway.PathParams, obs Observer,
) (*providers.Result, error) {
	encoded := ev.Encode(nil, h.Function.Format, params)
	start := time.Now()
	res, err := invoke(ctx, h, &encoded)
	obs.Invoked(h.Function.Key(), failureOf(err), time.Since(start))
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
