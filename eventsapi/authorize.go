package eventsapi

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
)

const (
	// DefaultAuthorizerTimeout bounds how long an authorizer may take where a handler does not say.
	DefaultAuthorizerTimeout = 10 * time.Second
	// askedAtOnce is how many authorizers a request asks at a time.
	askedAtOnce = 16
)

// authorize asks the authorizers of verdicts that refuse nothing so far.
func (x *exchange) authorize(verdicts []verdict) {
	var first *verdict
	var more []*verdict
	for i := range verdicts {
		switch v := &verdicts[i]; {
		case !x.wantsAuthorizer(v):
		case first == nil:
			first = v
		default:
			more = append(more, v)
		}
	}
	if first != nil {
		x.askAll(append(more, first))
	}
}

// wantsAuthorizer reports whether there is an authorizer to be asked. It is not for an event that will not be delivered for
// being too deep: it is a function, which may be part of the loop.
func (x *exchange) wantsAuthorizer(v *verdict) bool {
	if v.refusal != nil || v.kind == nil || v.kind.AuthorizerID == "" || v.asked {
		return false
	}
	if x.tooDeep(v.event) {
		x.h.loops.warn(x, v.event)
		v.refusal = x.looped(v.event)
	}
	return v.refusal == nil
}

// askAll asks for verdicts, several at a time. An authorizer that does not decide about one is not asked about the next: a
// batch would wait long for nothing.
func (x *exchange) askAll(verdicts []*verdict) {
	if len(verdicts) == 0 {
		return
	}
	credentials, known := credentialsOf(x.r.Header)
	var broken sync.Map // eventgateway.FunctionKey → *authAnswer
	ask := func(v *verdict) {
		id := eventgateway.FunctionKey{Space: v.space, ID: v.kind.AuthorizerID}
		if a, ok := broken.Load(id); ok {
			x.apply(v, a.(*authAnswer))
			return
		}
		a := x.ask(v, authKey{space: v.space, eventType: v.kind.ID(), credentials: credentials}, known)
		x.apply(v, a)
		if a.outcome == authGranted || a.outcome == authRefused || x.r.Context().Err() != nil {
			return
		}
		if _, told := broken.LoadOrStore(id, a); !told {
			x.h.Logger.Warn("an authorizer did not decide, so the event was refused", "space", id.Space, "function", id.ID,
				"event", v.event.Type, "event_id", v.event.ID, "reason", a.reason)
		}
	}
	if len(verdicts) == 1 {
		ask(verdicts[0])
		return
	}
	var running sync.WaitGroup
	slots := make(chan struct{}, askedAtOnce)
	for _, v := range verdicts {
		slots <- struct{}{}
		running.Go(func() {
			defer func() { <-slots }()
			ask(v)
		})
	}
	running.Wait()
}

// ask returns what the authorizer of a verdict says, from the cache if known tells that the sender can be told from others.
func (x *exchange) ask(v *verdict, key authKey, known bool) *authAnswer {
	id := eventgateway.FunctionKey{Space: v.space, ID: v.kind.AuthorizerID}
	handle, _ := x.snap.Functions.Get(id)
	for {
		if handle == nil {
			return &authAnswer{outcome: authFailed, reason: errGone.Error()}
		}
		key.handle = handle
		var a *authAnswer
		if known {
			a = x.h.answers.get(x.r.Context(), key, func(ctx context.Context) *authAnswer { return x.callAuthorizer(ctx, handle, v) })
		} else {
			a = x.callAuthorizer(x.r.Context(), handle, v)
		}
		if a.outcome == authClosed {
			// The function was changed after the request took its snapshot: ask what it is now, if that is another.
			if now, _ := x.h.Snapshot().Functions.Get(id); now != handle {
				handle = now
				continue
			}
		}
		return a
	}
}

// callAuthorizer calls the function of an authorizer and reads what it answers.
func (x *exchange) callAuthorizer(ctx context.Context, handle *providers.Handle, v *verdict) *authAnswer {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(x.h.AuthorizerTimeout, DefaultAuthorizerTimeout))
	defer cancel()
	call := &providers.Call{
		Payload: x.authorizerPayload(v), ContentType: eventgateway.TypeJSON, Header: chainHeader(v.event),
		Event: v.event,
	}
	start := time.Now()
	result, err := handle.Invoke(ctx, call)
	failure := providers.Failure("")
	if err != nil {
		failure = providers.FailureOf(err)
	}
	x.h.Observer.Invoked(handle.Function.Key(), failure, time.Since(start))
	switch {
	case err == nil:
		return parseAuthorization(result.Body)
	case errors.Is(err, providers.ErrClosed):
		return &authAnswer{outcome: authClosed, reason: err.Error()}
	case failure == providers.TimedOut:
		return &authAnswer{outcome: authTimedOut, reason: err.Error()}
	default:
		return &authAnswer{outcome: authFailed, reason: err.Error()}
	}
}

// apply makes a verdict of what the authorizer answered.
func (x *exchange) apply(v *verdict, a *authAnswer) {
	v.asked = true
	if a.outcome == authGranted {
		v.authorization = a.granted
		v.setEvent()
		return
	}
	if x.r.Context().Err() != nil {
		v.refusal = &refused{status: statusClientClosed, reason: ReasonCanceled}
		return
	}
	r := &refused{status: http.StatusForbidden, reason: ReasonAuthorizerFailed}
	r.message = "not authorized to send event type " + eventgateway.Quote(v.event.Type) + ": the authorizer "
	switch a.outcome {
	case authRefused:
		r.reason = ReasonForbidden
		r.message += "refused"
		if a.reason != "" {
			r.message += ": " + eventgateway.Quote(a.reason)
		}
	case authTimedOut:
		r.message += "did not answer in time"
	case authUnreadable:
		r.message += "answered what cannot be read"
	default:
		r.message += "failed"
	}
	v.refusal = r
}

// authorizerPayload is what an authorizer gets: the event, and the request as the data of http events has it.
func (x *exchange) authorizerPayload(v *verdict) []byte {
	ev := v.event
	payload := append(make([]byte, 0, 1024+2*len(ev.Data)), `{"event":`...)
	payload = ev.Encode(payload, eventgateway.FormatEvent, v.params).Payload
	payload = append(payload, `,"request":`...)
	request := ev
	if ev.HTTP == nil {
		request = x.newHTTPEvent(x.body)
	}
	payload = request.Encode(payload, eventgateway.FormatRaw, v.params).Payload
	return append(payload, '}')
}
