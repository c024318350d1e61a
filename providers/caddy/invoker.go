package caddyprovider

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/providers"
)

const (
	// maxNested is how many calls may be under way one inside the other. Events that cause events are bounded by their
	// depth; this holds also where a route drops the header that tells it.
	maxNested = eventgateway.MaxDepth
	// maxGivenUp is how many handlers may still be at work for calls of one function that have ended. A handler that looks
	// neither at its context nor at the errors of writing cannot be stopped.
	maxGivenUp = 64
)

// nestedKey is where a context holds how many calls it is inside of.
type nestedKey struct{}

// invoker calls one route.
type invoker struct {
	name, space string
	find        func(name string) http.Handler
	method      string
	target      *url.URL
	maxResponse int64
	logger      *slog.Logger

	// givenUp counts the handlers that are still at work for calls that have ended.
	givenUp atomic.Int64
}

// outcome is how the handlers of a call ended: with an error of their own where they panicked.
type outcome struct{ err error }

// Invoke implements providers.Invoker.
func (f *invoker) Invoke(ctx context.Context, call *providers.Call) (*providers.Result, error) {
	nested, _ := ctx.Value(nestedKey{}).(int)
	if nested >= maxNested {
		return nil, &providers.Error{
			Failure: providers.FunctionFailed, Permanent: true,
			Message: fmt.Sprintf("a loop: %d calls of routes are under way one inside the other", nested),
		}
	}
	route, err := f.route()
	if err != nil {
		return nil, err
	}
	inside, stop := detach(ctx, nested+1)
	defer stop()
	w := &answer{header: make(http.Header), limit: f.maxResponse, stop: stop}
	done := make(chan outcome, 1)
	var end outcome
	go func() { done <- outcome{f.serve(route, w, f.request(inside, call))} }()
	select {
	case end = <-done:
	case <-inside.Done():
		select {
		case end = <-done:
		default:
			f.giveUp(w, done)
			if w.overflown() {
				return nil, providers.TooLarge(f.maxResponse)
			}
			return nil, f.ended(ctx, inside)
		}
	}
	switch {
	case !w.tooLarge && isOver(inside):
		return nil, f.ended(ctx, inside) // what a handler says then is only the echo of it, and what it wrote perhaps not all
	case end.err != nil:
		return nil, end.err
	}
	return w.result(f.method)
}

// isOver reports whether a context has ended, or is about to: connections have the same deadline, and timers of their own.
func isOver(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ctx.Err() != nil || ok && !time.Now().Before(deadline)
}

// route returns the route as it is now.
func (f *invoker) route() (http.Handler, error) {
	if f.givenUp.Load() >= maxGivenUp {
		return nil, providers.Errorf(providers.Throttled,
			"%d earlier calls of route %s ran out of time and are still at work", maxGivenUp, f.name)
	}
	if f.find != nil {
		if route := f.find(f.name); route != nil {
			return route, nil
		}
	}
	return nil, providers.Errorf(providers.Unreachable, "there is no route %s for functions of space %s on this server: "+
		"it is to be a named route, and an event_gateway handler to offer it to the space", f.name, f.space)
}

// detach returns a context for a request of its own: it ends as ctx does, and holds nothing of the request that ctx may
// belong to.
func detach(ctx context.Context, nested int) (context.Context, context.CancelFunc) {
	inside := context.WithValue(context.Background(), nestedKey{}, nested)
	var cancel context.CancelFunc
	if deadline, ok := ctx.Deadline(); ok {
		inside, cancel = context.WithDeadline(inside, deadline)
	} else {
		inside, cancel = context.WithCancel(inside)
	}
	forget := context.AfterFunc(ctx, cancel)
	return inside, func() {
		forget()
		cancel()
	}
}

// request returns the request that the route gets. Handlers may change all of it but the bytes of the body.
func (f *invoker) request(ctx context.Context, call *providers.Call) *http.Request {
	target := *f.target
	header := make(http.Header, len(call.Header)+2)
	for name, values := range call.Header {
		if name = http.CanonicalHeaderKey(name); !providers.IsMessageHeader(name) && name != "Host" {
			header[name] = append([]string(nil), values...)
		}
	}
	header["Content-Type"] = []string{call.ContentType}
	if header["User-Agent"] == nil {
		header["User-Agent"] = []string{"event-gateway"}
	}
	req := &http.Request{
		Method: f.method, URL: &target, RequestURI: target.RequestURI(), Host: "localhost",
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, Body: http.NoBody, ContentLength: int64(len(call.Payload)),
	}
	if len(call.Payload) > 0 {
		req.Body = io.NopCloser(bytes.NewReader(call.Payload))
	}
	return req.WithContext(ctx)
}

// serve runs the route. A panic in it is one failed call, and http.ErrAbortHandler an answer that is not whole.
func (f *invoker) serve(route http.Handler, w *answer, r *http.Request) (err error) {
	defer func() {
		switch p := recover(); p {
		case nil:
		case http.ErrAbortHandler:
			err = brokenOff("the route broke off before the whole answer was there")
		default:
			f.logPanic(p)
			err = providers.Errorf(providers.FunctionFailed, "a handler of route %s panicked", f.name)
		}
	}()
	route.ServeHTTP(w, r)
	return nil
}

// logPanic reports a panic. The value of one may hold anything, so only the runtime's own are written out.
func (f *invoker) logPanic(value any) {
	reason := fmt.Sprintf("%T", value)
	if e, ok := value.(runtime.Error); ok {
		reason = e.Error()
	}
	f.logger.Error("a handler of a route panicked", "route", f.name, "panic", reason, "stack", string(debug.Stack()))
}

// giveUp leaves the handlers of a call that has ended to themselves, and counts them until they are done.
func (f *invoker) giveUp(w *answer, done <-chan outcome) {
	w.giveUp()
	f.givenUp.Add(1)
	go func() {
		<-done // what it says then is too late
		f.givenUp.Add(-1)
	}()
}

// ended is the error of a call whose context has ended. inside has the deadline of ctx, and may be a moment ahead of it.
func (f *invoker) ended(ctx, inside context.Context) error {
	if ctx.Err() == nil {
		ctx = inside
	}
	return providers.NetworkError(ctx, "route "+f.name, ctx.Err())
}
