package delivery

import (
	"context"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/expression"
	"github.com/eventgateway/eventgateway/providers"
)

// callRouted is Call for a function that others answer for. obs is told of each call of them, and of the whole.
func callRouted(
	ctx context.Context, h *providers.Handle, in *expression.Input, route eventgateway.Route,
	transforms *eventgateway.Transforms, obs Observer, stages Stages,
) (*providers.Result, error) {
	in.SetParams(route.Params)
	key, err := keyOf(h, in)
	if err != nil {
		return nil, err
	}
	if err := h.Hold(); err != nil {
		return nil, err
	}
	defer h.Release()
	if h.Function.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, h.Function.CallTimeout())
		defer cancel()
	}
	start := time.Now()
	if shadows := h.Router().Shadows(); len(shadows) > 0 {
		c := &copies{
			ctx: context.WithoutCancel(ctx), event: in.Event().Detach(), route: route, transforms: transforms, observer: obs, stages: stages,
			headers: setCallHeaders,
		}
		c.send(h.Function.Space, shadows)
	}
	way := h.Router().Route(in.Event(), key)
	var result *providers.Result
	for again := true; again; {
		var member *providers.Handle
		if member, err = way.Next(); err != nil {
			result = nil
			break
		}
		var took time.Duration
		result, took, err = callFunction(ctx, member, in, route, transforms, obs, stages)
		if err != nil && !isCallError(err) {
			return nil, err
		}
		if again = way.Done(result, err, took); err == nil {
			result = answeredBy(member, result)
		}
	}
	obs.Invoked(h.Function.Key(), failureOf(err), time.Since(start))
	return result, err
}

// answeredBy returns a result that says whose it is.
func answeredBy(member *providers.Handle, result *providers.Result) *providers.Result {
	if member.Function.Format == "" {
		return result
	}
	answered := *result
	answered.Format = member.Function.Format
	return &answered
}

// invokeRouted is invokeFunction for a function that others answer for.
func (d *Dispatcher) invokeRouted(h *providers.Handle, t *task, sub *eventgateway.Subscription, o *outcome) error {
	ev := o.work.Event
	key, err := keyOfEvent(h, ev, o.owed.Params)
	if err != nil {
		return err
	}
	if err := h.Hold(); err != nil {
		return err
	}
	defer h.Release()
	timeout := o.policy.Timeout
	if h.Function.Timeout > 0 {
		timeout = min(timeout, h.Function.CallTimeout())
	}
	ctx, cancel := context.WithTimeout(d.ctx, timeout)
	defer cancel()
	start := time.Now()
	if shadows := h.Router().Shadows(); len(shadows) > 0 && t.attempts == 0 {
		d.copiesOf(t, sub, o).send(h.Function.Space, shadows)
	}
	way := h.Router().Route(ev, key)
	var before eventgateway.FunctionKey
	for again := true; again; {
		var member *providers.Handle
		if member, err = way.Next(); err != nil {
			break
		}
		if called := member.Function.Key(); called != before {
			before, o.told = called, false
		}
		var result *providers.Result
		if result, err = d.invokeFunction(ctx, member, t, sub, o); err != nil && !isCallError(err) {
			break
		}
		d.observer.Invoked(before, failureOf(err), o.took)
		again = way.Done(result, err, o.took)
	}
	o.took = time.Since(start)
	return err
}

// copiesOf returns the copies of a delivery.
func (d *Dispatcher) copiesOf(t *task, sub *eventgateway.Subscription, o *outcome) *copies {
	c := &copies{
		ctx: d.ctx, event: o.work.Event, route: routeOf(sub, o.owed), timeout: o.policy.Timeout,
		observer: d.observer, stages: d.stagesOf(o.work.Event),
	}
	if sub != nil && o.owed.Dead == nil {
		c.transforms = &sub.Transforms
	}
	owed, attempt := o.owed, int(t.attempts)+1
	c.headers = func(encoded *eventgateway.Encoded, ev *eventgateway.Event) {
		setDeliveryHeaders(encoded, ev, &owed.Target, attempt, owed.Dead)
	}
	return c
}
