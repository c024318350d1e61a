package providers

import (
	"time"

	"github.com/eventgateway/eventgateway"
)

// Router is an Invoker of a function that has no code of its own: other functions of the space, its members, answer for it. As
// each of them has its own format and its own key, delivery writes the event for the one that the Router names, calls that, and
// tells the Router how it went. Its Invoke, for calls whose payload is the same for every function, does all of that by itself,
// and sends no copies.
type Router interface {
	Invoker
	// Route begins a call. key is what the function's own key expression made of the event; empty when there is none.
	Route(ev *eventgateway.Event, key string) Route
	// Shadows returns the functions that get a copy of every call; not to be changed.
	Shadows() []Shadow
}

// Route is one call on its way through a Router. It is used by one goroutine at a time.
type Route interface {
	// Next returns the member to call now. An error, which is an *Error, means that there is none; then the route has ended.
	Next() (*Handle, error)
	// Done tells how the call of that member ended, and reports whether another is to be called: then Next returns it. A call
	// that did not come about for a reason that has nothing to do with the member is not told.
	Done(result *Result, err error, took time.Duration) (again bool)
}

// Shadow is a function that gets copies of calls, whose answers nobody waits for.
type Shadow interface {
	// FunctionID is the function's ID.
	FunctionID() string
	// Begin returns the function for one call; End is called after it. False means that as many copies are on their way as may
	// be, or there is no such function; then there is no call.
	Begin() (*Handle, bool)
	End()
}

// Router returns who names the functions that answer for this one; nil when it is called itself.
func (h *Handle) Router() Router { return h.router }

// Hold keeps the function open until Release: for the length of a call through its Router. An error is that of a call of a
// closed handle.
func (h *Handle) Hold() error {
	if !h.acquire() {
		return errClosed()
	}
	return nil
}

// Release ends a Hold.
func (h *Handle) Release() { h.release() }

func errClosed() *Error {
	return &Error{Failure: Unreachable, Message: "the function was changed or deleted just now", Err: ErrClosed}
}
