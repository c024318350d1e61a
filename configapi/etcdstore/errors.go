package etcdstore

import (
	"context"
	"errors"
	"strings"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"

	"github.com/eventgateway/eventgateway"
)

var (
	errClosed = errors.New("the store is closed")
	// errStopped ends every request to an embedded server that failed; it takes a restart of the process to begin anew.
	errStopped = errors.New("the embedded etcd has stopped")
)

const (
	nothingWritten = "nothing was written"
	maybeWritten   = "the change may have been written all the same: look before sending it again"
)

// unavailable makes the error for a write that etcd did not take, or may not have taken; what says which.
func unavailable(err error, what string) error {
	return &eventgateway.Error{
		Kind: eventgateway.Unavailable, Message: "the configuration store: " + plain(err) + "; " + what, Err: err,
	}
}

// refused reports whether err is etcd's own no, after which nothing of the request can happen.
func refused(err error) bool {
	switch code(err) {
	case codes.InvalidArgument, codes.FailedPrecondition, codes.PermissionDenied, codes.Unauthenticated,
		codes.ResourceExhausted, codes.OutOfRange, codes.NotFound, codes.Unimplemented:
		return true
	}
	return false
}

func code(err error) codes.Code {
	var own rpctypes.EtcdError
	if errors.As(err, &own) {
		return own.Code()
	}
	return grpcstatus.Code(err)
}

// refusal turns etcd's no to a write into an error for whoever sent it.
func refusal(err error) error {
	tooLarge := func(limit string) error {
		return &eventgateway.Error{
			Kind:    eventgateway.Invalid,
			Message: "the change is larger than etcd takes at once (" + limit + "); " + nothingWritten,
			Err:     err,
		}
	}
	switch {
	case errors.Is(err, rpctypes.ErrRequestTooLarge):
		return tooLarge("its --max-request-bytes, 1.5 MiB by default")
	case errors.Is(err, rpctypes.ErrTooManyOps):
		return tooLarge("its --max-txn-ops, 128 by default")
	case code(err) == codes.ResourceExhausted && strings.Contains(err.Error(), "message larger than max"):
		return tooLarge("its --max-request-bytes, 1.5 MiB by default")
	}
	return unavailable(err, nothingWritten)
}

// plain says in plain words what err is. Neither etcd nor its client put credentials in their errors.
func plain(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, errClosed), errors.Is(err, errStopped):
		return err.Error()
	case errors.Is(err, rpctypes.ErrNoLeader), errors.Is(err, rpctypes.ErrLeaderChanged),
		errors.Is(err, rpctypes.ErrTimeoutDueToLeaderFail), errors.Is(err, rpctypes.ErrTimeoutDueToConnectionLost):
		return "etcd has no leader at the moment: too few of its members reach each other"
	case errors.Is(err, rpctypes.ErrAuthFailed):
		return "etcd refuses the username or password"
	case errors.Is(err, rpctypes.ErrPermissionDenied):
		return "etcd denies the permission for its prefix"
	case errors.Is(err, rpctypes.ErrUserEmpty), errors.Is(err, rpctypes.ErrInvalidAuthToken):
		return "etcd wants a login: want a username and password, or a client certificate it knows"
	case errors.Is(err, rpctypes.ErrNoSpace):
		return "etcd's storage quota is used up: it takes no writes until space is reclaimed and the alarm disarmed"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, rpctypes.ErrTimeout):
		return "etcd did not answer in time"
	case errors.Is(err, context.Canceled):
		return "the request was canceled"
	}
	message := err.Error()
	if s, ok := grpcstatus.FromError(err); ok {
		message = s.Message()
	}
	if i := strings.LastIndex(message, "desc = "); i >= 0 {
		message = strings.Trim(message[i+len("desc = "):], `"`)
	}
	message = strings.TrimPrefix(strings.TrimPrefix(message, "transport: "), "Error while dialing: ")
	return "etcd is out of reach: " + message
}
