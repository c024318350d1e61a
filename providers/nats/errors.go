package natsprovider

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/eventgateway/eventgateway/providers"
	"github.com/nats-io/nats.go"
)

// connectFailure tells why there is no connection. What servers say in words is left out.
func (c *client) connectFailure(d *dialer, err error) *providers.Error {
	const check = ": check provider.credentials, nkeySeed, token, or user and password"
	host := c.host()
	switch {
	case c.life.Err() != nil:
		return providers.Errorf(providers.Unreachable, "the function was changed or deleted before there was a connection")
	case errors.Is(err, nats.ErrAuthExpired), errors.Is(err, nats.ErrAccountAuthExpired):
		return providers.Errorf(providers.Unreachable, "the credentials for %s have expired%s", host, check)
	case errors.Is(err, nats.ErrAuthRevoked):
		return providers.Errorf(providers.Unreachable, "the credentials for %s have been revoked%s", host, check)
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrNkeysNotSupported):
		return providers.Errorf(providers.Unreachable, "%s does not accept the credentials%s", host, check)
	case errors.Is(err, nats.ErrMaxConnectionsExceeded), errors.Is(err, nats.ErrMaxAccountConnectionsExceeded):
		return &providers.Error{
			Failure: providers.Throttled, RetryAfter: 5 * time.Second, Message: host + " has as many connections as it takes",
		}
	}
	if d.err != nil {
		err = d.err
	}
	switch {
	case errors.Is(err, errNoTLS):
		return providers.Errorf(providers.Unreachable, "cannot reach %s: it does not offer TLS, and provider.tls or provider.urls wants it", host)
	case errors.Is(err, errNoInfo):
		return providers.Errorf(providers.Unreachable, "cannot reach %s: it does not speak NATS on this port", host)
	}
	e := providers.NetworkError(context.Background(), host, err)
	if e.Failure != providers.Unreachable { // nothing was sent yet
		e = &providers.Error{Failure: providers.Unreachable, Message: "cannot reach " + host + ": it ended the connection or said nothing before there was one", Err: e.Err}
	}
	return e
}

// failure tells why a message was not sent or not answered.
func (f *invoker) failure(ctx context.Context, err error) *providers.Error {
	if known, ok := errors.AsType[*providers.Error](err); ok {
		return known
	}
	host := f.client.host()
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		e := providers.Errorf(providers.Unreachable, "nobody answers on subject %s", f.subject)
		if f.stores {
			e.Message = "no stream takes subject " + f.subject + ": create one, or check provider.subject"
		}
		return e
	case errors.Is(err, nats.ErrMaxPayload):
		return &providers.Error{
			Failure: providers.FunctionFailed, Permanent: true, Message: "the message is larger than " + host + " takes",
		}
	case errors.Is(err, nats.ErrHeadersNotSupported):
		return providers.Errorf(providers.Unreachable, "%s takes no headers: want a server of version 2.2 or later", host)
	case errors.Is(err, nats.ErrBadHeaderMsg):
		return &providers.Error{
			Failure: providers.FunctionFailed, Permanent: true, Message: "the headers of the event or the subscription cannot stand in a message",
		}
	}
	e := providers.NetworkError(ctx, host, err)
	if e.Failure == providers.BadAnswer {
		e.Message = host + " closed the connection before it was known what became of the message"
	}
	return e
}

func (f *invoker) notAllowed() *providers.Error {
	return providers.Errorf(providers.Unreachable, "%s does not let the gateway publish: its user needs the permission to publish to subject %s",
		f.client.host(), f.subject)
}

func (f *invoker) notHeard() *providers.Error {
	return providers.Errorf(providers.Unreachable, "%s does not let the gateway hear replies: its user needs the permission to subscribe to _INBOX.>",
		f.client.host())
}

// streamError is why a stream did not store a message.
type streamError struct {
	Code    int `json:"code"`
	ErrCode int `json:"err_code"`
}

// notStored names errors by their code; their texts quote.
func (f *invoker) notStored(said *streamError) *providers.Error {
	const insufficientResources, maxPayload, streamFull = 10023, 10054, 10077
	e := &providers.Error{
		Failure: providers.Unreachable, Status: said.Code,
		Message: fmt.Sprintf("the stream for subject %s did not store the message: error %d of JetStream", f.subject, said.ErrCode),
	}
	switch said.ErrCode {
	case maxPayload:
		e.Failure, e.Permanent = providers.FunctionFailed, true
		e.Message = "the message is larger than the stream for subject " + f.subject + " takes"
	case insufficientResources, streamFull:
		e.Failure = providers.Throttled
		e.Message = "the stream for subject " + f.subject + " or its account is full"
	}
	return e
}

// serviceError returns the error that a service reported in its reply's headers; nil when it did not. Its text may hold anything.
func serviceError(h nats.Header) *providers.Error {
	code := valueOf(h, "Nats-Service-Error-Code")
	if code == "" && valueOf(h, "Nats-Service-Error") == "" {
		return nil
	}
	e := &providers.Error{Failure: providers.FunctionFailed, Message: "the function failed"}
	if status, err := strconv.Atoi(code); err == nil && status >= 100 && status <= 599 {
		e.Status = status
		e.Message += " with code " + strconv.Itoa(status)
		if status == http.StatusTooManyRequests {
			e.Failure = providers.Throttled
		}
	}
	return e
}

// valueOf returns a header whatever the case of its name is, which NATS leaves to who writes it.
func valueOf(h nats.Header, name string) string {
	if values := h[name]; len(values) > 0 {
		return values[0]
	}
	for other, values := range h {
		if strings.EqualFold(other, name) && len(values) > 0 {
			return values[0]
		}
	}
	return ""
}
