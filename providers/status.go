package providers

import (
	"net/http"
	"strconv"
	"time"
)

// StatusError tells what an HTTP status other than 2xx means, of a function that is called with a request. header is that of
// its answer.
func StatusError(status int, header http.Header) *Error {
	e := &Error{
		Failure: FunctionFailed, Status: status, Message: "the function answered with status " + strconv.Itoa(status),
	}
	if text := http.StatusText(status); text != "" {
		e.Message += " " + text
	}
	after := header.Get("Retry-After")
	switch {
	case status/100 == 3:
		e.Permanent = true
		e.Message += ": redirects are not followed"
	case status == http.StatusTooManyRequests, status == http.StatusServiceUnavailable && after != "":
		e.Failure = Throttled
		e.RetryAfter = RetryAfter(after, time.Now())
	case status == http.StatusRequestTimeout, status == http.StatusTooEarly:
	case status/100 == 4:
		e.Permanent = true
	}
	return e
}

// RetryAfter reads a Retry-After header, seconds or a date; 0 when it is neither or lies in the past. A day is the most a host
// is believed.
func RetryAfter(value string, now time.Time) time.Duration {
	const most = 24 * time.Hour
	if seconds, err := strconv.ParseUint(value, 10, 64); err == nil {
		return time.Duration(min(seconds, uint64(most/time.Second))) * time.Second
	}
	if date, err := http.ParseTime(value); err == nil {
		return min(max(date.Sub(now), 0), most)
	}
	return 0
}

// IsMessageHeader reports whether a header, in its canonical form, describes the connection or the message, so that whoever
// sends the message sets it, and nobody else may.
func IsMessageHeader(name string) bool {
	switch name {
	case "Connection", "Keep-Alive", "Proxy-Connection", "Transfer-Encoding", "Te", "Trailer", "Upgrade", "Content-Length", "Expect",
		"Accept-Encoding": // an answer is passed on as it comes, so none may be asked for in another encoding
		return true
	}
	return false
}
