package delivery

import (
	"context"
	"errors"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/expression"
	"github.com/eventgateway/eventgateway/providers"
)

// copies are the copies of one call that go to shadows, beside it and without anybody waiting for them.
type copies struct {
	// ctx is that of the calls of shadows, which may take longer than the call that is copied.
	ctx   context.Context
	event *eventgateway.Event
	route eventgateway.Route
	// transforms may be nil.
	transforms *eventgateway.Transforms
	// timeout bounds a call beside the shadow's own; 0 for no other bound.
	timeout time.Duration
	// headers adds what goes beside the payload.
	headers  func(*eventgateway.Encoded, *eventgateway.Event)
	observer Observer
	stages   Stages
}

// send sends a copy to each of some shadows of a space that can take one now.
func (c *copies) send(space string, shadows []providers.Shadow) {
	for _, s := range shadows {
		h, ok := s.Begin()
		if !ok {
			c.observer.CopyDropped(eventgateway.FunctionKey{Space: space, ID: s.FunctionID()})
			continue
		}
		go func() {
			defer s.End()
			defer func() {
				if recover() != nil { // a fault in writing the event, which the call that is copied meets and reports too
					c.observer.CopyDropped(h.Function.Key())
				}
			}()
			c.call(h)
		}()
	}
}

// call calls a shadow. Nobody gets its answer but those who are told of every call.
func (c *copies) call(h *providers.Handle) {
	in := patientInput(h, c.event)
	encoded, err := expression.Encode(in, h.Function.Format, c.route, c.transforms)
	if err != nil {
		return
	}
	key, err := keyOf(h, in)
	if err != nil {
		return
	}
	c.headers(&encoded, c.event)
	ctx, call := c.ctx, Invocation{h.Function.Key(), c.event, c.route.Params}
	if c.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.timeout)
		defer cancel()
	}
	stages := stagesOf(c.event, c.stages)
	if stages != nil && stages.Invoking(ctx, call) != nil {
		return
	}
	start := time.Now()
	result, err := invoke(ctx, h, &encoded, c.event, key)
	c.observer.Invoked(call.Function, failureOf(err), time.Since(start))
	switch {
	case stages == nil, errors.Is(err, providers.ErrClosed):
	case err != nil:
		stages.InvocationFailed(ctx, call, err)
	default:
		_ = stages.Invoked(ctx, call, result) // there is nothing left to stop
	}
}
