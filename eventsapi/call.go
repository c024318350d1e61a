package eventsapi

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/delivery"
	"github.com/eventgateway/eventgateway/expression"
	"github.com/eventgateway/eventgateway/matcher"
	"github.com/eventgateway/eventgateway/providers"
)

// errGone means that there is no such function.
var errGone = errors.New("it is gone")

// call calls the function of the sync subscriber in x.match. When it fails, call answers the sender and returns nil.
func (x *exchange) call(ev *eventgateway.Event) *providers.Result {
	target := unordered(x.match.Sync)
	var start time.Time
	if len(x.noted) > 0 {
		start = time.Now()
	}
	result, err := x.tryCall(&target)
	x.noteCall(ev, &target, start, err)
	if err != nil {
		x.callFailed(target.Function(), ev, err)
		return nil
	}
	return result
}

// unordered returns a target that has its place in no order, such as that of a call while the sender waits.
func unordered(t matcher.Target) delivery.Target {
	s := t.Subscription
	return delivery.Target{Space: s.Space, SubscriptionID: s.ID, FunctionID: s.FunctionID, Params: t.Params}
}

func (x *exchange) tryCall(target *delivery.Target) (*providers.Result, error) {
	sub := x.match.Sync.Subscription
	key, route := target.Function(), eventgateway.Route{Path: sub.Path, Params: target.Params}
	handle, _ := x.snap.Functions.Get(key)
	for {
		if handle == nil {
			return nil, errGone
		}
		x.format = handle.Function.Format
		result, err := delivery.Call(x.r.Context(), handle, x.input, route, &sub.Transforms, x.h.Observer, x.h.Stages)
		if err == nil && result.Format != "" {
			x.format = result.Format // that of who answered for the function
		}
		if errors.Is(err, providers.ErrClosed) {
			// The function was changed after the request took its snapshot: call what it is now, if that is another.
			if now, _ := x.h.Snapshot().Functions.Get(key); now != handle {
				handle = now
				continue
			}
		}
		return result, err
	}
}

// callFailed answers for a call that failed.
func (x *exchange) callFailed(key eventgateway.FunctionKey, ev *eventgateway.Event, err error) {
	status, message := http.StatusBadGateway, "it failed"
	if stopped, ok := errors.AsType[*delivery.StoppedError](err); ok {
		x.refuse(stoppedBy(stopped.Err))
		return
	}
	var e *providers.Error
	var transform *expression.TransformError
	switch {
	case errors.Is(err, errGone):
		message = errGone.Error()
	case errors.As(err, &e):
		message = e.Message
	case errors.As(err, &transform):
		message = "it was not called: " + transform.Error()
	}
	switch providers.FailureOf(err) {
	case providers.TimedOut:
		status = http.StatusGatewayTimeout
	case providers.Canceled:
		if x.r.Context().Err() != nil {
			x.w.WriteHeader(statusClientClosed)
			return
		}
	}
	x.functionFailed(key, ev, message, status)
}

// functionFailed tells the sender and the log that the function did not answer as it should.
func (x *exchange) functionFailed(key eventgateway.FunctionKey, ev *eventgateway.Event, why string, status int) {
	x.h.Logger.Warn("a function did not answer an event", "space", key.Space, "function", key.ID,
		"event", ev.Type, "id", ev.ID, "status", status, "reason", why)
	writeError(x.w, status, "function "+strconv.Quote(key.ID)+" did not answer: "+why)
}

// unusable tells the sender and the log that the function's answer cannot be passed on.
func (x *exchange) unusable(ev *eventgateway.Event, err error) {
	target := unordered(x.match.Sync)
	x.functionFailed(target.Function(), ev, "its answer cannot be used: "+err.Error(), http.StatusBadGateway)
}

// answerCall calls the function of the sync subscriber in x.match and gives the sender its payload, or what the
// subscription makes of it, and reports whether it did.
func (x *exchange) answerCall(ev *eventgateway.Event) (answered bool) {
	result := x.call(ev)
	if result == nil {
		return false
	}
	if source := x.match.Sync.Subscription.ResponseTransform; source != "" {
		transformed, err := x.transformResult(result, source)
		if err != nil {
			x.unusable(ev, err)
			return false
		}
		result = transformed
	}
	if ev.Type == eventgateway.EventInvoke || !describesAnswer(result.Body) {
		x.answerAsIs(result)
		return true
	}
	answer, err := parseAnswer(result.Body)
	if err != nil {
		x.unusable(ev, err)
		return false
	}
	answer.write(x.w, true) // pages of any origin may send custom events
	return true
}

// answerAsIs gives the sender the function's payload as it is.
func (x *exchange) answerAsIs(result *providers.Result) {
	header := x.w.Header()
	contentType := result.ContentType
	if contentType == "" || !eventgateway.ValidHeaderValue(contentType) {
		contentType = eventgateway.TypeOctetStream
		if json.Valid(result.Body) {
			contentType = eventgateway.TypeJSON
		}
		header["X-Content-Type-Options"] = []string{"nosniff"}
	}
	header["Content-Type"] = []string{contentType}
	header["Content-Length"] = []string{strconv.Itoa(len(result.Body))}
	x.w.WriteHeader(http.StatusOK)
	_, _ = x.w.Write(result.Body) // a sender that went away is no concern of ours
}

// serveInvoke serves a synchronous invocation of one function.
func (x *exchange) serveInvoke() error {
	x.event = eventgateway.EventInvoke
	id := x.r.Header.Get("Function-Id")
	if id == "" {
		return eventgateway.Errorf(eventgateway.Invalid, "Function-ID: missing: want a header with the id of the function to invoke")
	}
	if err := eventgateway.ValidateID("Function-ID", id); err != nil {
		return err
	}
	if !x.route(x.r.Method, eventgateway.EventInvoke, id) && !x.match.Undecided {
		return x.cannotInvoke(id)
	}
	body, err := x.readBody()
	if err != nil {
		return err
	}
	ev, err := x.newEvent(eventgateway.EventInvoke, body)
	if err != nil {
		return err
	}
	if !x.find(ev, id) {
		return x.cannotInvoke(id)
	}
	x.h.Observer.Received(x.seenIn(), ev.Type)
	if err := x.admit(ev, alone); err != nil {
		return err
	}
	if x.tooDeep(ev) {
		return x.stopLoop(ev, alone)
	}
	if err := x.receivedAlone(ev); err != nil {
		return err
	}
	if ev = x.syncEvent(ev); x.answerCall(ev) {
		x.h.Observer.Processed(x.seenIn(), ev.Type)
	}
	return nil
}

// cannotInvoke refuses to invoke a function that has no subscription for it.
func (x *exchange) cannotInvoke(id string) error {
	if !x.snap.Loaded {
		return errNotLoaded
	}
	return refusal(http.StatusNotFound, ReasonNotFound, "function "+strconv.Quote(id)+" cannot be invoked with "+describe(x.r)+
		": want a subscription of it to the event invoke on this path")
}
