package providers

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/eventgateway/eventgateway/providers/egress"
)

// NetworkError explains a failed exchange with host, such as the error of an http.RoundTripper or of reading an answer.
// What is certain to have happened before the function could see the event is Unreachable; ctx tells TimedOut and
// Canceled; anything else means that there is no whole answer, a BadAnswer that is BrokenOff. Texts that come from the other
// side or hold a URL are dropped: a host can echo a credential.
func NetworkError(ctx context.Context, host string, err error) *Error {
	if e := endedError(ctx, "no whole answer from "+host+" in time"); e != nil {
		return e
	}
	if reason, cause := unreachable(err); reason != "" {
		return &Error{Failure: Unreachable, Message: "cannot reach " + host + ": " + reason, Err: cause}
	}
	var timeout net.Error
	switch {
	case errors.As(err, &timeout) && timeout.Timeout():
		return Errorf(TimedOut, "no whole answer from %s in time", host)
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return brokenOff("%s reset the connection before the whole answer was there", host)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return brokenOff("%s closed the connection before the whole answer was there", host)
	default:
		return brokenOff("no whole HTTP answer from %s: the exchange broke off or was malformed", host)
	}
}

func brokenOff(format, host string) *Error {
	return &Error{Failure: BadAnswer, BrokenOff: true, Message: fmt.Sprintf(format, host)}
}

// endedError returns the error for a call whose context has ended, with late as the message for a deadline; nil while it
// has not. A deadline counts when it has passed, also a moment before the context says so: the network's deadlines run on
// other timers.
func endedError(ctx context.Context, late string) *Error {
	deadline, ok := ctx.Deadline()
	switch err := ctx.Err(); {
	case errors.Is(err, context.DeadlineExceeded), err == nil && ok && !time.Now().Before(deadline):
		return &Error{Failure: TimedOut, Message: late, Err: context.DeadlineExceeded}
	case err != nil:
		return &Error{Failure: Canceled, Message: "the caller gave up", Err: context.Canceled}
	}
	return nil
}

// TooLarge is the error for an answer of more than limit bytes.
func TooLarge(limit int64) *Error {
	return Errorf(BadAnswer, "the answer is larger than the %d bytes accepted", limit)
}

// unreachable returns why no connection came about, in plain words, and the cause for logs; "" when that is not it.
func unreachable(err error) (reason string, cause error) {
	var (
		dns  *net.DNSError
		cert *tls.CertificateVerificationError
		rec  tls.RecordHeaderError
		op   *net.OpError
		no   *egress.Refused
	)
	switch {
	case errors.As(err, &no):
		return no.Reason, no
	case errors.As(err, &dns):
		return dnsReason(dns), dns
	case errors.As(err, &cert):
		return "TLS: " + certificateReason(cert), cert
	case errors.As(err, &rec), errors.Is(err, http.ErrSchemeMismatch):
		return "TLS: it does not speak TLS on this port", nil
	case strings.Contains(err.Error(), "TLS handshake timeout"): // net/http does not export its type
		return "TLS: the handshake took too long", nil
	case !errors.As(err, &op):
		return "", nil
	case op.Op == "remote error" || op.Op == "local error": // how crypto/tls reports alerts
		return strings.Replace(op.Err.Error(), "tls: ", "TLS: ", 1), op
	case op.Op == "proxyconnect":
		return "the proxy: " + dialReason(op), op
	case op.Op == "dial":
		return dialReason(op), op
	}
	return "", nil
}

func dnsReason(err *net.DNSError) string {
	switch {
	case err.IsNotFound:
		return "no such host"
	case err.IsTimeout:
		return "looking up its name took too long"
	default:
		return "its name cannot be looked up"
	}
}

func certificateReason(err error) string {
	var (
		unknown x509.UnknownAuthorityError
		host    x509.HostnameError
		invalid x509.CertificateInvalidError
	)
	switch {
	case errors.As(err, &unknown):
		return "its certificate is signed by an unknown authority"
	case errors.As(err, &host):
		return "its certificate is for another host"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "its certificate has expired or is not valid yet"
	default:
		return "its certificate is not accepted"
	}
}

func dialReason(err *net.OpError) string {
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "no route to it"
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return "the gateway has too many files open"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return "the gateway has no local port left"
	case err.Timeout():
		return "connecting took too long"
	default:
		return "no connection"
	}
}
