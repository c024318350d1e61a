package plugins

import (
	"errors"
	"fmt"
	"net/http"
)

// Failure is the error of Emit where a sync plugin did not do its work, and the event is therefore stopped. Its text is meant for
// the sender and says nothing of the cause.
type Failure struct {
	// Plugin is the plugin's name.
	Plugin string
	// Reason says in a few words what happened.
	Reason string
	// Status is the HTTP status of the answer.
	Status int
	// Err is the cause, for logs. May be nil.
	Err error
}

// Error implements error.
func (f *Failure) Error() string { return fmt.Sprintf("plugin %s: %s", f.Plugin, f.Reason) }

// Unwrap returns the cause.
func (f *Failure) Unwrap() error { return f.Err }

// StatusCode returns the status of the answer.
func (f *Failure) StatusCode() int { return f.Status }

// failed turns the error of a reaction into a Failure. The status is 503 where trying again may help, the one the error asks
// for, or 500.
func (r *runner) failed(err error) *Failure {
	f := &Failure{Plugin: r.name, Reason: "failed", Status: http.StatusInternalServerError, Err: err}
	var status interface{ StatusCode() int }
	switch {
	case errors.Is(err, errTooSlow):
		f.Reason, f.Status = fmt.Sprintf("took longer than %s", r.tuning.Timeout), http.StatusServiceUnavailable
	case errors.Is(err, errBusy), errors.Is(err, errStopped):
		f.Reason, f.Status = err.Error(), http.StatusServiceUnavailable
	case errors.As(err, &status):
		if code := status.StatusCode(); code >= 400 && code <= 599 {
			f.Status = code
		}
	}
	return f
}

var (
	errTooSlow = errors.New("took too long")
	errBusy    = errors.New("has too many events at a time")
	errStopped = errors.New("is stopped")
	errBehind  = errors.New("is too far behind: the event was dropped")
)

// panicError is what a plugin panicked with.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }
