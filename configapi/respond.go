package configapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/eventgateway/eventgateway"
)

// revisionHeader tells which revision of the store an answer stands for: the one written, or the one read at.
const revisionHeader = "Event-Gateway-Revision"

// refusal is an error of HTTP alone, which no rule about resources knows.
type refusal struct {
	status  int
	message string
}

func (r *refusal) Error() string { return r.message }

func refusef(status int, format string, args ...any) error {
	return &refusal{status, fmt.Sprintf(format, args...)}
}

// statusOf is the only place that turns errors into statuses.
func statusOf(err error) int {
	var refused *refusal
	if errors.As(err, &refused) {
		return refused.status
	}
	switch eventgateway.KindOf(err) {
	case eventgateway.Invalid:
		return http.StatusBadRequest
	case eventgateway.NotFound:
		return http.StatusNotFound
	case eventgateway.Exists, eventgateway.InUse, eventgateway.ReadOnly:
		return http.StatusConflict
	case eventgateway.Unmet:
		return http.StatusPreconditionFailed
	case eventgateway.Unavailable:
		return http.StatusServiceUnavailable
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// errorAnswer is the body of every answer that is an error.
type errorAnswer struct {
	Errors []errorMessage `json:"errors"`
	// Error is Errors' message once more, for first generation clients.
	Error string `json:"error,omitempty"`
}

type errorMessage struct {
	Message string `json:"message"`
}

// linger bounds how long the server reads on in a body that is too large.
const linger = time.Second

// fail answers with an error.
func (x *exchange) fail(err error) {
	x.status = statusOf(err)
	message := err.Error()
	switch x.status {
	case http.StatusNotModified:
		x.w.WriteHeader(x.status)
		return
	case http.StatusInternalServerError:
		x.Logger.Error("configuration request failed", "method", x.r.Method, "resource", x.r.URL.Path, "error", err)
		message = "internal error: the server's log tells more"
	case http.StatusServiceUnavailable:
		x.Logger.Warn("configuration request could not be served now", "method", x.r.Method, "error", err, "cause", errors.Unwrap(err))
		x.w.Header().Set("Retry-After", "1")
		if eventgateway.KindOf(err) == 0 {
			message = "the request was given up before it was done: read before trying again"
		}
	case http.StatusRequestTimeout:
		x.w.Header().Set("Connection", "close")
	case http.StatusRequestEntityTooLarge:
		// The server reads on a little, and closes in a way that lets a sender still at work see the answer: a connection
		// closed at once would be reset, and the answer lost. It does so only where it is left to decide that itself.
		_ = http.NewResponseController(x.w).SetReadDeadline(time.Now().Add(linger))
	}
	a := errorAnswer{Errors: []errorMessage{{message}}}
	if x.generation == first {
		a.Error = message
	}
	x.write(encode(a))
}

// answer answers with a body read or written at a revision.
func (x *exchange) answer(status int, revision int64, body any) {
	x.status = status
	x.w.Header().Set(revisionHeader, strconv.FormatInt(revision, 10))
	x.write(encode(body))
}

// write sends the status and a whole body. An error means that the client is gone, and there is nobody left to tell.
func (x *exchange) write(body []byte) {
	x.w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	x.setHeader()
	x.w.WriteHeader(x.status)
	if x.r.Method != http.MethodHead {
		_, _ = x.w.Write(body)
	}
}

// setHeader sets what every answer has.
func (x *exchange) setHeader() {
	x.w.Header().Set("Content-Type", "application/json")
	x.w.Header().Set("X-Content-Type-Options", "nosniff")
}

// encode returns an answer's JSON on a line of its own.
func encode(body any) []byte {
	var b bytes.Buffer
	mustEncode(newEncoder(&b), body)
	return b.Bytes()
}

func newEncoder(w io.Writer) *json.Encoder {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return encoder
}

// mustEncode encodes what always can be: an answer is made of checked resources, and a buffer takes all.
func mustEncode(encoder *json.Encoder, body any) {
	if err := encoder.Encode(body); err != nil {
		panic("configapi: an answer does not encode: " + err.Error())
	}
}
