package providers

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Failure tells why a call did not succeed.
type Failure string

// The failures of a call.
const (
	// FunctionFailed means the function ran, or its host answered, and reported an error.
	FunctionFailed Failure = "function_error"
	// Unreachable means the function could not be called: no connection, refused credentials, no such function.
	Unreachable Failure = "unreachable"
	// TimedOut means there was no whole answer in time.
	TimedOut Failure = "timeout"
	// Throttled means the function's host asked to come back later.
	Throttled Failure = "throttled"
	// BadAnswer means the answer could not be used: too large, broken off, not in the expected form.
	BadAnswer Failure = "bad_answer"
	// Canceled means the caller gave up.
	Canceled Failure = "canceled"
)

// Error is a failed call. Message is shown to whoever sent the event: it holds no payload, URL or credential.
type Error struct {
	Failure Failure
	Message string
	// Status is the HTTP status the function's host answered with, 0 when there was none.
	Status int
	// Permanent means that calling again with the same event cannot help.
	Permanent bool
	// BrokenOff means, of a BadAnswer, that the exchange ended before the whole answer was there: whether the function has
	// done its work is not known.
	BrokenOff bool
	// RetryAfter is how long the host asked to wait; 0 when it did not say.
	RetryAfter time.Duration
	// Err is the cause, for logs; it holds no payload or credential either. May be nil.
	Err error
}

func (e *Error) Error() string { return e.Message }

func (e *Error) Unwrap() error { return e.Err }

// Errorf returns an Error with a formatted message.
func Errorf(failure Failure, format string, args ...any) *Error {
	return &Error{Failure: failure, Message: fmt.Sprintf(format, args...)}
}

// FailureOf returns why err happened; errors that are not an *Error are told by their context, else FunctionFailed.
func FailureOf(err error) Failure {
	var e *Error
	switch {
	case errors.As(err, &e):
		return e.Failure
	case errors.Is(err, context.DeadlineExceeded):
		return TimedOut
	case errors.Is(err, context.Canceled):
		return Canceled
	default:
		return FunctionFailed
	}
}
