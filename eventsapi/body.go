package eventsapi

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/eventgateway/eventgateway"
)

// readBody reads the request's body: bounded in size, in time, and in the memory a sender gets by announcing much and
// sending little. The deadline stays after a failure, so that the server does not wait for the rest of the body either.
func (x *exchange) readBody() ([]byte, error) {
	r := x.r
	if r.Body == nil || r.Body == http.NoBody || r.ContentLength == 0 {
		return nil, nil
	}
	limit := x.h.MaxBody
	if limit <= 0 {
		limit = DefaultMaxBody
	}
	x.setReadDeadline()
	if r.ContentLength > limit {
		return nil, tooLarge(limit)
	}
	body, err := readUpTo(r.Body, limit, r.ContentLength)
	if err != nil {
		return nil, x.readError(err)
	}
	if int64(len(body)) > limit {
		return nil, tooLarge(limit)
	}
	_ = http.NewResponseController(x.w).SetReadDeadline(time.Time{}) // else the sender would seem gone at the deadline
	x.body = body
	return body, nil
}

// setReadDeadline bounds reading the body in time. A connection that has no deadlines is read without one.
func (x *exchange) setReadDeadline() {
	x.deadline = true
	_ = http.NewResponseController(x.w).SetReadDeadline(x.now.Add(x.readTimeout()))
}

func (x *exchange) readTimeout() time.Duration {
	if x.h.ReadTimeout > 0 {
		return x.h.ReadTimeout
	}
	return DefaultReadTimeout
}

// readUpTo reads all of r, but no more than one byte over limit. announced is how much there should be, or negative.
func readUpTo(r io.Reader, limit, announced int64) ([]byte, error) {
	const first = 64 << 10
	size := int64(512)
	if announced >= 0 {
		size = min(announced, first) + 1 // one more, so that the end is seen without growing
	}
	body := make([]byte, 0, size)
	for {
		n, err := r.Read(body[len(body):min(int64(cap(body)), limit+1)])
		body = body[:len(body)+n]
		if err == io.EOF || int64(len(body)) > limit {
			return body, nil
		}
		if err != nil {
			return nil, err
		}
		if len(body) == cap(body) {
			grown := make([]byte, len(body), min(2*int64(cap(body)), limit+1))
			copy(grown, body)
			body = grown
		}
	}
}

func tooLarge(limit int64) error {
	return refusal(http.StatusRequestEntityTooLarge, ReasonTooLarge,
		fmt.Sprintf("body: too large: want at most %d bytes", limit))
}

// readError tells why a body could not be read.
func (x *exchange) readError(err error) error {
	var outer *http.MaxBytesError
	var late interface{ Timeout() bool }
	switch {
	case errors.As(err, &outer): // a limit set before the request came here
		return tooLarge(outer.Limit)
	case errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &late) && late.Timeout():
		return refusal(http.StatusRequestTimeout, ReasonSlow, fmt.Sprintf("body: not all of it arrived within %s", x.readTimeout()))
	case errors.Is(err, io.ErrUnexpectedEOF):
		return eventgateway.Errorf(eventgateway.Invalid, "body: broken off: want as many bytes as Content-Length says, or a last chunk")
	case x.r.Context().Err() != nil:
		return refusal(statusClientClosed, ReasonCanceled, "")
	}
	return eventgateway.Errorf(eventgateway.Invalid, "body: cannot be read: want a complete body")
}
