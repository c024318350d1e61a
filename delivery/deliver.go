package delivery

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/eventgateway/eventgateway/expression"
	"github.com/eventgateway/eventgateway/providers"
)

// outcome is how one delivery ended; reason is empty when it succeeded.
type outcome struct {
	reason string
	err    error
	took   time.Duration
}

// deliver makes the one attempt d has and tells what came of it. It does not panic, whatever it calls.
func (q *Memory) deliver(d *delivery) {
	o := q.attempt(d)
	if o.reason == string(providers.Canceled) && q.ctx.Err() != nil {
		o.reason = ReasonShutdown
		q.mu.Lock()
		q.lost++
		q.mu.Unlock()
	}
	q.report(d, o)
}

func (q *Memory) attempt(d *delivery) (o outcome) {
	start := time.Now()
	defer func() {
		if r := recover(); r != nil {
			q.logPanic(r, "delivering an event panicked")
			o = outcome{reason: ReasonPanic, took: time.Since(start)}
		}
	}()
	for {
		h := q.functions(d.target.Function())
		if h == nil {
			return outcome{reason: ReasonFunctionMissing}
		}
		start = time.Now()
		err := q.call(d, h)
		if errors.As(err, new(*expression.TransformError)) {
			return outcome{reason: ReasonTransformFailed, err: err, took: time.Since(start)}
		}
		if errors.Is(err, providers.ErrClosed) && q.functions(d.target.Function()) != h {
			// The function was changed between the look-up and the call, and was not called.
			continue
		}
		o = outcome{reason: string(failureOf(err)), err: err, took: time.Since(start)}
		q.observer.Invoked(d.target.Function(), failureOf(err), o.took)
		return o
	}
}

// call calls h. Path parameters and transforms are a delivery's own, and so is then what the function gets.
func (q *Memory) call(d *delivery, h *providers.Handle) error {
	ev, format, target := d.of.event, h.Function.Format, &d.target
	switch {
	case target.Transforms != nil:
		encoded, err := expression.Encode(expression.NewInput(ev), format, target.Params, target.Transforms)
		if err != nil {
			return err
		}
		_, err = invoke(q.ctx, h, &encoded)
		return err
	case len(d.of.deliveries) == 1 || len(target.Params) > 0:
		encoded := ev.Encode(nil, format, target.Params)
		_, err := invoke(q.ctx, h, &encoded)
		return err
	}
	enc := d.of.encodings.acquire(ev, format)
	defer d.of.encodings.release(enc)
	_, err := invoke(q.ctx, h, &enc.Encoded)
	return err
}

// report tells the observer, and for a failure the log. What a shutdown ends is counted by Drain and gets no line each.
func (q *Memory) report(d *delivery, o outcome) {
	defer func() {
		if r := recover(); r != nil {
			q.logPanic(r, "reporting a delivery panicked")
		}
	}()
	ev := d.of.event
	if o.reason == "" {
		q.observer.Delivered(d.target.Space, ev.Type, time.Since(ev.ReceivedAt))
		return
	}
	if o.reason != ReasonShutdown {
		q.failures.log(d, o)
	}
	q.observer.Dropped(d.target.Space, ev.Type, o.reason)
}

// logPanic logs where a panic happened. Of its value only what the runtime says is shown: any other may hold a payload.
func (q *Memory) logPanic(value any, msg string) {
	what := fmt.Sprintf("%T", value)
	if err, ok := value.(runtime.Error); ok {
		what = err.Error()
	}
	q.logger.Error(msg, slog.String("panic", what), slog.String("stack", string(debug.Stack())))
}
